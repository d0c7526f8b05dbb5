"""Where recent log lines come from: Loki, or a table in an SQL database. Both answer the same question."""

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import httpx
import psycopg
from psycopg.rows import TupleRow
from pydantic import JsonValue

from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.integrations.http.web import Web

PAGE = 5_000
MAX_TEXT = 4_000
LEVELS = ("level", "severity", "detected_level")


@dataclass(frozen=True, slots=True)
class RawLine:
    """One line of a log. `level` is lower-case, empty where the store does not tell."""

    at: datetime
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class RawLines:
    """Oldest first. `truncated` says that there are more than were asked for: the newest are kept."""

    lines: Sequence[RawLine]
    truncated: bool


class LogStore(Protocol):
    """One store of log lines. `name` says which in what the run records."""

    @property
    def name(self) -> str: ...

    async def lines(self, service: str, start: datetime, end: datetime, limit: int) -> RawLines:
        """The newest `limit` lines of a service from `start` on and before `end`. Raises ServiceError."""
        ...


class Loki:
    """Loki's `query_range`: https://grafana.com/docs/loki/latest/reference/loki-http-api/

    `label` is the stream label that holds the service's name.
    """

    name = "loki"

    def __init__(
        self, http: httpx.AsyncClient, base_url: str, token: str | None = None, label: str = "service"
    ) -> None:
        self._web = Web(http, "loki", base_url, token)
        self._label = label

    async def lines(self, service: str, start: datetime, end: datetime, limit: int) -> RawLines:
        """Pages of 5,000 lines, backwards in time. Raises ServiceError."""
        first, before = _nanoseconds(start), _nanoseconds(end)
        found: dict[tuple[int, str], RawLine] = {}
        while len(found) <= limit:
            page = await self._page(service, first, before)
            fresh = {key: line for key, line in page.items() if key not in found}
            found |= fresh
            if len(page) < PAGE or not fresh:
                break
            # One nanosecond is asked for again: lines of the same moment may lie on both sides of a page's end.
            before = min(moment for moment, _ in fresh) + 1
        ordered = [found[key] for key in sorted(found)]
        return RawLines(ordered[-limit:], truncated=len(ordered) > limit)

    async def _page(self, service: str, start: int, end: int) -> dict[tuple[int, str], RawLine]:
        if start >= end:
            return {}
        selector = f"{{{self._label}={json.dumps(service)}}}"
        params = {
            "query": selector,
            "start": str(start),
            "end": str(end),
            "limit": str(PAGE),
            "direction": "backward",
        }
        answer = await self._web.ask("GET", "/loki/api/v1/query_range", params=params)
        if not answer.ok:
            raise self._web.refused(answer)
        data = None if answer.body is None else answer.body.get("data")
        if not isinstance(data, dict) or data.get("resultType") != "streams" or not isinstance(data["result"], list):
            raise self._web.failed(FailureCode.SERVICE_BAD_RESPONSE, "the answer holds no streams", answer.status)
        return {key: line for stream in data["result"] for key, line in _stream(stream)}


class SqlLogs:
    """A table of log lines in SQLite (`sqlite:///PATH`) or PostgreSQL (`postgresql://…`), opened to read only.

    `query` is the installation's own statement. Its parameters are named: service, start, end, limit (SQLite `:name`,
    PostgreSQL `%(name)s`); its columns are time, level and text. Times without a zone are UTC.
    """

    name = "sql"

    def __init__(self, url: str, query: str) -> None:
        self._url = url
        self._query = query

    async def lines(self, service: str, start: datetime, end: datetime, limit: int) -> RawLines:
        """Raises ServiceError; its text never holds the address, which may have a password in it."""
        wanted = {"service": service, "start": start, "end": end, "limit": limit + 1}
        try:
            rows = await (self._sqlite(wanted) if self._url.startswith("sqlite:") else self._postgresql(wanted))
        except (sqlite3.OperationalError, psycopg.OperationalError) as error:
            raise _failed(FailureCode.SERVICE_UNAVAILABLE, "the database does not answer") from error
        except (sqlite3.Error, psycopg.Error) as error:
            raise _failed(FailureCode.SERVICE_REFUSED, f"the statement is refused ({type(error).__name__})") from error
        try:
            lines = sorted((_row(row) for row in rows), key=lambda line: line.at)
        except (ValueError, TypeError, IndexError) as error:
            raise _failed(FailureCode.SERVICE_BAD_RESPONSE, "columns must be time, level and text") from error
        return RawLines(lines[-limit:], truncated=len(lines) > limit)

    async def _sqlite(self, wanted: dict[str, Any]) -> Sequence[Any]:
        path = urlsplit(self._url).path
        given = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in wanted.items()}

        def read() -> Sequence[Any]:
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as connection:
                return connection.execute(self._query, given).fetchall()

        return await asyncio.to_thread(read)

    async def _postgresql(self, wanted: dict[str, Any]) -> Sequence[Any]:
        connection = await psycopg.AsyncConnection[TupleRow].connect(
            self._url, connect_timeout=5, options="-c default_transaction_read_only=on -c statement_timeout=10000"
        )
        async with connection, connection.cursor() as cursor:
            await cursor.execute(cast("Any", self._query), wanted)
            return await cursor.fetchall()


def _stream(stream: JsonValue) -> Sequence[tuple[tuple[int, str], RawLine]]:
    if not isinstance(stream, dict):
        return []
    labels, values = stream.get("stream"), stream.get("values")
    if not isinstance(labels, dict) or not isinstance(values, list):
        return []
    level = next((str(labels[name]).lower() for name in LEVELS if name in labels), "")
    found: list[tuple[tuple[int, str], RawLine]] = []
    for value in values:
        if isinstance(value, list) and len(value) >= 2 and str(value[0]).isdecimal():
            moment, text = int(str(value[0])), str(value[1])[:MAX_TEXT]
            at = datetime.fromtimestamp(moment // 1_000_000_000, UTC).replace(
                microsecond=moment % 1_000_000_000 // 1_000
            )
            found.append(((moment, text), RawLine(at, level, text)))
    return found


def _row(row: Sequence[Any]) -> RawLine:
    at = row[0]
    moment = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return RawLine(aware.astimezone(UTC), str(row[1] or "").lower(), str(row[2])[:MAX_TEXT])


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000


def _failed(code: FailureCode, why: str) -> ServiceError:
    return ServiceError(code, f"log database: {why}", evidence={"service": "sql-logs"})
