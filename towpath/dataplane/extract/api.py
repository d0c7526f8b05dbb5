"""JSON APIs: read page by page, in partitions of so many pages.

Where the API tells the number of rows, partitions are read in parallel; otherwise each names the next.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, time
from math import ceil
from typing import NamedTuple

import httpx

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.pipeline import ApiPaging, ByDate, ByPage, HttpSource
from towpath.contracts.pipeline.stages import Extracted, ExtractionPlanTask, ExtractTask, Pages, Partition
from towpath.dataplane.core.connections import HttpConnection
from towpath.dataplane.core.errors import SourceFormatError
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.api_client import NOT_FOUND, ApiClient
from towpath.dataplane.extract.decoding import MARKING
from towpath.dataplane.extract.intake import RowIntake
from towpath.dataplane.extract.json_rows import JsonRows, Located, json_columns
from towpath.dataplane.extract.json_values import JsonError, entries, member, skip, text_of, value_end, value_of
from towpath.dataplane.extract.trail import Trail
from towpath.policy.pipeline.bounds import Bounds, periods
from towpath.policy.pipeline.naming import named_columns


class Page(NamedTuple):
    """`following` is where the next page is; None: there is none. `size_bytes` is the answer's."""

    items: list[str]
    following: Pages | None
    size_bytes: int
    total: int | None


def plan_api(
    task: ExtractionPlanTask, source: HttpSource, bounds: Bounds, work: Workspace
) -> tuple[tuple[Partition, ...], tuple[Column, ...]]:
    """Asks for the first page: its columns, and whether the API tells how many rows there are.

    Periods are asked for until one has rows.
    """
    pages = source.partition.pages if isinstance(source.partition, ByPage) else ByPage(by="page").pages
    partitions: list[Partition] = []
    told: dict[str, None] = {}
    with open_reader(source, work, at_once=1) as reader:
        for since, until in _periods(task, source, bounds):
            first = Pages(
                page=source.paging.first_page if source.paging.style == "page" else None,
                pages=pages,
                since=since,
                until=until,
            )
            shares = [first]
            if not told:
                # Columns and page size are known from one period with rows.
                page = reader.page(first)
                told.update(dict.fromkeys(json_columns(page.items)))
                shares = list(_shares(source.paging, first, page))
            for share in shares:
                name = share_name(share)
                partitions.append(Partition(name=name, number=len(partitions), slice=share))
    columns = tuple(
        Column(name=name, type=ColumnType.TEXT, description=text) for name, text in named_columns(told, source.columns)
    )
    return tuple(partitions), columns


def extract_api(task: ExtractTask, source: HttpSource, work: Workspace) -> Extracted:
    """Holds one page at a time. Raises SourceFormatError for a cursor, a link or a page that was there before."""
    share = task.partition.slice
    if not isinstance(share, Pages):
        raise SourceFormatError(f"{source.name}: an API has no partition of this kind")
    intake = RowIntake(task, work, f"{source.path}")
    rows = JsonRows(task.wanted, intake)
    trail, pages = Trail(source.name, share), _Repeats(source, share)
    size, row = 0, share.first_row
    following: Pages | None = share
    with open_reader(source, work, at_once=task.at_once) as reader:
        for _ in range(share.pages):
            page = reader.page(following)
            if pages.is_end(page, row - 1):
                following = None
                break
            size += page.size_bytes
            if page.items:
                located = [Located(row + number, text) for number, text in enumerate(page.items)]
                intake.add(rows.table(located), size)
                row += len(page.items)
            following = None if page.following is None else trail.follow(page.following)
            if following is None:
                break
    after: Partition | None = None
    if following is not None and share.open_end:
        after_share = following.model_copy(update={"first_row": row})
        after = Partition(name=share_name(after_share), number=task.partition.number + 1, slice=after_share)
    closed = intake.close(new_columns=rows.new_columns, following=after)
    return closed.model_copy(update={"notes": pages.notes()})


class _Repeats:
    """Pages of a partition by their contents, and the number of rows that they tell."""

    def __init__(self, source: HttpSource, share: Pages) -> None:
        self._source = source
        self._planned = share.total
        self._told = share.total
        self._seen: set[str] = set()
        self._last = ""
        self._repeats = False

    def is_end(self, page: Page, rows: int) -> bool:
        """The same page twice in a row ends a list by page number: some APIs repeat their last page.

        Raises SourceFormatError when it cannot be the last one.
        """
        self._told = self._told if page.total is None else page.total
        if not page.items:
            return False
        digest = hashlib.sha256("\n".join(page.items).encode()).hexdigest()
        before, self._last = self._last, digest
        if digest not in self._seen:
            self._seen.add(digest)
            return False
        is_last = before == digest and self._source.paging.style == "page"
        if not is_last or (page.total is not None and rows < page.total):
            name = self._source.name
            raise SourceFormatError(f"{name}: it answered with a page again that was there before, after {rows:,} rows")
        self._repeats = True
        return True

    def notes(self) -> tuple[str, ...]:
        found: list[str] = []
        if self._planned is not None and self._told != self._planned:
            found.append(f"the number of rows that it tells changed from {self._planned:,} to {self._told:,} meanwhile")
        if self._repeats:
            found.append("it repeated its last page, which was taken for its end")
        return tuple(found)


