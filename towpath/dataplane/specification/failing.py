"""How an error is told from a null: an expression is computed into a structure, which is null itself when it raises.

`TRY({'v': x})` costs what `TRY(x)` does, and nothing is computed a second time.
"""

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.dataplane.core.columns import quoted
from towpath.dataplane.specification.builder import NEW
from towpath.dataplane.specification.casting import FIRST_MOMENT, LAST_MOMENT, exact_cast

_VALUE = f"struct_extract({quoted(NEW)}, 'v')"
_TEXT = Column(name="v", type=ColumnType.TEXT)


def outcome_of(expression: str) -> str:
    """SQL to compute under the name NEW. An expression that can fail raises where it does."""
    return f"TRY({{'v': {expression}}})"


def settled(column: Column) -> str:
    """The value of NEW as the column has it: null after an error, and where no column of its type holds it."""
    match column.type:
        case ColumnType.FLOAT:
            return f"CASE WHEN isfinite({_VALUE}) THEN {_VALUE} END"
        case ColumnType.DATE | ColumnType.TIMESTAMP:
            return f"CASE WHEN {_VALUE} BETWEEN {FIRST_MOMENT} AND {LAST_MOMENT} THEN {_VALUE} END"
        case ColumnType.JSON:
            return exact_cast(_VALUE, _TEXT, column)
        case _:
            return _VALUE


def failure(column: Column) -> str:
    """SQL that is true where computing NEW failed, or gave what the column cannot hold."""
    raised = f"{quoted(NEW)} IS NULL"
    return (
        raised if settled(column) == _VALUE else f"{raised} OR ({_VALUE} IS NOT NULL AND ({settled(column)}) IS NULL)"
    )
