"""Watermarks: which of several is the lowest or the greatest, and from where on a run has to read."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from towpath.contracts.dataset import DatasetPart
from towpath.contracts.pipeline import PipelineConfig
from towpath.contracts.stages import Extracted, Watermark

MOST_AT_WATERMARK = 100_000
"""Rows at one value of a cursor that are known by their digests: beyond that a watermark would exceed a megabyte."""


class WatermarkError(Exception):
    """The destinations are at different places, and one of them cannot take a row twice."""


class Place(NamedTuple):
    """From where on to read, and the digests of the rows there that all destinations have."""

    watermark: str | None = None
    boundary: DatasetPart | None = None


def appending(config: PipelineConfig) -> list[str]:
    """Destinations that have a row as often as it is loaded."""
    return [one.name for one in config.destinations if one.strategy == "append"]


def lowest(config: PipelineConfig, watermarks: Mapping[str, Watermark]) -> Place:
    """The lowest watermark; None reads from the beginning. A destination that is further ignores what it has.

    That holds for strategies that know rows by their key. One that appends would have rows twice: its pipeline must
    first end the run that left the destinations apart. Raises WatermarkError.
    """
    found = [watermarks.get(destination.name, Watermark()) for destination in config.destinations]
    known = [one.value for one in found if one.value is not None]
    places = {(one.value, None if one.boundary is None else one.boundary.sha256) for one in found}
    names = ", ".join(appending(config))
    if names and len(places) > 1:
        raise WatermarkError(
            f"the destinations have different watermarks, and {names} appends: rows would be there "
            "twice; redrive the run that failed, or load that destination by a pipeline of its own"
        )
    if names and known and found[0].boundary is None:
        raise WatermarkError(
            f"which rows at the watermark {known[0]} are loaded is not known, and {names} appends: rows would be there "
            "twice; use upsert, or load a new table"
        )
    if len(known) < len(found):
        return Place()
    return Place(min(known, key=_order), found[0].boundary if len(places) == 1 else None)


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
