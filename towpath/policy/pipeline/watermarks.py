"""Watermarks: which of several is the lowest or the greatest, and from where on a run has to read."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from towpath.contracts.pipeline.dataset import DatasetPart, Identifier
from towpath.contracts.pipeline.pipeline import PipelineConfig
from towpath.contracts.pipeline.stages import Extracted, Watermark

MOST_AT_WATERMARK = 100_000
"""Rows at one value of a cursor that are known by their digests: beyond that a watermark would exceed a megabyte."""


class StartingPoint(NamedTuple):
    """From where on to read, and the digests of the rows there that all destinations have.

    `behind` are the destinations that are loaded alone, up to where the next of the others is; empty: all are loaded.
    """

    watermark: str | None = None
    boundary: DatasetPart | None = None
    behind: tuple[Identifier, ...] = ()
    until: str | None = None


def appending(config: PipelineConfig) -> list[str]:
    """Destinations that have a row as often as it is loaded."""
    return [one.name for one in config.destinations if one.strategy == "append"]


def doubled(config: PipelineConfig, what: str) -> tuple[str, ...]:
    """Warns of a run that reads what may be loaded: a destination that appends does not know it again."""
    names = appending(config)
    if not names:
        return ()
    verb, mend = "append" if len(names) > 1 else "appends", "to have each row once, give it upsert or delete_insert"
    return (f"{', '.join(names)} {verb}: {what} and is there already will be there twice; {mend}",)


def lowest(config: PipelineConfig, watermarks: Mapping[str, Watermark]) -> StartingPoint:
    """The lowest watermark; None reads from the beginning. A destination that is further ignores what it has.

    That holds for strategies that know rows by their key. Where one appends, the destinations that are behind are
    loaded alone, until all are at one place.
    """
    found = {one.name: watermarks.get(one.name, Watermark()) for one in config.destinations}
    if not appending(config):
        return _common(tuple(found.values()))
    least = min(found.values(), key=_place)
    behind = tuple(name for name, one in found.items() if _place(one) == _place(least))
    if len(behind) == len(found):
        return StartingPoint(least.value, least.boundary)
    further = [one.value for one in found.values() if one.value is not None and one.value != least.value]
    return StartingPoint(least.value, least.boundary, behind, min(further, key=_order, default=None))


def _common(found: Sequence[Watermark]) -> StartingPoint:
    known = [one.value for one in found if one.value is not None]
    if len(known) < len(found):
        return StartingPoint()
    same = len({_place(one) for one in found}) == 1
    return StartingPoint(min(known, key=_order), found[0].boundary if same else None)


def _place(one: Watermark) -> tuple[bool, tuple[int, Decimal, str], int, str]:
    """In the order of what a destination has: at the same watermark, the rows there decide."""
    rows, digest = (0, "") if one.boundary is None else (one.boundary.rows, one.boundary.sha256)
    return one.value is not None, _order(one.value or ""), rows, digest


def frontier(
    extracted: Sequence[Extracted], watermark: str | None
) -> tuple[str | None, tuple[DatasetPart, ...] | None]:
    """The greatest cursor, and the digests of the rows that have it; None: they are too many."""
    reached = greatest((*(one.max_cursor for one in extracted), watermark))
    last = [one.boundary for one in extracted if reached is not None and one.max_cursor == reached]
    known = tuple(one for one in last if one is not None)
    if len(known) < len(last) or sum(one.rows for one in known) > MOST_AT_WATERMARK:
        return reached, None
    return reached, known


def greatest(values: Iterable[str | None]) -> str | None:
    """The greatest cursor: numbers by their value, times as ISO 8601 texts of one form."""
    return max((value for value in values if value is not None), key=_order, default=None)


def _order(value: str) -> tuple[int, Decimal, str]:
    try:
        return 0, Decimal(value), value
    except InvalidOperation:
        return 1, Decimal(0), value
