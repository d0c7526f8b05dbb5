"""Counts by name, put together."""

from collections.abc import Iterable, Mapping


def summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Sorted by name."""
    found: dict[str, int] = {}
    for one in counts:
        found = added(found, one)
    return found


def added(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Sorted by name."""
    names = sorted({*counts, *more})
    return {name: counts.get(name, 0) + more.get(name, 0) for name in names}