def share_name(share: Pages) -> str:
    period = "" if share.since is None else f" from {share.since}"
    return f"rows {share.first_row}..{period}"


class PageReader:
    """Pages of one source. An answer is taken apart where its items begin and end, an item is the text that it is."""

    def __init__(self, source: HttpSource, client: ApiClient) -> None:
        self._source = source
        self._client = client

    def __enter__(self) -> "PageReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    def page(self, share: Pages) -> Page:
        """Raises SourceError, and SourceFormatError for an answer without a list where it should be."""
        source, paging = self._source, self._source.paging
        if share.link is not None:
            response = self._client.get(share.link, {})
        else:
            response = self._client.get(source.path, self._query(share))
        if response.status_code == NOT_FOUND:
            if paging.style == "page" and share.page != paging.first_page:
                return Page([], None, 0, None)
            raise SourceFormatError(f"{source.name}: answered 404")
        body = response.content.decode("utf-8", MARKING)
        try:
            items, cursor, total = self._taken_apart(body)
        except ValueError as error:
            raise SourceFormatError(f"{source.name}: its answer is not JSON") from error
        if items is None:
            raise SourceFormatError(f"{source.name}: there is no list at {paging.items or 'the top'} in its answer")
        total = total or response.headers.get("x-total-count")
        following = self._following(share, response, items, cursor)
        number = int(total) if total is not None and total.isascii() and total.isdigit() else None
        return Page(items, following, len(response.content), number)

    def _taken_apart(self, body: str) -> tuple[list[str] | None, str | None, str | None]:
        """Items, next cursor and total, as far as they are there. Raises ValueError."""
        paging = self._source.paging
        if skip(body, value_end(body, skip(body, 0))) != len(body):
            raise JsonError("more than one value")
        at = member(body, paging.items)
        items = list(entries(body, at)) if at >= 0 and body[at] == "[" else None
        return items, self._told(body, paging.next_cursor), self._told(body, paging.total)

    @staticmethod
    def _told(body: str, path: str | None) -> str | None:
        at = member(body, path) if path else -1
        return None if at < 0 else text_of(value_of(body[at : value_end(body, at)]))

    def _query(self, share: Pages) -> dict[str, str]:
        source, paging = self._source, self._source.paging
        query = dict(source.query)
        if paging.style != "none":
            query[paging.size_parameter] = str(paging.size)
        if share.page is not None:
            query[paging.page_parameter] = str(share.page)
        if share.cursor is not None:
            query[paging.cursor_parameter] = share.cursor
        if source.since_parameter is not None and share.since is not None:
            query[source.since_parameter] = share.since
        if source.until_parameter is not None and share.until is not None:
            query[source.until_parameter] = share.until
        return query

    def _following(self, share: Pages, response: httpx.Response, items: list[str], cursor: str | None) -> Pages | None:
        style = self._source.paging.style
        if style == "page" and items and share.page is not None:
            return share.model_copy(update={"page": share.page + 1})
        if style == "cursor" and cursor:
            if cursor == share.cursor:
                raise SourceFormatError(f"{self._source.name}: its next cursor is the one that was asked for")
            return share.model_copy(update={"cursor": cursor})
        if style == "link" and "next" in response.links:
            link = self._client.below(str(response.url.join(response.links["next"]["url"])))
            if link is None or link == share.link:
                raise SourceFormatError(f"{self._source.name}: its next link leads elsewhere, or nowhere")
            return share.model_copy(update={"link": link})
        return None


def open_reader(source: HttpSource, work: Workspace, *, at_once: int) -> PageReader:
    """Raises ConnectionNameError."""
    connection = work.connection(source.connection, HttpConnection)
    return PageReader(source, ApiClient(source.name, connection, source.requests_per_second / at_once))


def _shares(paging: ApiPaging, first: Pages, page: Page) -> Iterator[Pages]:
    """From the first page on; where the number of rows is known, up to it, and the last share goes on beyond."""
    if not page.items:
        return
    in_page = min(len(page.items), paging.size)
    count = 1
    if paging.style == "page" and page.total is not None:
        count = max(1, ceil(page.total / in_page / first.pages))
    for number in range(count):
        ahead = number * first.pages
        yield first.model_copy(
            update={
                "page": None if first.page is None else first.page + ahead,
                "first_row": 1 + ahead * in_page,
                "open_end": number == count - 1,
                "total": page.total,
            }
        )


def _periods(task: ExtractionPlanTask, source: HttpSource, bounds: Bounds) -> list[tuple[str | None, str | None]]:
    dates = task.dates
    if not isinstance(source.partition, ByDate):
        return [(bounds.since, bounds.until)]
    if dates is not None:
        first, last = datetime.combine(dates.first, time()), datetime.combine(dates.last, time.max)
    elif bounds.since is not None:
        first, last = datetime.fromisoformat(bounds.since), datetime.now(UTC)
    else:
        return [(None, None)]
    first, last = (moment.replace(tzinfo=None) for moment in (first, last))
    found = periods(first, last, source.partition.every)
    if source.partition.every == "hour":
        return [(start.isoformat(), end.isoformat()) for start, end in found]
    return [(start.date().isoformat(), end.date().isoformat()) for start, end in found]
