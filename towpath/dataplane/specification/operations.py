"""What each operation is in SQL. Each takes the columns that the ones before it left, and says what it leaves."""

from collections.abc import Callable, Iterable
from functools import singledispatch
from typing import Final

from towpath.contracts.core.wire import Wire
from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.transformation import (
    Aggregate,
    Cast,
    Deduplicate,
    Derive,
    Filter,
    Join,
    MapValues,
    Normalise,
    Rename,
    Split,
    Unnest,
)
from towpath.dataplane.core.columns import literal, quoted, sql_type, statement
from towpath.dataplane.specification.aggregating import aggregate
from towpath.dataplane.specification.binding import bound_type
from towpath.dataplane.specification.builder import FAILED, NEW, PART, RESERVED, ROW, Builder
from towpath.dataplane.specification.casting import exact_cast, same_type
from towpath.dataplane.specification.errors import RefusedExpressionError
from towpath.dataplane.specification.failing import failure, outcome_of, settled
from towpath.dataplane.specification.guard import guard

SUPERSEDED = "superseded"
"""The table of rows that a newer one replaces, by part and row."""

_STEPS: Final[dict[str, Callable[[str], str]]] = {
    "trim": lambda text: f"trim_blanks({text})",
    "lower": lambda text: f"lower({text})",
    "upper": lambda text: f"upper({text})",
    "collapse_spaces": lambda text: f"regexp_replace({text}, '[\\s\\x{{a0}}\\x{{202f}}\\x{{3000}}]+', ' ', 'g')",
    "strip_accents": lambda text: f"strip_accents({text})",
    "digits_only": lambda text: f"regexp_replace({text}, '[^0-9]', '', 'g')",
    "empty_to_null": lambda text: f"nullif({text}, '')",
    "money": lambda text: f"plain_number({text})",
}


@singledispatch
def build(operation: Wire, builder: Builder) -> None:
    """Raises ExpressionError for what does not fit the columns."""
    raise TypeError(type(operation).__name__, builder.rule)


@build.register
def _rename(operation: Rename, builder: Builder) -> None:
    for old in operation.columns:
        builder.column(old)
    names = {name: operation.columns.get(name, name) for name in builder.columns}
    _distinct(list(names.values()))
    columns = {new: builder.columns[old].model_copy(update={"name": new}) for old, new in names.items()}
    builder.leave(columns, {new: quoted(old) for old, new in names.items()})


@build.register
def _cast(operation: Cast, builder: Builder) -> None:
    given = builder.column(operation.column)
    wanted = operation.to
    columns = {(wanted.name if name == given.name else name): kept for name, kept in builder.columns.items()}
    if wanted.name != given.name and wanted.name in builder.columns:
        raise RefusedExpressionError("column", f"there is a column {wanted.name!r} already")
    columns[wanted.name] = wanted
    value = exact_cast(quoted(given.name), given, wanted, operation.formats)
    builder.compute(value)
    lost = f"{quoted(given.name)} IS NOT NULL AND {quoted(NEW)} IS NULL"
    quarantines = operation.on_error == "quarantine"
    builder.leave(
        columns,
        {wanted.name: quoted(NEW)},
        failed=lost if quarantines else "",
        reason=f"{given.name}: {type_name(wanted)} is wanted",
        null_made="" if quarantines else lost,
        error="" if quarantines else lost,
    )


@build.register
def _derive(operation: Derive, builder: Builder) -> None:
    guarded = guard(operation.expression, builder.columns)
    given, wanted = bound_type(guarded.sql, builder.columns), operation.column
    if given is None:
        value = f"CAST(NULL AS {sql_type(wanted)})"
    else:
        _check_derived(given, wanted, [builder.columns[name] for name in guarded.columns])
        changes = not same_type(given, wanted) and wanted.type is not ColumnType.JSON
        value = f"CAST({guarded.sql} AS {sql_type(wanted)})" if changes else guarded.sql
    builder.compute(outcome_of(value))
    known = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in guarded.columns)
    columns = {**builder.columns, wanted.name: wanted}
    result = settled(wanted)
    failed = failure(wanted)
    lost = f"({result}) IS NULL" + (f" AND {known}" if known else "")
    builder.leave(
        columns,
        {wanted.name: result},
        failed=failed if operation.on_error == "quarantine" else "",
        reason=f"{wanted.name}: the expression cannot be computed",
        null_made=lost,
        error=failed if operation.on_error == "null" else "",
    )


