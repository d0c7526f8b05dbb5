"""Watermarks: which of several is the lowest or the greatest, and from where on a run has to read."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

from towpath.contracts.pipeline import PipelineConfig


class WatermarkError(Exception):
    """The destinations are at different places, and one of them cannot take a row twice."""


def lowest(config: PipelineConfig, watermarks: Mapping[str, str | None]) -> str | None:
    """The lowest watermark; None reads from the beginning. A destination that is further ignores what it has.

    That holds for strategies that know rows by their key. One that appends would have rows twice: its pipeline must
    first end the run that left the destinations apart. Raises WatermarkError.
    """
    values = [watermarks.get(destination.name) for destination in config.destinations]
    known = [value for value in values if value is not None]
    appending = [one.name for one in config.destinations if one.strategy == "append"]
    if len(set(values)) > 1 and appending:
        raise WatermarkError(
            f"the destinations have different watermarks, and {', '.join(appending)} appends: rows would be there "
            "twice; redrive the run that failed, or load that destination by a pipeline of its own"
        )
    return min(known, key=_order) if known and len(known) == len(values) else None


def greatest(values: Iterable[str | None]) -> str | None:
    """The greatest cursor: numbers by their value, times as ISO 8601 texts of one form."""
    return max((value for value in values if value is not None), key=_order, default=None)


def _order(value: str) -> tuple[int, Decimal, str]:
    try:
        return 0, Decimal(value), value
    except InvalidOperation:
        return 1, Decimal(0), value
