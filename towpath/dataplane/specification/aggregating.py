"""The aggregation: rows that failed or were left out do not count, and sums of decimals are exact."""

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.transformation import Aggregate
from towpath.dataplane.core.columns import packed, quoted, sql_type, statement
from towpath.dataplane.specification.builder import FAILED, LEFT_OUT, LINE, NEW, PART, POSITION, ROW, SOURCE, Builder
from towpath.dataplane.specification.errors import RefusedExpressionError

_SUMMED = {ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.FLOAT}


def aggregate(operation: Aggregate, builder: Builder) -> None:
    """Ends a stage. A row of the result is not a row of the source: its position is its number in the result."""
    columns = {name: builder.column(name) for name in operation.by}
    if len(set(operation.by)) < len(operation.by) or set(operation.by) & operation.measures.keys():
        raise RefusedExpressionError("column", "each name may stand once")
    measured: dict[str, str] = {}
    failures: list[str] = []
    for name, (how, of) in operation.measures.items():
        result = _measured(name, how, builder.column(of))
        columns[name] = result
        measured[name] = _sql(how, builder.column(of), result)
        failures.append(f"(count({quoted(of)}) > 0 AND ({measured[name]}) IS NULL)")
    if not columns:
        raise RefusedExpressionError("aggregate", "an aggregation needs a column to group by, or a measure")
    builder.end_stage()
    shown = [quoted(name) for name in operation.by]
    computed = [f"{sql} AS {quoted(name)}" for name, sql in measured.items()]
    computed.append(f"{' OR '.join(failures) or 'FALSE'} AS {quoted(NEW)}")
    grouped = f" GROUP BY {', '.join(shown)}" if shown else ""
    ordered = f" ORDER BY {', '.join(f'{name} NULLS LAST' for name in shown)}" if shown else ""
    builder.read(
        statement(
            "SELECT {shown} FROM input WHERE {failed} IS NULL AND {left_out} IS NULL {grouped} {ordered}",
            shown=", ".join((*shown, *computed)),
            failed=quoted(FAILED),
            left_out=quoted(LEFT_OUT),
            grouped=grouped,
            ordered=ordered,
        )
    )
    number = "row_number() OVER () - 1"
    builder.read(
        statement(
            "SELECT *, 0 AS {part}, {number} AS {row}, {number} AS {line}, 'aggregate:' || ({number}) AS {position},"
            " NULL::VARCHAR AS {failed}, NULL::VARCHAR AS {left_out}, {packed} AS {source} FROM {last}",
            part=quoted(PART),
            number=number,
            row=quoted(ROW),
            line=quoted(LINE),
            position=quoted(POSITION),
            failed=quoted(FAILED),
            left_out=quoted(LEFT_OUT),
            packed=packed(columns),
            source=quoted(SOURCE),
            last=builder.last,
        )
    )
    builder.columns = columns
    quarantines = operation.on_error == "quarantine"
    new = quoted(NEW)
    builder.leave(
        columns,
        {},
        failed=new if quarantines else "",
        reason=f"a measure cannot be computed: {', '.join(operation.measures)}",
        error="" if quarantines else new,
    )


def _measured(name: str, how: str, of: Column) -> Column:
    if how in {"count", "count_distinct"}:
        return Column(name=name, type=ColumnType.INTEGER)
    if how in {"min", "max"}:
        return of.model_copy(update={"name": name})
    if of.type not in _SUMMED:
        raise RefusedExpressionError("type", f"{of.name} is {of.type}; {how} wants a number", "cast it first")
    if how == "sum":
        return (
            of.model_copy(update={"name": name, "precision": 38})
            if of.type is ColumnType.DECIMAL
            else (of.model_copy(update={"name": name}))
        )
    if of.type is ColumnType.FLOAT:
        return of.model_copy(update={"name": name})
    scale = min((of.scale if of.type is ColumnType.DECIMAL else 0) + 4, 9)
    return Column(name=name, type=ColumnType.DECIMAL, precision=38, scale=scale)


def _sql(how: str, of: Column, result: Column) -> str:
    column = quoted(of.name)
    if how == "count_distinct":
        return f"count(DISTINCT {column})"
    if of.type is ColumnType.FLOAT:
        return (
            f"CASE WHEN isfinite({how}({column})) THEN {how}({column}) END"
            if how in {"sum", "avg"}
            else f"{how}({column})"
        )
    if how != "avg":
        return f"TRY_CAST({how}({column}) AS {sql_type(result)})"
    average = f"exact_divide(sum({column}), nullif(count({column}), 0), {result.scale})"
    return f"TRY_CAST({average} AS {sql_type(result)})"
