"""One HTTP call to a platform, and what its ending says: nothing went out, or nobody knows. Redirects are not followed:
the credentials go to the configured address alone.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import httpx

from towpath.config.masking import Masker
from towpath.contracts.core.failure import FailureCode, PublishError
from towpath.contracts.core.wire import JsonObject, clip, json_object
from towpath.outside.transport import ATTEMPT, Attempt, never_sent
from towpath.policy.core.retry_after import retry_after
from towpath.policy.core.web_path import leads_elsewhere

LONGEST_WAIT = timedelta(days=1)
"""Platforms count some of their limits by the day."""
TOO_EARLY = 425

Kind = Literal["read", "effect"]
"""An `effect` leaves something behind and is not repeatable; all else, removing by id too, is a `read`."""


@dataclass(frozen=True, slots=True)
class PlatformOperation:
    """What is asked, as messages call it."""

    name: str
    method: str
    url: str
    kind: Kind = "read"
    headers: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    params: dict[str, str] = field(default_factory=dict[str, str])
    body: JsonObject | None = None


class PlatformCalls:
    """Calls of one platform. `http` is shared and pooled; `masker` knows what a platform may not be quoted with."""

    def __init__(self, name: str, http: httpx.AsyncClient, masker: Masker, *, seconds: float = 20.0) -> None:
        self._name = name
        self._http = http
        self._masker = masker
        self._seconds = seconds

    async def send(self, operation: PlatformOperation) -> httpx.Response:
        """The whole answer, whatever its status. Raises PublishError when there is none."""
        body: dict[str, Any] = {} if operation.body is None else {"json": operation.body}
        if leads_elsewhere(operation.url):
            raise self.error(FailureCode.PUBLISH_REFUSED, operation, "has no such path: it leads elsewhere", sent=False)
        attempt = Attempt()
        # The library's texts may hold a header: none of its errors is kept as a cause.
        try:
            async with asyncio.timeout(self._seconds):
                return await self._http.request(
                    operation.method,
                    operation.url,
                    params=operation.params or None,
                    headers=operation.headers,
                    extensions={ATTEMPT: attempt},
                    **body,
                )
        except (httpx.RequestError, TimeoutError) as error:
            if never_sent(error) or attempt.unsent:
                raise self.error(FailureCode.PUBLISH_UNAVAILABLE, operation, "cannot be reached", sent=False) from None
            raise self._silent(operation, "did not answer") from None

    def answer(self, operation: PlatformOperation, response: httpx.Response) -> JsonObject:
        """The JSON of an answer that says yes. Raises PublishError."""
        answer = json_object(response.content)
        if answer is None:
            raise self._silent(operation, "answered something else than JSON")
        return answer

    def refusal(
        self,
        operation: PlatformOperation,
        response: httpx.Response,
        *,
        problem: str = "",
        code: FailureCode | None = None,
        wait: timedelta | None = None,
    ) -> PublishError:
        """The error of an answer that says no. `problem` is the platform's own word for it, `code` what it means."""
        status = response.status_code
        found = code or _code(status, operation.kind)
        what = "a redirect, which is not followed" if 300 <= status < 400 else str(status)
        text = self._masker.mask(clip(" ".join(problem.split()), 160))
        return self.error(
            found,
            operation,
            f"answered {what} {text}".rstrip(),
            status=status,
            wait=_bounded(wait) if wait is not None else retry_after(response.headers),
        )

    def error(
        self,
        code: FailureCode,
        operation: PlatformOperation,
        why: str,
        *,
        status: int | None = None,
        wait: timedelta | None = None,
        sent: bool = True,
    ) -> PublishError:
        return PublishError(
            code,
            f"{self._name} {operation.name}: {self._name} {why}",
            retry_after=wait,
            evidence={"platform": self._name, "operation": operation.name, "status": status},
            sent=sent,
        )

    def _silent(self, operation: PlatformOperation, why: str) -> PublishError:
        unknown = operation.kind == "effect"
        code = FailureCode.PUBLISH_UNKNOWN if unknown else FailureCode.PUBLISH_UNAVAILABLE
        return self.error(code, operation, why)


def _code(status: int, kind: Kind) -> FailureCode:
    """A server's error may come from before or behind the effect, from a proxy too: only 4xx says that nothing was."""
    if status == 401:
        return FailureCode.PUBLISH_AUTH
    if status == 429:
        return FailureCode.PUBLISH_RATE_LIMITED
    if status == 408 or status >= 500:
        return FailureCode.PUBLISH_UNKNOWN if kind == "effect" else FailureCode.PUBLISH_UNAVAILABLE
    if status == TOO_EARLY:
        return FailureCode.PUBLISH_UNAVAILABLE
    return FailureCode.PUBLISH_REFUSED


def _bounded(wait: timedelta) -> timedelta:
    return min(max(wait, timedelta()), LONGEST_WAIT)
