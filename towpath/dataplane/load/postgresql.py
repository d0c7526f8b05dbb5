"""Loading into PostgreSQL: COPY, straight into a table that was empty when the load began, else by staging."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, LiteralString

import psycopg
from psycopg.errors import CardinalityViolation, UniqueViolation

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.loading import (
    CleanDestination,
    DestinationCleaned,
    DestinationPrepared,
    LoadPart,
    PartLoaded,
    PostgresqlDestination,
    PrepareDestination,
)
from towpath.contracts.pipeline.stages import Watermark, WatermarkTask
from towpath.dataplane.core.columns import quoted, statement
from towpath.dataplane.core.connections import PostgresqlConnection
from towpath.dataplane.core.errors import DestinationError, LoadError
from towpath.dataplane.core.workspace import Progress, Workspace
from towpath.dataplane.load.encoding import encoder_of
from towpath.dataplane.load.history import equal, listed, newer, versions
from towpath.dataplane.load.ledger import Counts, Ledger, check_partitions, told_boundary, told_watermark
from towpath.dataplane.load.postgresql_table import POSTGRESQL, Table, postgresql_type, read_table
from towpath.dataplane.load.reading import PartRows, batches, rows_of
from towpath.dataplane.load.staging import StagedAppend, give_up, is_staged
from towpath.dataplane.load.table import prepare_table
from towpath.dataplane.load.target import VALID_TO, LoadTarget, split_name, target_of, written

STAGE = "towpath_stage"
VERSIONS = "towpath_versions"
PASSING = ("08", "40", "53", "55", "57", "58")
"""SQLSTATE classes of what may pass: connections, deadlocks, resources, locks, an operator's stop, the system."""


class _Database:
    """A connection, with the target's name and the ledger beside it."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], table: str) -> None:
        schema, _ = split_name(table)
        self.connection = connection
        self.table = table
        self.ledger = Ledger(self.run, schema)

    def run(self, text: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every `?` is a parameter: statements hold no text but names, and names hold none."""
        cursor = self.connection.execute(text.replace("?", "%s").encode(), parameters or None)
        return cursor.fetchall() if cursor.description is not None else []

    def lock(self, name: str) -> None:
        """Held until the transaction ends, also by a server whose client is gone."""
        self.run("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", (f"towpath/{name}",))

    def exists(self, table: str) -> bool:
        return self.run("SELECT to_regclass(?) IS NOT NULL", (table,))[0][0]

    def has_ledger(self) -> bool:
        return self.exists(self.ledger.watermarks)

    def stage(self, request: LoadPart, target: LoadTarget) -> StagedAppend:
        """Made by the part that is first, for which the others wait: without its ledger row the table is not there."""
        schema, _ = split_name(self.table)
        staging = StagedAppend(self.run, self.ledger, schema, request.load, request.destination.name)
        if not self.exists(staging.table):
            self.lock(staging.table)
            staging.create(written(self.table), target)
        return staging

    def prepare(self, target: LoadTarget) -> DestinationPrepared:
        with self.connection.transaction():
            self.lock("tables")
            prepared = prepare_table(self.run, self.table, target, POSTGRESQL)
            if not self.has_ledger():
                self.ledger.create()
            return prepared


@dataclass(frozen=True, slots=True)
class PostgresqlLoader:
    """A table, which many may write at once."""

    destination: PostgresqlDestination
    work: Workspace

    def prepare(self, request: PrepareDestination) -> DestinationPrepared:
        """Raises DestinationError, LoadError."""
        target = target_of(request)
        with self._open() as database:
            return database.prepare(target)

    def load(self, request: LoadPart) -> PartLoaded:
        """Everything that a part changes is one transaction. Raises DestinationError, LoadError."""
        began = monotonic()
        target = target_of(request)
        with self._open() as database:
            database.prepare(target)
            done = database.ledger.find(request)
            if done is not None:
                return done
            rows = rows_of(request.part, self.work)
            with database.connection.transaction():
                # A killed attempt may still hold its transaction on the server: wait for it, then look again.
                database.lock(f"{request.load}/{self.destination.name}/{request.number}")
                done = database.ledger.find(request)
                if done is not None:
                    return done
                staging = database.stage(request, target) if is_staged(request, target) else None
                counts = _Part(database, request, target, rows, self.work.progress, staging).load()
                if request.fenced and request.watermark is not None:
                    database.lock(f"{request.pipeline}/{self.destination.name}/watermark")
                database.ledger.record(request, counts, told_boundary(request, self.work))
                if staging is not None:
                    database.lock(staging.table)
                    staging.release(written(self.destination.table), target, request.total)
        return counts.loaded(request.part.rows, monotonic() - began)

    def watermark(self, request: WatermarkTask) -> Watermark:
        with self._open() as database:
            if not database.has_ledger():
                return Watermark()
            mark = database.ledger.watermark(request.pipeline, self.destination.name)
            return told_watermark(mark, database.ledger.history(request.pipeline, self.destination.name), self.work)

    def clean(self, request: CleanDestination) -> DestinationCleaned:
        """Raises DestinationError."""
        with self._open() as database:
            if not database.exists(database.ledger.loads):
                return DestinationCleaned()
            with database.connection.transaction():
                database.lock("tables")
                schema, _ = split_name(self.destination.table)
                parts = give_up(database.run, database.ledger, schema, request, database.exists)
        return DestinationCleaned(parts=parts)

    def is_there(self) -> bool:
        with self._open() as database:
            return bool(read_table(database.run, self.destination.table).types)

    @contextmanager
    def _open(self) -> Generator[_Database]:
        url = self.work.connection(self.destination.connection, PostgresqlConnection).url.get_secret_value()
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=10, application_name="towpath") as connection:
                _settle(connection)
                yield _Database(connection, self.destination.table)
        except psycopg.Error as error:
            raise _told(self.destination.name, error) from error


