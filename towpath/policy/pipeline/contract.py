"""The schema contract: what a source's schema that differs from the declared one leads to."""

from collections.abc import Iterator

from towpath.contracts.core.wire import Wire
from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.schema import SchemaAction, SchemaChange, SchemaContract

_NUMBERS = (ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.FLOAT)
_TIMES = (ColumnType.DATE, ColumnType.TIMESTAMP)


class SchemaDecision(Wire):
    """`columns` is the schema that the run reads by. `refused`: the run fails before anything is loaded.

    Rows with a value in `quarantine_where_set` or `discard_where_set` are quarantined or left out. `new` columns are
    those that nobody declared.
    """

    columns: tuple[Column, ...]
    changes: tuple[SchemaChange, ...] = ()
    new: tuple[Column, ...] = ()
    quarantine_where_set: tuple[str, ...] = ()
    discard_where_set: tuple[str, ...] = ()

    @property
    def refused(self) -> tuple[SchemaChange, ...]:
        return tuple(change for change in self.changes if change.action is SchemaAction.FREEZE)


def decide(
    contract: SchemaContract,
    declared: tuple[Column, ...],
    seen: tuple[Column, ...],
    *,
    typed: bool = False,
    sampled: bool = False,
) -> SchemaDecision:
    """Columns are compared by name; without a declaration everything that is seen is taken. What the source calls a
    column stays with it, in a description that is not written.

    A text is no change of type, since files of text hold every type, and whether a value is one is told row by row;
    unless the source is `typed`, and means it. `sampled`: `seen` are the columns of some rows, so that one that may be
    null may come in others.
    """
    if not declared:
        return SchemaDecision(columns=seen)
    there = {column.name: column for column in seen}
    changes: list[SchemaChange] = []
    columns: list[Column] = []
    for column in declared:
        found = there.get(column.name)
        if found is None:
            kept, change = _missing(column, contract, sampled=sampled)
        else:
            kept, change = _typed(column, found, contract, typed=typed)
        if found is not None and found.description and not kept.description:
            kept = kept.model_copy(update={"description": found.description})
        columns.append(kept)
        if change is not None:
            changes.append(change)
    known = {column.name for column in declared}
    new = [column for column in seen if column.name not in known]
    changes += _new(new, contract)
    if contract.columns is SchemaAction.EVOLVE:
        columns += new
    names = tuple(column.name for column in new)
    return SchemaDecision(
        columns=tuple(columns),
        changes=tuple(changes),
        new=tuple(new),
        quarantine_where_set=names if contract.columns is SchemaAction.QUARANTINE_ROW else (),
        discard_where_set=names if contract.columns is SchemaAction.DISCARD_ROW else (),
    )


def common_type(one: Column, other: Column) -> Column:
    """The narrowest column that holds the values of both; text holds everything."""
    if one.type is other.type is ColumnType.DECIMAL or {one.type, other.type} == {
        ColumnType.INTEGER,
        ColumnType.DECIMAL,
    }:
        whole = max(_whole_digits(one), _whole_digits(other))
        scale = max(_scale(one), _scale(other))
        if whole + scale > 38:
            return one.model_copy(update={"type": ColumnType.TEXT})
        return one.model_copy(update={"type": ColumnType.DECIMAL, "precision": whole + scale, "scale": scale})
    if one.type is other.type:
        return one
    for order in (_NUMBERS, _TIMES):
        if one.type in order and other.type in order:
            return (
                one if order.index(one.type) > order.index(other.type) else one.model_copy(update={"type": other.type})
            )
    return one.model_copy(update={"type": ColumnType.TEXT})


def _missing(column: Column, contract: SchemaContract, *, sampled: bool) -> tuple[Column, SchemaChange]:
    frozen = not column.nullable or (contract.columns is SchemaAction.FREEZE and not sampled)
    why = "and must not be null" if not column.nullable else "and is null"
    return column, SchemaChange(
        kind="missing_column",
        column=column.name,
        action=SchemaAction.FREEZE if frozen else SchemaAction.DISCARD_VALUE,
        message=f"column {column.name} is declared and not there, {why}",
    )


def _typed(
    declared: Column, found: Column, contract: SchemaContract, *, typed: bool
) -> tuple[Column, SchemaChange | None]:
    wide = common_type(declared, found)
    if (found.type is ColumnType.TEXT and not typed) or _same(wide, declared):
        return declared, None
    change = SchemaChange(
        kind="type",
        column=declared.name,
        action=contract.types,
        message=f"column {declared.name} is {found.type}, {declared.type} is declared",
    )
    return (wide if contract.types is SchemaAction.EVOLVE else declared), change


def _new(columns: list[Column], contract: SchemaContract) -> Iterator[SchemaChange]:
    for column in columns:
        message = f"column {column.name} ({column.type}) is new"
        yield SchemaChange(kind="new_column", column=column.name, action=contract.columns, message=message)


def _same(one: Column, other: Column) -> bool:
    if one.type is not other.type:
        return False
    return one.type is not ColumnType.DECIMAL or (one.precision, one.scale) == (other.precision, other.scale)


def _whole_digits(column: Column) -> int:
    return column.precision - column.scale if column.type is ColumnType.DECIMAL else 19


def _scale(column: Column) -> int:
    return column.scale if column.type is ColumnType.DECIMAL else 0
