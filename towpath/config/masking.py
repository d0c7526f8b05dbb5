"""Masks secrets in texts and values that come back from wherever they were sent."""

import base64
import json
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import chain, count
from urllib.parse import quote, quote_plus

from pydantic import JsonValue

MASK = "***"
SHORTEST = 8
"""A shorter secret would be found in texts that do not hold it: it is masked only where it is the whole value."""
SHORTEST_CORE = 6
"""Fewer characters of base64 than this would be found in texts that hold no secret."""


class Masker:
    """Knows the secrets that one request was sent, and nothing of all others."""

    def __init__(self, secrets: Collection[str], texts: Collection[str] = ()) -> None:
        """`texts` were made of secrets, as `Bearer SECRET`: they are masked where they are the whole value."""
        values = [secret for secret in secrets if secret]
        self._within = _pattern({form for value in values if len(value) >= SHORTEST for form in _forms(value)})
        self._whole = frozenset(form for value in (*values, *texts) for form in _whole_forms(value) if form)
        self._anywhere = _pattern({form for value in values for form in _forms(value)})

    def mask(self, text: str) -> str:
        """`text` with each secret in it, plain, percent-encoded, JSON-escaped or in base64, as ***.

        Letters match in either case: hosts are lower-case, and so is some percent-encoding.
        """
        if text.strip() in self._whole:
            return MASK
        return text if self._within is None else self._within.sub(MASK, text)

    def masked(self, value: JsonValue) -> JsonValue:
        """`value` with every text in it masked, keys and numbers too."""
        if not self._whole:
            return value
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, dict):
            return {key: self.masked(inner) for key, inner in zip(self._names(value), value.values(), strict=True)}
        if isinstance(value, list):
            return [self.masked(inner) for inner in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            written = json.dumps(value)
            return value if self.mask(written) == written else MASK
        return value

    def _names(self, names: Iterable[str]) -> list[str]:
        """The names of an object's fields, masked: two that become one have numbers, so that no entry is lost."""
        shown = {name: self.mask(name) for name in names}
        used = {name for name, told in shown.items() if name == told}
        for name, told in shown.items():
            if name != told:
                numbered = (f"{told}-{number}" for number in count(2))
                shown[name] = next(free for free in chain((told,), numbered) if free not in used)
                used.add(shown[name])
        return list(shown.values())

    def holds(self, text: str) -> bool:
        """Whether a secret of any length is anywhere in a text."""
        return self._anywhere is not None and self._anywhere.search(text) is not None


def _pattern(forms: set[str]) -> re.Pattern[str] | None:
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if forms else None


def _whole_forms(value: str) -> Iterator[str]:
    """How a value may look when it is all of a text."""
    yield from (value, value.strip(), quote(value, safe=""), quote(value), quote_plus(value))
    yield from (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    yield from _encoded(value.encode("utf-8", "surrogatepass"))


def _forms(value: str) -> Iterator[str]:
    """How a value may look within a text."""
    yield from _whole_forms(value)
    raw = value.encode("utf-8", "surrogatepass")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        # Inside a longer text, as in `user:secret`, only the middle of its base64 is the same at each alignment.
        for shift in range(3):
            text = encode(bytes(shift) + raw).decode()
            core = text[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
            if len(core) >= SHORTEST_CORE:
                yield core


def _encoded(raw: bytes) -> Iterator[str]:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(raw).decode()
        yield from (whole, whole.rstrip("="))