def _settle(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Times are UTC. The server notices a client that is gone, and rolls back, within seconds."""
    connection.execute("SET TIME ZONE 'UTC'")
    connection.execute("SET tcp_keepalives_idle = 20")
    connection.execute("SET tcp_keepalives_interval = 5")
    connection.execute("SET tcp_keepalives_count = 3")
    if connection.info.server_version >= 140000:
        connection.execute("SET client_connection_check_interval = '2s'")


def _told(name: str, error: psycopg.Error) -> DestinationError | LoadError:
    """The error without its text, which may hold values of a row."""
    state = error.sqlstate or ""
    what = type(error).__name__
    if not state or state.startswith(PASSING):
        return DestinationError(f"{name}: PostgreSQL cannot be used now ({what} {state})".rstrip())
    where = [
        f"{kind} {thing}"
        for kind, thing in (
            ("table", error.diag.table_name),
            ("column", error.diag.column_name),
            ("constraint", error.diag.constraint_name),
        )
        if thing
    ]
    return LoadError(f"{name}: PostgreSQL refuses the rows: {what} {state} {', '.join(where)}".rstrip())


class _Part:
    """One part on its way in, in a transaction that is open."""

    def __init__(
        self,
        database: _Database,
        request: LoadPart,
        target: LoadTarget,
        rows: PartRows,
        progress: Progress,
        staging: StagedAppend | None,
    ) -> None:
        self._database = database
        self._request = request
        self._target = target
        self._part_rows = rows
        self._progress = progress
        self._table: Table = read_table(database.run, database.table)
        self._names: dict[str, str] = {
            "table": self._table.name if staging is None else staging.written,
            "stage": STAGE,
            "versions": VERSIONS,
            "names": listed(target.names),
            "key": listed(target.key),
        }

    def load(self) -> Counts:
        match self._target.strategy:
            case "append":
                return self._append()
            case "upsert":
                return self._direct() or self._upsert()
            case "delete_insert":
                return self._replace()
            case "scd2":
                return self._keep_versions()

    def _append(self) -> Counts:
        if self._table.copies(self._target.columns):
            return Counts(inserted=self._copy(self._names["table"]))
        self._stage()
        return self._insert()

    def _insert(self) -> Counts:
        self._run("INSERT INTO {table} ({names}) SELECT {names} FROM {stage}")
        return Counts(inserted=self._request.part.rows)

    def _direct(self) -> Counts | None:
        """COPY into the keyed table. None when that is not so or does not hold: the table is as it was, then."""
        request = self._request
        if not self._table.copies(self._target.columns):
            return None
        filled = self._run("SELECT EXISTS (SELECT FROM {table})")[0][0]
        if filled and not self._database.ledger.only_direct(request.load, request.destination.name):
            return None
        try:
            with self._database.connection.transaction():
                return Counts(inserted=self._copy(self._table.name), direct=True)
        except UniqueViolation:
            return None

    def _upsert(self, *, staged: bool = False) -> Counts:
        if not staged:
            self._stage()
        try:
            with self._database.connection.transaction():
                inserted, updated = self._merge(STAGE)
        except CardinalityViolation:
            inserted, updated = self._merge(self._newest())
        return Counts(inserted=inserted, updated=updated, stale=self._request.part.rows - inserted - updated)

    def _merge(self, rows: str) -> tuple[int, int]:
        others = [name for name in self._target.names if name not in self._target.key]
        action = "NOTHING"
        if others:
            action = statement(
                "UPDATE SET {change} WHERE {newer}",
                change=", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in others),
                newer=newer(self._target, "t", "excluded"),
            )
        counted = self._run(
            "WITH done AS (INSERT INTO {table} AS t ({names}) SELECT {names} FROM {rows}"
            " ON CONFLICT ({key}) DO {action} RETURNING xmax = 0 AS inserted)"
            " SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM done",
            rows=rows,
            action=action,
        )
        return counted[0][0], counted[0][1]

    def _newest(self) -> str:
        """The newest row of each key that the part has; of equally new ones the last."""
        newest = "" if self._target.newest_by is None else f"{quoted(self._target.newest_by)} DESC NULLS LAST,"
        return statement(
            "(SELECT DISTINCT ON ({key}) * FROM {stage} ORDER BY {key}, {newest} ctid DESC) s",
            **self._names,
            newest=newest,
        )

    def _replace(self) -> Counts:
        """Rows of the part's partitions go, unless an earlier part of this load put them there."""
        request, column = self._request, self._target.partition_by or ""
        self._stage()
        values = self._run("SELECT DISTINCT CAST({column} AS text) FROM {stage} ORDER BY 1", column=quoted(column))
        told = ["null" if value is None else f"={value}" for (value,) in values]
        check_partitions(told)
        # Parts that have a partition in common must see what the other replaced.
        self._database.lock(f"{request.load}/{request.destination.name}/partitions")
        earlier = self._database.ledger.replaced(request.load, request.destination.name)
        fresh = tuple(value for value in told if value not in earlier)
        deleted = self._run(
            "WITH gone AS (DELETE FROM {table} WHERE {column} = ANY(CAST(CAST(? AS text[]) AS {kind}[]))"
            " OR (CAST(? AS boolean) AND {column} IS NULL) RETURNING 1) SELECT count(*) FROM gone",
            [value[1:] for value in fresh if value != "null"],
            "null" in fresh,
            column=quoted(column),
            kind=self._table.types[column],
        )[0][0]
        counts = self._upsert(staged=True) if self._target.key else self._insert()
        return replace(counts, deleted=deleted, partitions=fresh)

    def _keep_versions(self) -> Counts:
        target, stored = self._target, [column.name for column in self._target.stored]
        # Versions of one key are derived together: two loads must not derive them side by side.
        self._run("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
        self._stage()
        now = "CAST(now() AT TIME ZONE 'UTC' AS timestamp)"
        query = versions(target, self._table.name, STAGE, now, "row_number() OVER (ORDER BY ctid)")
        self._run("CREATE TEMP TABLE {versions} ON COMMIT DROP AS {query}", query=query)
        self._run("ANALYZE {versions}")
        self._run(
            "DELETE FROM {table} t USING (SELECT DISTINCT {key} FROM {stage}) k WHERE {same_key}"
            " AND NOT EXISTS (SELECT FROM {versions} v WHERE {same_version})",
            same_key=equal(target.key, "t", "k"),
            same_version=equal(target.unique, "t", "v"),
        )
        others = [name for name in stored if name not in target.unique]
        inserted, closed = self._run(
            "WITH done AS (INSERT INTO {table} AS t ({stored}) SELECT {stored} FROM {versions}"
            " ON CONFLICT ({unique}) DO UPDATE SET {change} WHERE ({before}) IS DISTINCT FROM ({after})"
            " RETURNING xmax = 0 AS inserted, t.{valid_to} IS NOT NULL AS closed)"
            " SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted AND closed) FROM done",
            stored=listed(stored),
            unique=listed(target.unique),
            change=", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in others),
            before=listed(others, "t"),
            after=listed(others, "excluded"),
            valid_to=quoted(VALID_TO),
        )[0]
        return Counts(inserted=inserted, updated=closed, stale=max(0, self._request.part.rows - inserted))

    def _stage(self) -> None:
        columns = ", ".join(f"{quoted(column.name)} {self._staged_type(column)}" for column in self._target.columns)
        self._run("CREATE TEMP TABLE {stage} ({columns}) ON COMMIT DROP", columns=columns)
        self._copy(STAGE)

    def _staged_type(self, column: Column) -> str:
        if column.type is ColumnType.JSON:
            return self._table.types[column.name]
        # Without a zone, as the part has it: what turns it into the table's type is the session's zone, UTC.
        return "timestamp" if column.type is ColumnType.TIMESTAMP else postgresql_type(column)

    def _copy(self, table: str) -> int:
        """Streams the part. Returns the rows."""
        columns = self._target.columns
        types = self._table.types
        jsonb = {one.name for one in columns if one.type is ColumnType.JSON and types[one.name] == "jsonb"}
        encoder = encoder_of(columns, frozenset(jsonb))
        copying: LiteralString = "COPY {into} ({names}) FROM STDIN WITH (FORMAT {format})"
        told = statement(copying, **self._names, into=table, format=encoder.format)
        rows = size = 0
        with self._database.connection.cursor() as cursor, cursor.copy(told.encode()) as copy:
            copy.write(encoder.begin())
            for batch in batches(self._part_rows, columns):
                encoded = encoder.batch(batch)
                copy.write(encoded)
                rows, size = rows + int(batch.num_rows), size + len(encoded)
                self._progress(rows, size)
            copy.write(encoder.end())
        return rows

    def _run(self, text: LiteralString, *parameters: object, **parts: str) -> list[tuple[Any, ...]]:
        return self._database.run(statement(text, **self._names, **parts), parameters)