def _check_derived(given: Column, wanted: Column, read: list[Column]) -> None:
    """What an expression gives is converted where that loses nothing; everything else it has to say itself."""
    kinds = (given.type, wanted.type)
    if wanted.type is ColumnType.DECIMAL:
        if given.type is ColumnType.FLOAT and not any(column.type is ColumnType.FLOAT for column in read):
            mend = f"write exact_divide(a, b, {min(wanted.scale, 9)}) for a / b, and no functions of floating point"
            raise RefusedExpressionError("inexact", "a decimal would be made from a binary fraction", mend)
        if given.type is ColumnType.DECIMAL and given.scale > wanted.scale and not _is_division(given):
            mend = f"round(…, {wanted.scale})"
            raise RefusedExpressionError(
                "inexact", f"the result has {given.scale} decimals, {wanted.scale} are wanted", mend
            )
    widening = {
        (ColumnType.INTEGER, ColumnType.DECIMAL),
        (ColumnType.INTEGER, ColumnType.FLOAT),
        (ColumnType.DECIMAL, ColumnType.FLOAT),
        (ColumnType.FLOAT, ColumnType.DECIMAL),
        (ColumnType.DATE, ColumnType.TIMESTAMP),
        (ColumnType.TEXT, ColumnType.JSON),
        # Month arithmetic on a date gives a timestamp at midnight.
        (ColumnType.TIMESTAMP, ColumnType.DATE),
    }
    if given.type is not wanted.type and kinds not in widening:
        raise RefusedExpressionError(
            "type", f"the expression gives {given.type}, {wanted.type} is wanted", f"CAST(… AS {sql_type(wanted)})"
        )


def _is_division(given: Column) -> bool:
    """exact_divide() is rounded by its own argument, and always of this type."""
    return (given.precision, given.scale) == (38, 9)


@build.register
def _normalise(operation: Normalise, builder: Builder) -> None:
    column = _text(builder, operation.column)
    value = quoted(column.name)
    for step in operation.steps:
        value = _STEPS[step](value)
    builder.leave(builder.columns, {column.name: value})


@build.register
def _map_values(operation: MapValues, builder: Builder) -> None:
    column = _text(builder, operation.column)
    name = quoted(column.name)
    branches = " ".join(
        f"WHEN {literal(old)} THEN {'NULL' if new is None else literal(new)}" for old, new in operation.values.items()
    )
    known = ", ".join(literal(old) for old in operation.values)
    unknown = f"{name} IS NOT NULL AND {name} NOT IN ({known})" if known else f"{name} IS NOT NULL"
    otherwise = "NULL" if operation.otherwise == "null" else name
    value = f"CASE {name} {branches} ELSE {otherwise} END" if branches else otherwise
    builder.compute(value)
    builder.leave(
        builder.columns,
        {column.name: quoted(NEW)},
        failed=unknown if operation.otherwise == "quarantine" else "",
        reason=f"{column.name}: not among the known values",
        null_made=unknown if operation.otherwise == "null" else "",
        error=unknown if operation.otherwise == "null" else "",
    )


@build.register
def _split(operation: Split, builder: Builder) -> None:
    """The last column takes the rest; what is missing or empty is null."""
    column = _text(builder, operation.column)
    kept = {name: known for name, known in builder.columns.items() if operation.keep or name != column.name}
    _distinct([*kept, *operation.into])
    columns = {**kept, **{name: Column(name=name, type=ColumnType.TEXT) for name in operation.into}}
    builder.compute(f"string_split({quoted(column.name)}, {literal(operation.separator)})")
    last = len(operation.into)
    values = {name: f"nullif({quoted(NEW)}[{place}], '')" for place, name in enumerate(operation.into, 1)}
    rest = f"array_to_string({quoted(NEW)}[{last}:], {literal(operation.separator)})"
    values[operation.into[-1]] = f"nullif({rest}, '')"
    builder.leave(columns, values)


