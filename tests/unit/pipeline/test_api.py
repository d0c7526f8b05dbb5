"""JSON APIs: every page is read once, no faster than allowed, and nothing that an answer says leads elsewhere."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.fakes.shop_api import ShopApi
from tests.unit.pipeline.reading import Reader, source
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.pipeline.pipeline import DateRange, Source
from towpath.contracts.pipeline.stages import Pages
from towpath.dataplane.core.columns import ROW
from towpath.dataplane.core.connections import HttpConnection
from towpath.dataplane.core.errors import SourceError, SourceFormatError
from towpath.dataplane.extract.trail import Trail

ORDERS = [
    {"id": number, "name": f"주문 {number}", "price": 1.5, "at": f"2026-01-{number % 28 + 1:02d}"}
    for number in range(95)
]
PAGE = {"style": "page", "items": "data.items", "size": 10, "total": "meta.total"}
CURSOR = {"style": "cursor", "items": "items", "size": 10}
LINK = {"style": "link", "size": 10}


@pytest.fixture
def shop(reader: Reader) -> Iterator[ShopApi]:
    shop = ShopApi(orders=list(ORDERS))
    with shop.served() as url:
        told = {"base_url": url, "headers": {"authorization": "Bearer s3cret"}}
        reader.connections = {"shop": HttpConnection.model_validate(told)}
        yield shop


def api(path: str, paging: dict[str, Any], pages: int = 3, **told: Any) -> Source:
    partition = {"by": "page", "pages": pages}
    given = {"partition": partition, "requests_per_second": 1_000} | told
    return source(type="http", connection="shop", path=path, paging=paging, **given)


@pytest.mark.parametrize(
    ("path", "paging", "total", "planned", "read"),
    [
        pytest.param("pages", PAGE, True, 4, 4, id="pages-with-a-total"),
        pytest.param("pages", PAGE, False, 1, 4, id="pages"),
        pytest.param("cursors", CURSOR, False, 1, 4, id="cursors"),
        pytest.param("links", LINK, False, 1, 4, id="links"),
        pytest.param("list", {"style": "none"}, False, 1, 1, id="one-answer"),
    ],
)
def test_paging(
    reader: Reader, shop: ShopApi, path: str, paging: dict[str, Any], total: bool, planned: int, read: int
) -> None:
    """Each style gives every row once, in order, with its number in the whole list; texts and numbers stay exact."""
    shop.total = total

    found = reader.read(api(path, paging))

    assert len(found.planned.partitions) == planned
    assert len(found.extracted) == read
    assert found.rows[1] == {"id": "1", "name": "주문 1", "price": "1.5", "at": "2026-01-02", ROW: 2}
    assert [(row["id"], row[ROW]) for row in found.rows] == [(str(number), number + 1) for number in range(95)]
    assert len({one.metrics.partition for one in found.extracted}) == read
    assert set(shop.tokens) == {"Bearer s3cret"}


def test_pages_smaller_than_asked_for(reader: Reader, shop: ShopApi) -> None:
    """An API that gives fewer rows than it is asked for is read to its end all the same."""
    shop.total, shop.largest_page = True, 7

    found = reader.read(api("pages", PAGE))

    assert [row["id"] for row in found.rows] == [str(number) for number in range(95)]


def test_rows_that_come_meanwhile(reader: Reader, shop: ShopApi) -> None:
    """What is added after planning is read by the partition that goes on where the plan ended."""
    shop.total = True
    orders = api("pages", PAGE)
    planned = reader.plan(orders)
    shop.orders += [{"id": number, "name": "late", "price": 1, "at": "2026-02-01"} for number in range(95, 140)]

    last = reader.extract(orders, planned, planned.partitions[-1])

    assert last.next is not None
    assert last.next.number == planned.partitions[-1].number + 1
    assert reader.extract(orders, planned, planned.partitions[0]).next is None


def test_empty_list(reader: Reader, shop: ShopApi) -> None:
    """No rows are no partitions."""
    shop.orders = []

    for path, paging in (("pages", PAGE), ("cursors", CURSOR), ("links", LINK)):
        assert reader.plan(api(path, paging)).partitions == ()


def test_api_that_repeats_its_last_page(reader: Reader, shop: ShopApi) -> None:
    """The same page twice in a row is the end, not the beginning of an endless list."""
    page = json.dumps({"data": {"items": [{"id": 1}]}})
    shop.answers = [Response(page) for _ in range(5)]

    found = reader.read(api("pages", PAGE, pages=10))

    assert found.values == [{"id": "1"}]


def test_items_that_are_no_objects(reader: Reader, shop: ShopApi) -> None:
    """An item that is no object, and a text that is none, are quarantined with their number in the list."""
    bad = b'[{"id": 1}, 5, {"id": "\xff"}, {"id": 4}]'
    shop.answers = [Response(bad), Response(bad)]

    found = reader.read(api("list", {"style": "none"}))

    assert [row["id"] for row in found.rows] == ["1", "4"]
    assert sorted(found.bad_places) == [("encoding", "list:3"), ("json", "list:2")]


def test_patience(reader: Reader, shop: ShopApi) -> None:
    """Asked to wait, it waits and goes on; no page is lost or read twice."""
    shop.answers = [Response(status_code=429, headers={"retry-after": "1"}), Response(status_code=503)]
    began = time.monotonic()

    found = reader.read(api("cursors", CURSOR))

    assert len(found.rows) == 95
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize(
    ("answer", "retryable", "told"),
    [
        pytest.param(Response(status_code=429, headers={"retry-after": "600"}), True, "answered 429", id="later"),
        pytest.param(Response(status_code=401), False, "answered 401", id="not-allowed"),
        pytest.param(
            Response(status_code=302, headers={"location": "/v1/list"}), False, "answered 302", id="elsewhere"
        ),
    ],
)
def test_answers_that_fail(reader: Reader, shop: ShopApi, answer: Response, retryable: bool, told: str) -> None:
    """A long wait is left to the run's retries; a refusal is final, and redirects are one."""
    shop.answers = [answer]

    with pytest.raises(SourceError, match=told) as caught:
        reader.read(api("list", {"style": "none"}))

    assert caught.value.code is FailureCode.PIPELINE_SOURCE_UNAVAILABLE
    assert caught.value.retryable is retryable
    assert (caught.value.retry_after is not None) is retryable
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "paging", "told"),
    [
        pytest.param("not JSON", {"style": "none"}, "not JSON", id="no-json"),
        pytest.param('{"rows": []}', {"style": "none", "items": "data"}, "no list at data", id="no-list"),
        pytest.param('{"items": [{"id": 1}], "next_cursor": "5"}', CURSOR, "next cursor", id="cursor-that-stays"),
    ],
)
def test_answers_of_another_shape(
    reader: Reader, shop: ShopApi, content: str, paging: dict[str, Any], told: str
) -> None:
    """An answer that is not as configured fails the run and says what is missing."""
    shop.answers = [Response(content) for _ in range(5)]

    with pytest.raises(SourceFormatError, match=told):
        reader.read(api("list", paging, pages=9))


