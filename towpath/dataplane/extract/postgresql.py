"""Tables of PostgreSQL: cut by ranges of a key or by periods, and read as Arrow batches. Connections only read."""

import importlib
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from math import ceil
from typing import Any

import psycopg
from psycopg import sql

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.pipeline import ByDate, ByRange, DateRange, PostgresqlSource
from towpath.contracts.pipeline.stages import Extracted, ExtractionPlanTask, ExtractTask, Partition, ValueRange
from towpath.dataplane.core.arrow import ArrowTable, compute, pa
from towpath.dataplane.core.columns import ROW
from towpath.dataplane.core.connections import PostgresqlConnection
from towpath.dataplane.core.errors import SourceError, SourceFormatError
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.fitting import as_texts
from towpath.dataplane.extract.intake import RowIntake, cursor_text
from towpath.policy.pipeline.bounds import ORDERED, TIMES, Bounds, periods, ranges
from towpath.policy.pipeline.naming import column_names

dbapi: Any = importlib.import_module("adbc_driver_postgresql.dbapi")

Where = list[sql.Composable]
"""Conditions that all hold."""

_TYPES = {
    "smallint": ColumnType.INTEGER,
    "integer": ColumnType.INTEGER,
    "bigint": ColumnType.INTEGER,
    "real": ColumnType.FLOAT,
    "double precision": ColumnType.FLOAT,
    "boolean": ColumnType.BOOLEAN,
    "date": ColumnType.DATE,
    "timestamp without time zone": ColumnType.TIMESTAMP,
    "timestamp with time zone": ColumnType.TIMESTAMP,
    "json": ColumnType.JSON,
    "jsonb": ColumnType.JSON,
}
_NATIVE = frozenset({ColumnType.INTEGER, ColumnType.FLOAT, ColumnType.BOOLEAN, *TIMES})
"""Arrow has them as they are; numbers with a scale and everything else come as text, which loses nothing."""
_ORDERED = {"numeric", *(kind for kind, column_type in _TYPES.items() if column_type in ORDERED)}
"""The database orders them as we do: what is declared as a number and is a text there, it orders as a text."""
_FIRST, _AFTER = sql.SQL("'0001-01-01 00:00:00Z'"), sql.SQL("'10000-01-01 00:00:00Z'")
_TEXT_OF = "towpath text of "
"""No column of ours has a name with blanks."""
_COLUMNS = """
SELECT a.attname::text, format_type(a.atttypid, NULL), a.atttypmod, NOT a.attnotnull
FROM pg_attribute a WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_FINAL = ("22", "28", "3D", "42")
"""Classes of SQLSTATE that another attempt does not mend: data, authorisation, catalog, syntax or access."""


def table_columns(source: PostgresqlSource, work: Workspace) -> tuple[Column, ...]:
    """`numeric` without a scale is text, since no scale holds all of its values."""
    with _session(source, work) as session:
        rows = session.execute(_COLUMNS, (_table(source).as_string(session),)).fetchall()
    names = column_names([row[0] for row in rows], source.columns)
    return tuple(_column(name, *row) for name, row in zip(names, rows, strict=True))


def plan_table(
    task: ExtractionPlanTask, source: PostgresqlSource, bounds: Bounds, work: Workspace
) -> tuple[tuple[Partition, ...], Bounds]:
    """Partitions, and the bounds with the cursor's maximum as it is now: no partition sees more than another."""
    times = _times(table_columns(source, work))
    with _session(source, work) as session:
        if source.cursor is not None:
            _check_order(session, source, source.cursor.field)
        if source.cursor is not None and bounds.until is None:
            field = sql.Identifier(source.cursor.field)
            known = _finite(field) if source.cursor.field in times else sql.SQL("true")
            greatest = _one(session, sql.SQL("SELECT max({}) FROM {} WHERE {}").format(field, _table(source), known))[0]
            bounds = bounds._replace(until=None if greatest is None else cursor_text(greatest))
        where = _within(source, bounds, times)
        told = session.execute("SELECT pg_relation_size(%s::regclass)", (_table(source).as_string(session),)).fetchone()
        size: int = 0 if told is None else told[0]
        if isinstance(source.partition, ByRange):
            shares = _by_key(session, source, source.partition, where)
        elif isinstance(source.partition, ByDate):
            shares = _by_date(session, source, source.partition, where, task.dates)
        else:
            shares = [ValueRange()]
    partitions = tuple(
        Partition(name=_name(share), number=number, slice=share, size_bytes=size // len(shares))
        for number, share in enumerate(shares)
    )
    return partitions, bounds


def extract_table(task: ExtractTask, source: PostgresqlSource, work: Workspace) -> Extracted:
    """Memory holds a batch of the driver, about 16 MB."""
    share = task.partition.slice
    if not isinstance(share, ValueRange):
        raise SourceFormatError(f"{source.name}: a table has no partition of this kind")
    present = {column.name: column for column in table_columns(source, work)}
    names = [column.name for column in task.wanted if column.name in present]
    selected = sql.SQL(", ").join([_selected(present[name]) for name in names] or [sql.SQL("1")])
    times = _times(present.values())
    where = _within(source, Bounds(task.since, task.until), times) + _share(share, times)
    statement = sql.SQL("SELECT {} FROM {} WHERE {}").format(selected, _table(source), _all(where)).as_string(None)
    intake = RowIntake(task, work, f"{source.table} {_name(share)}")
    row, size = 1, 0
    with _errors(source), _reader(source, work, statement) as reader:
        for batch in reader:
            table = _plain(pa.Table.from_batches([batch])).append_column(ROW, pa.arange(row, row + batch.num_rows))
            row, size = row + batch.num_rows, size + batch.nbytes
            intake.add(table, size)
    known = {column.name for column in task.wanted}
    return intake.close(new_columns=tuple(name for name in present if name not in known))


def _check_order(session: psycopg.Connection, source: PostgresqlSource, field: str) -> None:
    rows = session.execute(_COLUMNS, (_table(source).as_string(session),)).fetchall()
    kind = next((row[1] for row in rows if row[0] == field), None)
    if kind not in _ORDERED:
        raise SourceFormatError(
            f"{source.name}: {field} is {kind or 'not there'} in PostgreSQL, which gives a cursor no order:"
            " take a column of numbers, dates or times, or a view that has one"
        )


def _by_key(session: psycopg.Connection, source: PostgresqlSource, by: ByRange, where: Where) -> list[ValueRange]:
    least, greatest, rows, nulls = _extent(session, source, by.column, where)
    shares: list[ValueRange] = []
    if rows:
        if not isinstance(least, (int, Decimal)) or not isinstance(greatest, (int, Decimal)):
            raise SourceFormatError(f"{source.name}: {by.column} is not a whole or decimal number, to cut ranges of it")
        shares = [
            ValueRange(column=by.column, lower=_text(lower), upper=_text(upper))
            for lower, upper in ranges(Decimal(least), Decimal(greatest), ceil(rows / by.rows))
        ]
    return shares + ([ValueRange(column=by.column, nulls=True)] if nulls else [])


def _by_date(
    session: psycopg.Connection,
    source: PostgresqlSource,
    by: ByDate,
    where: Where,
    dates: DateRange | None,
) -> list[ValueRange]:
    least, greatest, _, nulls = _extent(session, source, by.column, where, is_time=True)
    if dates is not None:
        least, greatest, nulls = dates.first, datetime.combine(dates.last, time.max), 0
    shares: list[ValueRange] = []
    if least is not None:
        if not isinstance(least, date) or not isinstance(greatest, date):
            raise SourceFormatError(f"{source.name}: {by.column} is not a date or a timestamp, to cut periods of it")
        shares = [
            ValueRange(column=by.column, lower=start.isoformat(), upper=end.isoformat())
            for start, end in periods(_moment(least), _moment(greatest), by.every)
        ]
    return shares + ([ValueRange(column=by.column, nulls=True)] if nulls else [])


def _extent(
    session: psycopg.Connection, source: PostgresqlSource, column: str, where: Where, *, is_time: bool = False
) -> tuple[Any, ...]:
    """Least and greatest value, rows with one, and rows without; a time that others do not have is none."""
    name = sql.Identifier(column)
    known = _finite(name) if is_time else sql.SQL("{} IS NOT NULL").format(name)
    statement = sql.SQL(
        "SELECT min({0}) FILTER (WHERE {3}), max({0}) FILTER (WHERE {3}), count(*) FILTER (WHERE {3}),"
        " count(*) FILTER (WHERE ({3}) IS NOT TRUE) FROM {1} WHERE {2}"
    )
    return _one(session, statement.format(name, _table(source), _all(where), known))


def _within(source: PostgresqlSource, bounds: Bounds, times: frozenset[str]) -> Where:
    """A row without a cursor is within all bounds: it is read every time and never missed."""
    if source.cursor is None:
        return []
    none = _nothing(source.cursor.field, times)
    told = ((sql.SQL(">="), bounds.since), (sql.SQL("<="), bounds.until))
    name = sql.Identifier(source.cursor.field)
    return [
        sql.SQL("({} {} {} OR {})").format(name, sign, sql.Literal(value), none)
        for sign, value in told
        if value is not None
    ]


def _nothing(column: str, times: frozenset[str]) -> sql.Composed:
    """Rows without a value, and those with a time that others do not have: they are in no range."""
    name = sql.Identifier(column)
    if column in times:
        # Each side is one that an index can answer.
        return sql.SQL("({0} IS NULL OR {0} < {1} OR {0} >= {2})").format(name, _FIRST, _AFTER)
    return sql.SQL("({} IS NULL)").format(name)


def _times(columns: Iterable[Column]) -> frozenset[str]:
    """Columns of dates and times, as PostgreSQL names them."""
    return frozenset(column.description or column.name for column in columns if column.type in TIMES)


def _share(share: ValueRange, times: frozenset[str]) -> Where:
    if share.column is None:
        return []
    none = _nothing(share.column, times)
    if share.nulls:
        return [none]
    told = ((sql.SQL("{} >= {}"), share.lower), (sql.SQL("{} < {}"), share.upper))
    return [sql.SQL("NOT {}").format(none), *_conditions(share.column, told)]


def _conditions(column: str, told: Iterable[tuple[sql.SQL, str | None]]) -> Where:
    name = sql.Identifier(column)
    return [text.format(name, sql.Literal(value)) for text, value in told if value is not None]


def _all(where: Where) -> sql.Composable:
    return sql.SQL(" AND ").join(where) if where else sql.SQL("true")


def _name(share: ValueRange) -> str:
    if share.column is None:
        return "all"
    return f"{share.column} null" if share.nulls else f"{share.column} {share.lower or ''}..{share.upper or ''}"


def _column(name: str, told: str, kind: str, modifier: int, nullable: bool) -> Column:
    description = "" if name == told else told
    if kind == "numeric" and modifier >= 0:
        # As PostgreSQL packs them: 16 bits of precision, 11 of scale, after 4 of a header.
        precision, scale = (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF
        if precision <= 38 and scale <= precision:
            return Column(
                name=name,
                type=ColumnType.DECIMAL,
                nullable=nullable,
                precision=precision,
                scale=scale,
                description=description,
            )
    return Column(name=name, type=_TYPES.get(kind, ColumnType.TEXT), nullable=nullable, description=description)


def _selected(column: Column) -> sql.Composable:
    """A time that others do not have, as infinity, comes as its text, in a column of its own."""
    name, told = sql.Identifier(column.name), sql.Identifier(column.description or column.name)
    if column.type not in TIMES:
        value = told if column.type in _NATIVE else sql.SQL("{}::text").format(told)
        return sql.SQL("{} AS {}").format(value, name)
    return sql.SQL(
        "CASE WHEN {within} THEN {told} END AS {name}, CASE WHEN NOT {within} THEN {told}::text END AS {text}"
    ).format(within=_finite(told), told=told, name=name, text=sql.Identifier(f"{_TEXT_OF}{column.name}"))


def _finite(name: sql.Identifier) -> sql.Composed:
    return sql.SQL("({0} >= {1} AND {0} < {2})").format(name, _FIRST, _AFTER)


def _plain(table: ArrowTable) -> ArrowTable:
    """Times in UTC without a zone; those that came as texts in their places, and then all of their column as texts."""
    for field in table.schema:
        name = field.name
        if name.startswith(_TEXT_OF):
            continue
        number = table.schema.get_field_index(name)
        if pa.types.is_timestamp(field.type) and field.type.tz is not None:
            table = table.set_column(number, name, table[name].cast(pa.timestamp("us")))
        texts = table[f"{_TEXT_OF}{name}"] if f"{_TEXT_OF}{name}" in table.column_names else None
        if texts is not None and texts.null_count < table.num_rows:
            table = table.set_column(number, name, compute.coalesce(texts, as_texts(table[name])))
    return table.select([name for name in table.column_names if not name.startswith(_TEXT_OF)])


def _table(source: PostgresqlSource) -> sql.Identifier:
    return sql.Identifier(*source.table.split("."))


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def _moment(value: date) -> datetime:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return datetime.combine(value, time())


def _one(session: psycopg.Connection, statement: sql.Composed) -> tuple[Any, ...]:
    return session.execute(statement).fetchone() or ()


@contextmanager
def _session(source: PostgresqlSource, work: Workspace) -> Generator[psycopg.Connection]:
    url = work.connection(source.connection, PostgresqlConnection).url.get_secret_value()
    with (
        _errors(source),
        psycopg.connect(url, options="-c default_transaction_read_only=on -c timezone=UTC") as session,
    ):
        yield session


@contextmanager
def _reader(source: PostgresqlSource, work: Workspace, statement: str) -> Generator[Any]:
    url = work.connection(source.connection, PostgresqlConnection).url.get_secret_value()
    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute("SET TIME ZONE 'UTC'")
        cursor.execute(statement)
        yield cursor.fetch_record_batch()


@contextmanager
def _errors(source: PostgresqlSource) -> Generator[None]:
    """What the drivers raise, without their texts: these name hosts and users, and may quote rows."""
    try:
        yield
    except (psycopg.Error, dbapi.Error) as error:
        state = error.sqlstate or "no connection"
        final = state.startswith(_FINAL)
        raise SourceError(f"{source.name}: PostgreSQL says {state}", retryable=not final) from error
    except OSError as error:
        raise SourceError(f"{source.name}: reading broke off") from error