@build.register
def _filter(operation: Filter, builder: Builder) -> None:
    """Where the expression is null because a column is, a row that has failed goes on to be quarantined."""
    guarded = guard(operation.expression, builder.columns)
    given = bound_type(guarded.sql, builder.columns)
    if given is None or given.type is not ColumnType.BOOLEAN:
        raise RefusedExpressionError("type", "a filter has to be true or false", "write a comparison")
    builder.settle()
    builder.compute(outcome_of(guarded.sql))
    quarantines = operation.on_error == "quarantine"
    failed, passes = failure(given), settled(given)
    unknown = f"({passes}) IS NULL AND {quoted(FAILED)} IS NULL" + (f" AND NOT ({failed})" if quarantines else "")
    builder.leave(
        builder.columns,
        {},
        failed=failed if quarantines else "",
        reason="the filter cannot be computed",
        left_out=f"NOT ({passes}) OR ({unknown})",
        error="" if quarantines else failed,
    )


@build.register
def _deduplicate(operation: Deduplicate, builder: Builder) -> None:
    for name in (*operation.key, *([operation.newest_by] if operation.newest_by else [])):
        builder.column(name)
    builder.read(
        statement(
            "SELECT {shown}, s.row IS NOT NULL AS {new} FROM {last} t"
            " LEFT JOIN {superseded} s ON t.{part} = s.part AND t.{row} = s.row",
            shown=_carried(builder, "t."),
            new=quoted(NEW),
            last=builder.last,
            superseded=SUPERSEDED,
            part=quoted(PART),
            row=quoted(ROW),
        )
    )
    builder.leave(builder.columns, {}, left_out=quoted(NEW))


@build.register
def _join(operation: Join, builder: Builder) -> None:
    """A key that the other source has twice fails the row: a join never makes two rows of one."""
    there = {column.name: column for column in builder.others.get(operation.source, ())}
    if not there:
        raise RefusedExpressionError("source", f"there is no other source {operation.source!r}", _names(builder.others))
    if not operation.on:
        raise RefusedExpressionError("join", "a join needs a column to join on")
    for here, other in operation.on.items():
        _joinable(builder.column(here), _there(there, other))
    added = {new: _there(there, old).model_copy(update={"name": new}) for old, new in operation.columns.items()}
    _distinct([*builder.columns, *added])
    table = f"other_{len(builder.joined)}"
    builder.joined.append(operation.source)
    if operation.kind == "inner":
        builder.settle()
    on = " AND ".join(f"t.{quoted(here)} = o.{quoted(other)}" for here, other in operation.on.items())
    got = "".join(f", o.{quoted(f'{RESERVED}to_{new}')}" for new in added)
    builder.read(
        statement(
            "SELECT {shown}{got}, coalesce(o.{new}, 0) AS {new} FROM {last} t LEFT JOIN ({other}) o ON {on}",
            shown=_carried(builder, "t."),
            got=got,
            new=quoted(NEW),
            last=builder.last,
            other=_one_for_each_key(operation, table, unique=builder.unique),
            on=on,
        )
    )
    builder.leave(
        {**builder.columns, **added},
        {new: quoted(f"{RESERVED}to_{new}") for new in added},
        failed=f"{quoted(NEW)} > 1",
        reason=f"{operation.source} has more than one row of this key",
        left_out=f"{quoted(NEW)} = 0 AND {quoted(FAILED)} IS NULL" if operation.kind == "inner" else "",
    )