@pytest.mark.parametrize("link", ["http://127.0.0.1:1/v1/links", "http://169.254.169.254/v1/links", "/admin/links"])
def test_link_that_leads_elsewhere(reader: Reader, shop: ShopApi, link: str) -> None:
    """An answer cannot send the reader to another host or out of the connection's path."""
    shop.next_link = link

    with pytest.raises(SourceFormatError, match="leads elsewhere"):
        reader.read(api("links", LINK))
    assert len(shop.asked) == 1


@pytest.mark.parametrize("path", ["../admin", "http://169.254.169.254/latest"])
def test_path_out_of_the_connection(reader: Reader, shop: ShopApi, path: str) -> None:
    """A pipeline reaches what lies below its connection's address, and nothing else."""
    with pytest.raises(SourceFormatError, match="leads out"):
        reader.plan(api(path, {"style": "none"}))
    assert shop.asked == []


def test_rate(reader: Reader, shop: ShopApi) -> None:
    """Requests keep their distance, also from those of the task before; partitions that are read at once share what is
    allowed.
    """
    orders = api("cursors", CURSOR, requests_per_second=50)
    planned = reader.plan(orders)

    reader.extract(orders, planned, planned.partitions[0], at_once=5)

    assert len(shop.at) == 4
    assert all(after - before >= 0.8 * 5 / 50 for before, after in pairwise(shop.at))


def test_incremental(reader: Reader, shop: ShopApi) -> None:
    """The watermark goes to the API where it takes one; what comes back from before it is left out."""
    columns = [{"name": "id", "type": "integer"}, {"name": "at", "type": "date"}]
    asked = api("pages", PAGE, columns=columns, cursor={"field": "at"}, since_parameter="since")

    found = reader.read(asked, watermark="2026-01-20")

    assert {query["since"] for query in shop.asked} == {"2026-01-20"}
    assert {row["at"] for row in found.rows} == {f"2026-01-{day}" for day in range(20, 29)}
    assert max(one.max_cursor or "" for one in found.extracted) == "2026-01-28"


