"""Which source columns each target column is made of, read off the operations."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from towpath.contracts.dataset import Column
from towpath.contracts.transformation import Specification

Influence = Literal["identity", "transformation", "aggregation", "filter", "join", "sort"]


class Origin(NamedTuple):
    """A column of a source; `filter`, `join` and `sort` are indirect: they decide which rows there are."""

    source: str
    column: str
    kind: Influence


def lineage_of(
    specification: Specification, source: tuple[Column, ...], others: Mapping[str, tuple[Column, ...]]
) -> dict[str, tuple[Origin, ...]]:
    """Origins by target column, sorted. Raises SpecificationError when the specification does not compile."""
    raise NotImplementedError(specification, source, others)
