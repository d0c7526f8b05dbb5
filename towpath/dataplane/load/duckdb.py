"""Loading into a DuckDB file, which one process at a time may write: others wait for the lock beside it."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any, LiteralString

import duckdb

from towpath.contracts.core.failure import FailureCode
from towpath.contracts.pipeline.loading import (
    CleanDestination,
    DestinationCleaned,
    DestinationPrepared,
    DuckdbDestination,
    LoadPart,
    PartLoaded,
    PrepareDestination,
)
from towpath.contracts.pipeline.stages import Watermark, WatermarkTask
from towpath.dataplane.core.columns import quoted, sql_type, statement
from towpath.dataplane.core.engine import EngineLimits, lock_engine
from towpath.dataplane.core.errors import DataError, DestinationError, LoadError
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.load.duckdb_file import check_file, locked
from towpath.dataplane.load.duckdb_table import DUCKDB, has_table
from towpath.dataplane.load.history import equal, listed, newer, versions
from towpath.dataplane.load.incoming import check_times, keys_repeat, newest, scan
from towpath.dataplane.load.ledger import Counts, Ledger, check_partitions, told_boundary, told_watermark
from towpath.dataplane.load.staging import StagedAppend, give_up, is_staged
from towpath.dataplane.load.table import prepare_table
from towpath.dataplane.load.target import VALID_TO, LoadTarget, split_name, target_of, written

PART = "towpath_part"
VERSIONS = "towpath_versions"
WIDE = 256
"""Columns beyond which a table is written so that its columns together fit into the memory of a task."""
SMALL_BLOCKS = 16 * 1024
"""Bytes that DuckDB keeps for each column that it writes to, in the file of a wide table; else it is 256 KiB."""
BUSY = (duckdb.IOException, duckdb.ConnectionException, duckdb.TransactionException, duckdb.InterruptException)


class _Database:
    """The file, open for this process alone."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, table: str) -> None:
        self.schema, _ = split_name(table)
        self._connection = connection
        self.table = table
        self.ledger = Ledger(self.run, self.schema)

    def run(self, text: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(text, list(parameters)).fetchall()

    @contextmanager
    def transaction(self) -> Generator[None]:
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def exists(self, table: str) -> bool:
        return has_table(self.run, table)

    def stage(self, request: LoadPart, target: LoadTarget) -> StagedAppend:
        staging = StagedAppend(self.run, self.ledger, self.schema, request.load, request.destination.name)
        staging.create(written(self.table), target)
        return staging

    def prepare(self, target: LoadTarget) -> DestinationPrepared:
        prepared = prepare_table(self.run, self.table, target, DUCKDB)
        self.ledger.create()
        return prepared


@dataclass(frozen=True, slots=True)
class DuckdbLoader:
    """A table in a file, which one process at a time may write."""

    destination: DuckdbDestination
    work: Workspace

    def prepare(self, request: PrepareDestination) -> DestinationPrepared:
        """Raises DestinationError, LoadError."""
        target = target_of(request)
        with self._open(target) as database, database.transaction():
            return database.prepare(target)

    def load(self, request: LoadPart) -> PartLoaded:
        """Everything that a part changes is one transaction. Raises DestinationError, LoadError."""
        began = monotonic()
        target = target_of(request)
        file = self.work.local(request.part)
        with self._open(target) as database, database.transaction():
            database.prepare(target)
            done = database.ledger.find(request)
            if done is not None:
                return done
            staging = database.stage(request, target) if is_staged(request, target) else None
            counts = _Part(database, request, target, file, staging).load()
            database.ledger.record(request, counts, told_boundary(request, self.work))
            if staging is not None:
                staging.release(written(self.destination.table), target, request.total)
        self.work.progress(request.part.rows, request.part.size_bytes)
        return counts.loaded(request.part.rows, monotonic() - began)

    def watermark(self, request: WatermarkTask) -> Watermark:
        if not self._path().exists():
            return Watermark()
        with self._open() as database:
            if not database.exists(f"{database.schema or 'main'}.towpath_watermarks"):
                return Watermark()
            mark = database.ledger.watermark(request.pipeline, self.destination.name)
            return told_watermark(mark, database.ledger.history(request.pipeline, self.destination.name), self.work)

    def clean(self, request: CleanDestination) -> DestinationCleaned:
        """Raises DestinationError."""
        if not self._path().exists():
            return DestinationCleaned()
        with self._open() as database, database.transaction():
            if not database.exists(f"{database.schema or 'main'}.towpath_loads"):
                return DestinationCleaned()
            parts = give_up(database.run, database.ledger, database.schema, request, database.exists)
        return DestinationCleaned(parts=parts)

    def is_there(self) -> bool:
        if not self._path().exists():
            return False
        with self._open() as database:
            return has_table(database.run, self.destination.table)

    def _path(self) -> Path:
        """Raises PathRefusedError."""
        return self.work.roots.destinations.resolve(self.destination.path)

    @contextmanager
    def _open(self, target: LoadTarget | None = None) -> Generator[_Database]:
        """A file that is made now gets blocks to the width of its target."""
        path = self._path()
        wide = target is not None and len(target.stored) > WIDE
        limits = EngineLimits(memory_bytes=self.work.memory_bytes, threads=self.work.threads)
        try:
            check_file(path)
            with locked(path, self.work.roots.destinations):
                check_file(path)
                blocks = {"default_block_size": str(SMALL_BLOCKS)} if wide else {}
                with duckdb.connect(path, config={"threads": limits.threads, **blocks}) as connection:
                    lock_engine(connection, self.work.folder, limits)
                    yield _Database(connection, self.destination.table)
        except duckdb.OutOfMemoryException as error:
            message = f"{self.destination.name}: loading into DuckDB needs more memory than it may have"
            raise DataError(FailureCode.PIPELINE_OUT_OF_MEMORY, message) from error
        except (*BUSY, OSError) as error:
            raise DestinationError(
                f"{self.destination.name}: the file cannot be used now ({type(error).__name__})"
            ) from error
        except duckdb.Error as error:
            # Its text may hold values of a row.
            raise LoadError(f"{self.destination.name}: DuckDB refuses the rows: {type(error).__name__}") from error


class _Part:
    """One part on its way in, in a transaction that is open."""

    def __init__(
        self, database: _Database, request: LoadPart, target: LoadTarget, file: Path, staging: StagedAppend | None
    ) -> None:
        self._database = database
        self._request = request
        self._target = target
        self._names: dict[str, str] = {
            "table": written(database.table) if staging is None else staging.written,
            "part": PART,
            "versions": VERSIONS,
            "names": listed(target.names),
            "key": listed(target.key),
        }
        self._run("CREATE OR REPLACE TEMP VIEW {part} AS {scan}", scan=scan(database.run, file, target))

    def load(self) -> Counts:
        match self._target.strategy:
            case "append":
                return self._insert()
            case "upsert":
                return self._upsert()
            case "delete_insert":
                return self._replace()
            case "scd2":
                return self._keep_versions()

    def _insert(self) -> Counts:
        self._run("INSERT INTO {table} ({names}) SELECT {names} FROM {part}")
        return Counts(inserted=self._request.part.rows)

    def _upsert(self) -> Counts:
        target = self._target
        single = (
            newest(PART, target, "_order DESC") if keys_repeat(self._database.run, PART, target) else f"FROM {PART}"
        )
        if len(target.names) > WIDE:
            return self._upsert_apart(single)
        others = [name for name in target.names if name not in target.key]
        update = statement(
            "WHEN MATCHED AND {newer} THEN UPDATE SET {change}",
            newer=newer(target, "t", "s"),
            change=", ".join(f"{quoted(name)} = s.{quoted(name)}" for name in others),
        )
        before = self._count()
        changed = self._run(
            "MERGE INTO {table} t USING ({single}) s ON {same} {update}"
            " WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})",
            single=single,
            same=equal(target.key, "t", "s"),
            update=update if others else "",
            values=listed(target.names, "s"),
        )[0][0]
        inserted = self._count() - before
        return Counts(inserted=inserted, updated=changed - inserted, stale=self._request.part.rows - changed)

    def _upsert_apart(self, single: str) -> Counts:
        """The same in two statements: a MERGE holds several vectors for each column at once."""
        parts = {"single": single, "same": equal(self._target.key, "t", "s")}
        newer_there = newer(self._target, "t", "s")
        updated = self._run(
            "DELETE FROM {table} t USING ({single}) s WHERE {same} AND {newer}", newer=newer_there, **parts
        )[0][0]
        brought = self._run(
            "INSERT INTO {table} ({names}) SELECT {names} FROM ({single}) s"
            " WHERE NOT EXISTS (SELECT 1 FROM {table} t WHERE {same})",
            **parts,
        )[0][0]
        return Counts(inserted=brought - updated, updated=updated, stale=self._request.part.rows - brought)

    def _replace(self) -> Counts:
        """Rows of the part's partitions go, unless an earlier part of this load put them there."""
        request = self._request
        kind = next(sql_type(column) for column in self._target.columns if column.name == self._target.partition_by)
        value = f"coalesce('=' || CAST(CAST({quoted(self._target.partition_by or '')} AS {kind}) AS VARCHAR), 'null')"
        told = self._run("SELECT DISTINCT {value} AS v FROM {part} ORDER BY v", value=value)
        check_partitions(told)
        earlier = self._database.ledger.replaced(request.load, request.destination.name)
        fresh = tuple(str(row[0]) for row in told if row[0] not in earlier)
        before = self._count()
        self._run("DELETE FROM {table} WHERE {value} IN (SELECT unnest(?))", list(fresh), value=value)
        deleted = before - self._count()
        counts = self._upsert() if self._target.key else self._insert()
        return replace(counts, deleted=deleted, partitions=fresh)

    def _keep_versions(self) -> Counts:
        target, stored = self._target, [column.name for column in self._target.stored]
        keys_repeat(self._database.run, PART, target)
        check_times(self._database.run, PART, target)
        now = "CAST(now() AT TIME ZONE 'UTC' AS TIMESTAMP)"
        query = versions(target, self._names["table"], PART, now, "_order")
        self._run("CREATE OR REPLACE TEMP TABLE {versions} AS {query}", query=query)
        others = [name for name in stored if name not in target.unique]
        parts = {
            "stored": listed(stored),
            "same_key": equal(target.key, "t", "k"),
            "same_version": equal(target.unique, "t", "v"),
            "changed": " OR ".join(f"t.{quoted(name)} IS DISTINCT FROM v.{quoted(name)}" for name in others),
            "valid_to": quoted(VALID_TO),
        }
        inserted = self._run(
            "SELECT count(*) FROM {versions} v WHERE NOT EXISTS (SELECT 1 FROM {table} t WHERE {same_version})", **parts
        )[0][0]
        closed = self._run(
            "SELECT count(*) FROM {versions} v JOIN {table} t ON {same_version}"
            " WHERE t.{valid_to} IS DISTINCT FROM v.{valid_to}",
            **parts,
        )[0][0]
        self._run(
            "DELETE FROM {table} t USING (SELECT DISTINCT {key} FROM {part}) k WHERE {same_key}"
            " AND NOT EXISTS (SELECT 1 FROM {versions} v WHERE {same_version} AND NOT ({changed}))",
            **parts,
        )
        self._run(
            "INSERT INTO {table} ({stored}) SELECT {stored} FROM {versions} v"
            " WHERE NOT EXISTS (SELECT 1 FROM {table} t WHERE {same_version})",
            **parts,
        )
        return Counts(inserted=inserted, updated=closed, stale=max(0, self._request.part.rows - inserted))

    def _count(self) -> int:
        return self._run("SELECT count(*) FROM {table}")[0][0]

    def _run(self, text: LiteralString, *parameters: object, **parts: str) -> list[tuple[Any, ...]]:
        return self._database.run(statement(text, **self._names, **parts), parameters)
