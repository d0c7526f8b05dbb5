"""Requests to a JSON API: below one address, no faster than it allows, patient when it asks for patience."""

import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Self

import httpx

from towpath.dataplane.core.connections import HttpConnection
from towpath.dataplane.core.errors import SourceError, SourceFormatError
from towpath.outside.blocking import blocking_client
from towpath.outside.bounded import AnswerTooLargeError
from towpath.policy.core.retry_after import retry_after
from towpath.policy.core.web_path import leads_elsewhere

LARGEST_ANSWER = 64 * 1024**2
ATTEMPTS = 4
PATIENCE = timedelta(seconds=30)
"""A longer wait is left to whoever retries the task."""
OK, NOT_FOUND = 200, 404
_LATER = frozenset({429, 500, 502, 503, 504})


class ApiClient:
    """One for a task. Redirects are not followed, and no address of an answer is, unless it lies below the base URL."""

    def __init__(self, source: str, connection: HttpConnection, requests_per_second: float) -> None:
        headers = {name: value.get_secret_value() for name, value in connection.headers.items()}
        self._source = source
        self._base = httpx.URL(connection.base_url.rstrip("/") + "/")
        self._interval = 1 / requests_per_second
        # The task before this one may have asked just now.
        self._next = time.monotonic() + self._interval
        self._pause = threading.Event()
        self._http = blocking_client(
            connection.timeout_seconds, LARGEST_ANSWER, headers={"accept": "application/json"} | headers
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, query: Mapping[str, str]) -> httpx.Response:
        """`path` is below the base URL, or an address that an answer gave. Raises SourceError and SourceFormatError."""
        url = self._url(path)
        attempt = 1
        while (response := self._once(url, query)).status_code in _LATER:
            wanted = retry_after(response.headers)
            wait = wanted if wanted is not None else timedelta(seconds=0.5 * 2**attempt)
            if attempt == ATTEMPTS or wait > PATIENCE:
                raise SourceError(f"{self._source}: answered {response.status_code}", retry_after=wanted)
            self._pause.wait(wait.total_seconds())
            attempt += 1
        if response.status_code not in {OK, NOT_FOUND}:
            raise SourceError(f"{self._source}: answered {response.status_code}", retryable=False)
        return response

    def below(self, address: str) -> str | None:
        """An address that an answer gave, absolute; None when it leads elsewhere."""
        if leads_elsewhere(address) and "%" in address:
            return None
        url = self._base.join(address)
        same = (url.scheme, url.host, url.port) == (self._base.scheme, self._base.host, self._base.port)
        return str(url) if same and url.path.startswith(self._base.path) else None

    def _url(self, path: str) -> httpx.URL:
        url = path if "://" in path else str(self._base).rstrip("/") + "/" + path.lstrip("/")
        found = self.below(url)
        if found is None:
            raise SourceFormatError(f"{self._source}: its path leads out of the connection's address")
        return httpx.URL(found)

    def _once(self, url: httpx.URL, query: Mapping[str, str]) -> httpx.Response:
        now = time.monotonic()
        if now < self._next:
            self._pause.wait(self._next - now)
        self._next = max(now, self._next) + self._interval
        try:
            return self._http.get(url.copy_merge_params(dict(query)))
        except AnswerTooLargeError as error:
            message = f"{self._source}: an answer is larger than 64 MiB; ask for smaller pages"
            raise SourceFormatError(message) from error
        except httpx.HTTPError as error:
            raise SourceError(f"{self._source}: {type(error).__name__}") from error
