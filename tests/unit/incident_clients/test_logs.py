"""Log lines from Loki and from SQL databases answer the same question in the same way."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.fakes.postgresql import postgresql_server
from tests.unit.incident_clients.conftest import Shop
from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.integrations.observe.logs import Loki, SqlLogs

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
SQLITE_QUERY = (
    "SELECT at, level, line FROM logs WHERE service = :service AND at >= :start AND at < :end"
    " ORDER BY at DESC LIMIT :limit"
)
POSTGRESQL_QUERY = (
    "SELECT at, level, line FROM logs WHERE service = %(service)s AND at >= %(start)s AND at < %(end)s"
    " ORDER BY at DESC LIMIT %(limit)s"
)
ROWS = [(NOON + timedelta(seconds=number), "ERROR" if number % 2 else None, f"line {number}") for number in range(10)]


async def test_loki_gives_the_lines_of_a_window(shop: Shop) -> None:
    """Lines come oldest first, with their level, and only those of the window."""
    world = shop.standins.services.world
    world.begin("checkout", "database-down")
    now = datetime.fromtimestamp(world.now(), UTC) + timedelta(seconds=-60)

    found = await Loki(shop.http, "http://standin").lines("checkout", now - timedelta(minutes=5), now, 10_000)

    assert len(found.lines) == 300
    assert not found.truncated
    assert found.lines[0].level == "info"
    assert [line.at for line in found.lines] == sorted(line.at for line in found.lines)


async def test_loki_is_asked_page_by_page(shop: Shop) -> None:
    """More lines than a page holds are all there once; beyond the limit the newest are kept."""
    now = datetime.fromtimestamp(shop.standins.services.world.now(), UTC)
    loki = Loki(shop.http, "http://standin")

    all_of_them = await loki.lines("search", now - timedelta(hours=3), now, 20_000)
    newest = await loki.lines("search", now - timedelta(hours=3), now, 6_000)

    assert len(all_of_them.lines) == len({line.at for line in all_of_them.lines}) == pytest.approx(10_800, abs=2)
    assert newest.truncated
    assert newest.lines == all_of_them.lines[-6_000:]


async def test_service_name_cannot_leave_its_quotes() -> None:
    """A service's name is data: it is quoted in the selector."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["query"])
        return httpx.Response(200, json={"status": "success", "data": {"resultType": "streams", "result": []}})

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))

    await Loki(client, "http://loki.example").lines('x"} or {app="y', NOON, NOON + timedelta(minutes=1), 10)

    assert asked == ['{service="x\\"} or {app=\\"y"}']


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    path = tmp_path / "logs.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE logs (service TEXT, at TEXT, level TEXT, line TEXT)")
        connection.executemany(
            "INSERT INTO logs VALUES ('checkout', ?, ?, ?)", [(at.isoformat(), level, line) for at, level, line in ROWS]
        )
    connection.close()
    return f"sqlite://{path}"


@pytest.fixture(scope="module")
def postgresql_url() -> Iterator[str]:
    with postgresql_server() as url:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE logs (service text, at timestamptz, level text, line text)")
            for at, level, line in ROWS:
                connection.execute("INSERT INTO logs VALUES ('checkout', %s, %s, %s)", (at, level, line))
        yield url


async def check(store: SqlLogs) -> None:
    """What both databases must answer."""
    some = await store.lines("checkout", NOON + timedelta(seconds=2), NOON + timedelta(seconds=6), 100)
    newest = await store.lines("checkout", NOON, NOON + timedelta(minutes=1), 3)
    none = await store.lines("x' OR '1'='1", NOON, NOON + timedelta(minutes=1), 100)

    assert [(line.at, line.level, line.text) for line in some.lines] == [
        (at, (level or "").lower(), line) for at, level, line in ROWS[2:6]
    ]
    assert ([line.text for line in newest.lines], newest.truncated) == (["line 7", "line 8", "line 9"], True)
    assert none.lines == []


async def test_sqlite(sqlite_url: str) -> None:
    """A table of SQLite is a log store."""
    await check(SqlLogs(sqlite_url, SQLITE_QUERY))


async def test_postgresql(postgresql_url: str) -> None:
    """A table of PostgreSQL is one as well."""
    await check(SqlLogs(postgresql_url, POSTGRESQL_QUERY))


async def test_databases_are_only_read(sqlite_url: str, postgresql_url: str) -> None:
    """A statement that writes is refused by the database, whatever the setting says."""
    drop = "DELETE FROM logs WHERE service = {} AND {} < {} AND {} > 0"
    for url, query in (
        (sqlite_url, drop.format(":service", ":start", ":end", ":limit")),
        (postgresql_url, drop.format("%(service)s", "%(start)s", "%(end)s", "%(limit)s")),
    ):
        with pytest.raises(ServiceError):
            await SqlLogs(url, query).lines("checkout", NOON, NOON + timedelta(minutes=1), 10)
        assert await SqlLogs(url, SQLITE_QUERY if "sqlite" in url else POSTGRESQL_QUERY).lines(
            "checkout", NOON, NOON + timedelta(minutes=1), 10
        )


async def test_database_that_is_not_there() -> None:
    """A dead database is a passing failure, and its address, which may hold a password, is not told."""
    store = SqlLogs("postgresql://reader:hunter2@127.0.0.1:1/logs", POSTGRESQL_QUERY)

    with pytest.raises(ServiceError) as caught:
        await store.lines("checkout", NOON, NOON + timedelta(minutes=1), 10)

    assert caught.value.code is FailureCode.SERVICE_UNAVAILABLE
    assert "hunter2" not in repr(caught.value)