def _one_for_each_key(operation: Join, table: str, *, unique: bool) -> str:
    """The other source with the number of its rows that have a key. Where keys are unique, counting is not needed."""
    keys = [quoted(name) for name in operation.on.values()]
    new = {quoted(old): quoted(f"{RESERVED}to_{new}") for old, new in operation.columns.items()}
    picked = [f"{old if unique else f'any_value({old})'} AS {name}" for old, name in new.items()]
    return statement(
        "SELECT {shown}, {count} AS {new} FROM {table} {grouped}",
        shown=", ".join((*keys, *picked)),
        count="1" if unique else "count(*)",
        new=quoted(NEW),
        table=table,
        grouped="" if unique else f"GROUP BY {', '.join(keys)}",
    )


@build.register
def _aggregate(operation: Aggregate, builder: Builder) -> None:
    aggregate(operation, builder)


@build.register
def _unnest(operation: Unnest, builder: Builder) -> None:
    """Entries come as text; a value that is no list fails its row, once."""
    column = builder.column(operation.column)
    if column.type not in {ColumnType.TEXT, ColumnType.JSON}:
        raise RefusedExpressionError("type", f"{column.name} is {column.type}; a JSON list is wanted")
    _distinct([*builder.columns, operation.into] if operation.into != column.name else list(builder.columns))
    if not operation.keep_empty:
        builder.settle()
    name = quoted(column.name)
    is_list = f"coalesce(TRY(json_type({name})) = 'ARRAY', FALSE)"
    entry = "list_transform(json_extract_string(digits_as_texts({}), '$[*]'), lambda entry: plain_json(entry))"
    builder.compute(f"CASE WHEN {is_list} THEN {entry.format(name)} END")
    entries = f"CASE WHEN len({quoted(NEW)}) > 0 THEN {quoted(NEW)} ELSE [NULL] END"
    empty = f"coalesce(len({quoted(NEW)}) = 0, {name} IS NULL)"
    builder.read(
        statement(
            "SELECT {shown}, {empty} AS {is_empty}, unnest({entries}) AS {new},"
            " {new} IS NULL AND {name} IS NOT NULL AS {is_bad} FROM {last}",
            shown=_carried(builder),
            empty=empty,
            is_empty=quoted(f"{RESERVED}empty"),
            entries=entries,
            new=quoted(NEW),
            name=name,
            is_bad=quoted(f"{RESERVED}bad"),
            last=builder.last,
        )
    )
    into = Column(name=operation.into, type=ColumnType.TEXT)
    left_out = "" if operation.keep_empty else f"{quoted(f'{RESERVED}empty')} AND {quoted(FAILED)} IS NULL"
    builder.leave(
        {**builder.columns, operation.into: into},
        {operation.into: quoted(NEW)},
        failed=quoted(f"{RESERVED}bad"),
        reason=f"{column.name}: a JSON list is wanted",
        left_out=left_out,
    )


def type_name(column: Column) -> str:
    return f"decimal({column.precision},{column.scale})" if column.type is ColumnType.DECIMAL else str(column.type)


def _carried(builder: Builder, of: str = "") -> str:
    return ", ".join(f"{of}{quoted(name)}" for name in (*builder.columns, *builder.hidden))


def _text(builder: Builder, name: str) -> Column:
    column = builder.column(name)
    if column.type is not ColumnType.TEXT:
        raise RefusedExpressionError("type", f"{name} is {column.type}; this works on text", "do it before the cast")
    return column


def _distinct(names: list[str]) -> None:
    """DuckDB takes no notice of the case of names."""
    folded = [name.lower() for name in names]
    twice = sorted({name for name in names if folded.count(name.lower()) > 1})
    if twice:
        raise RefusedExpressionError("column", f"these names would stand twice: {', '.join(twice)}")


def _there(columns: dict[str, Column], name: str) -> Column:
    found = columns.get(name)
    if found is None:
        raise RefusedExpressionError("column", f"the other source has no column {name!r}", _names(columns))
    return found


def _joinable(here: Column, there: Column) -> None:
    if here.type is not there.type:
        raise RefusedExpressionError(
            "type",
            f"{here.name} is {here.type}, and {there.name} is {there.type}",
            f"cast {here.name} before the join, or declare the type of {there.name} at its source",
        )


def _names(known: Iterable[str]) -> str:
    return f"there are: {', '.join(sorted(known))}"
