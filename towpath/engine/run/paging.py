"""The pages of an `http` step with `paging`: what the next request asks for, and when there is none."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from towpath.contracts.core.failure import CallFailedError, Failure, FailureCode
from towpath.engine.expression.values import Value
from towpath.engine.language.http_step import Paging
from towpath.engine.language.shapes import as_list
from towpath.engine.run.evaluation import Evaluation, StepError

_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[A-Za-z*]+\s*(?:=\s*(?:"[^"]*"|[^\s",;]*))?)*)')
_NEXT = re.compile(r';\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?=\s*(?:;|$)))', re.IGNORECASE)


class PageWalk:
    """The items of all pages so far. `query` is what the next request has beside the query of the step."""

    def __init__(self, paging: Paging, evaluation: Evaluation, names: Mapping[str, Value]) -> None:
        self._paging, self._evaluation, self._names = paging, evaluation, names
        self._items: list[Value] = []
        self.number = 1
        self.query: dict[str, Value] = {paging.in_query: str(paging.first)} if paging.style == "page" else {}

    @property
    def output(self) -> Value:
        return {"items": self._items, "pages": self.number}

    def take(self, answer: Value) -> bool:
        """Whether there is another page. Raises StepError, and CallFailedError for pages that do not end."""
        found = as_list(self._evaluation.value(self._paging.items, "config.paging.items", output=answer, **self._names))
        if found is None:
            message = "config.paging.items: it is not a list"
            raise StepError(Failure(code=FailureCode.STEP_EXPRESSION, message=message, attempts=1))
        self._items.extend(found)
        following = self._following(answer, bool(found))
        if following is None:
            return False
        if following == self.query:
            raise _endless(f"page {self.number} names itself as the next one")
        if self.number == self._paging.max:
            raise _endless(f"there are more than {self.number} pages: raise paging.max, or ask for less")
        self.query = following
        self.number += 1
        return True

    def _following(self, answer: Value, has_items: bool) -> dict[str, Value] | None:
        paging = self._paging
        if paging.style == "page":
            return {paging.in_query: str(paging.first + self.number)} if has_items else None
        if paging.style == "link":
            return next_query(str(answer["headers"].get("link", "")))
        told = self._evaluation.value(paging.next, "config.paging.next", output=answer, **self._names)
        return (
            {paging.in_query: told if isinstance(told, str) else str(told)} if told not in (None, "", False) else None
        )


def next_query(header: str) -> dict[str, Value] | None:
    """The query of the link to the next page, by RFC 8288. Nothing but its query is taken: answers name no hosts."""
    for link in _LINK.finditer(header):
        if _NEXT.search(link[2]):
            query = parse_qs(urlsplit(str(link[1])).query, keep_blank_values=True)
            return {name: values[0] if len(values) == 1 else list(values) for name, values in query.items()}
    return None


def _endless(message: str) -> CallFailedError:
    return CallFailedError(Failure(code=FailureCode.SERVICE_BAD_RESPONSE, message=f"paging: {message}", attempts=1))
