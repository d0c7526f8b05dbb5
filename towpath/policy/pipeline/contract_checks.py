"""Actions of a schema contract that can mean nothing where they stand."""

from collections.abc import Iterator

from towpath.contracts.pipeline.pipeline import Source
from towpath.contracts.pipeline.schema import SchemaAction, SchemaContract

Problem = tuple[str, str, str, bool]
"""Field, what is wrong, mend, and whether it is only a warning."""
_TYPED = frozenset({"parquet", "postgresql"})


def contract_problems(source: Source) -> Iterator[Problem]:
    contract, usual = source.contract, SchemaContract()
    if contract.tables is SchemaAction.QUARANTINE_ROW:
        what = "a table that is not there is no fault of a row: none can be quarantined for it"
        yield "tables", what, "write evolve, freeze or discard_row; a later run reads what was left out", False
    if contract.tables is not usual.tables and not source.main:
        yield "tables", f"no table is made of {source.name}: it is only joined", "leave tables out here", False
    if not source.columns:
        for field in ("columns", "types"):
            if getattr(contract, field) is not getattr(usual, field):
                what = "nothing is declared to hold the source against"
                yield field, what, "add columns: […] to the source, or leave this out", False
    elif contract.types is SchemaAction.EVOLVE and source.type not in _TYPED:
        what = f"a source of type {source.type} has texts and no types: a value that is none of its type is quarantined"
        yield "types", what, "write quarantine_row, which is the same here", True