def test_by_date(reader: Reader, shop: ShopApi) -> None:
    """A backfill asks for each day by itself."""
    told: dict[str, Any] = {
        "partition": {"by": "date", "column": "at"},
        "since_parameter": "since",
        "until_parameter": "until",
    }
    days = DateRange.model_validate({"first": "2026-01-05", "last": "2026-01-07"})

    found = reader.read(api("pages", PAGE, **told), dates=days)

    assert len(found.planned.partitions) == 3
    assert {query["since"] for query in shop.asked} == {"2026-01-05", "2026-01-06", "2026-01-07"}
    assert sorted({row["at"] for row in found.rows}) == ["2026-01-05", "2026-01-06", "2026-01-07"]
    assert len(found.rows) == sum(order["at"] in {"2026-01-05", "2026-01-06", "2026-01-07"} for order in ORDERS)


def test_server_that_is_not_there(reader: Reader) -> None:
    """No connection is a passing failure."""
    reader.connections = {"shop": HttpConnection(base_url="http://127.0.0.1:1/v1")}

    with pytest.raises(SourceError) as caught:
        reader.plan(api("list", {"style": "none"}))

    assert caught.value.retryable


def circle(before: int, length: int, style: str) -> Any:
    """Answers of an API with pages before a circle, and the circle: which page is next after one."""

    def after(place: int) -> int:
        return place + 1 if place + 1 < before + length else before

    def answer(request: Request) -> Response:
        place = int(request.query_params.get("cursor", "0"))
        body: dict[str, Any] = {"items": [{"id": place}], "next_cursor": str(after(place))}
        link = f'<{str(request.url).partition("?")[0]}?cursor={after(place)}>; rel="next"'
        return JSONResponse(body, headers={"link": link} if style == "link" else {})

    return answer


@pytest.mark.parametrize("style", ["cursor", "link"])
@pytest.mark.parametrize("pages", [1, 10])
def test_pages_that_go_round(reader: Reader, shop: ShopApi, style: str, pages: int) -> None:
    """A cursor or a link that was there before ends the run, in one partition or over several."""
    shop.answer = circle(1, 3, style)
    with pytest.raises(SourceFormatError, match=r"(cursor '.*'|link) was there before"):
        reader.read(api("pages", {"style": style, "items": "items", "size": 1}, pages=pages))
    assert len(shop.asked) <= 12


def walk(before: int, length: int, pages: int) -> Iterator[int]:
    """Pages of such a way, by partitions of so many."""
    share = Pages(pages=pages, cursor="0")
    while True:
        trail = Trail("orders", share)
        for _ in range(pages):
            yield int(share.cursor or "0")
            here = int(share.cursor or "0")
            following = here + 1 if here + 1 < before + length else before
            share = trail.follow(share.model_copy(update={"cursor": str(following)}))


@settings(max_examples=300, deadline=None)
@given(before=st.integers(0, 60), length=st.integers(1, 60), pages=st.integers(1, 9))
def test_circles_of_every_length(before: int, length: int, pages: int) -> None:
    """Wherever a circle begins and however long it is, it is found within a few rounds, and nothing else is one."""
    asked: list[int] = []
    with pytest.raises(SourceFormatError, match=r"its next cursor '[0-9]+' was there before"):
        asked.extend(walk(before, length, pages))
    read = sum(1 for _ in quietly(walk(before, length, pages)))
    assert before + length <= read <= 4 * (before + length + 1)


def quietly(pages: Iterator[int]) -> Iterator[int]:
    """Up to the failure."""
    with suppress(SourceFormatError):
        yield from pages


def test_page_that_comes_back(reader: Reader, shop: ShopApi) -> None:
    """A page that was there before, but not just before, is no end of the list."""
    pages = [json.dumps({"data": {"items": [{"id": number}]}}) for number in (1, 2, 1)]
    shop.answers = [Response(page) for page in [pages[0], *pages]]

    with pytest.raises(SourceFormatError, match="a page again that was there before, after 2 rows"):
        reader.read(api("pages", PAGE, pages=10))


def test_page_number_that_is_ignored(reader: Reader, shop: ShopApi) -> None:
    """The first page again and again is no end where the API says that there are more rows."""
    page = json.dumps({"data": {"items": [{"id": 1}]}, "meta": {"total": 5}})
    shop.answers = [Response(page) for _ in range(9)]

    with pytest.raises(SourceFormatError, match="after 1 rows"):
        reader.read(api("pages", PAGE, pages=10))


def test_total_that_changes(reader: Reader, shop: ShopApi) -> None:
    """A number of rows that changes while they are read is told, once for what changed."""
    shop.total = True
    orders = api("pages", PAGE)
    planned = reader.plan(orders)
    shop.orders = shop.orders[:93]

    found = [reader.extract(orders, planned, partition) for partition in planned.partitions]

    assert {note for one in found for note in one.notes} == {
        "the number of rows that it tells changed from 95 to 93 meanwhile"
    }
    assert reader.read(api("pages", PAGE)).extracted[0].notes == ()
