"""Rows of a load into the files of a Parquet dataset, bucket by bucket: its current rows and those that came."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import duckdb

from towpath.dataplane.core.columns import literal, quoted, sql_type, statement
from towpath.dataplane.load.history import equal, listed, newer, versions
from towpath.dataplane.load.incoming import check_times, keys_repeat, newest, scan
from towpath.dataplane.load.ledger import Counts
from towpath.dataplane.load.target import VALID_TO, LoadTarget

INCOMING = "incoming"
CURRENT = "current_rows"
MERGED = "merged"
STAGED_GROUP = 20_480
"""Rows of a row group of a staged part, which is in the order of its buckets: a bucket is a few of them."""
WRITTEN = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a bucket became; `file` is None when it holds no rows, or the same as before (`changed` tells)."""

    file: Path | None
    rows: int
    changed: bool
    counts: Counts


class Merging:
    """Statements on one engine, whose folder has all files that are named here."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, target: LoadTarget, folder: Path, buckets: int) -> None:
        self._connection = connection
        self._target = target
        self._folder = folder
        self._buckets = buckets
        self._stored = listed([column.name for column in target.stored])
        self._names: dict[str, str] = {
            "incoming": INCOMING,
            "current": CURRENT,
            "merged": MERGED,
            "names": listed(target.names),
            "stored": self._stored,
            "key": listed(target.key),
            "written": WRITTEN,
        }

    def stage(self, part: Path, number: int) -> Path:
        """The part's rows with their bucket, in its order. Raises LoadError when the part cannot be loaded."""
        rows = scan(self._execute, part, self._target)
        file = self._folder / f"staged-{number}.parquet"
        if self._target.strategy == "append":
            self._run("COPY (SELECT {names} FROM ({rows})) TO {file} {written}", rows=rows, file=literal(str(file)))
            return file
        if self._target.key:
            keys_repeat(self._execute, f"({rows})", self._target)
        if self._target.strategy == "scd2":
            check_times(self._execute, f"({rows})", self._target)
        by = (self._target.partition_by or "",) if self._target.strategy == "delete_insert" else self._target.key
        told = ", ".join(f"coalesce('=' || CAST({quoted(name)} AS VARCHAR), 'null')" for name in by)
        self._run(
            "COPY (SELECT {names}, CAST(md5_number_lower(concat_ws('|', {told})) % {buckets} AS INTEGER) AS _bucket,"
            " {number} AS _part, _order FROM ({rows}) ORDER BY _bucket, _order)"
            " TO {file} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {group})",
            told=told,
            buckets=str(self._buckets),
            number=str(number),
            rows=rows,
            file=literal(str(file)),
            group=str(STAGED_GROUP),
        )
        return file

    def touched(self, staged: Sequence[Path]) -> list[int]:
        """Buckets that the load has rows for."""
        found = self._run("SELECT DISTINCT _bucket FROM read_parquet({files}) ORDER BY 1", files=_files(staged))
        return [int(row[0]) for row in found]

    def merge(self, bucket: int, current: Sequence[Path], staged: Sequence[Path]) -> Bucket:
        """The bucket's rows anew."""
        self._run(
            "CREATE OR REPLACE TEMP TABLE {incoming} AS SELECT {names}, _part, _order FROM read_parquet({files})"
            " WHERE _bucket = {bucket}",
            files=_files(staged),
            bucket=str(bucket),
        )
        self._open(current)
        came = self._count(INCOMING)
        counts = self._apply(came)
        changed = bool(counts.inserted or counts.updated or counts.deleted)
        rows = self._count(MERGED)
        file = self._folder / f"bucket-{bucket}.parquet" if rows and changed else None
        if file is not None:
            self._run("COPY (SELECT {stored} FROM {merged}) TO {file} {written}", file=literal(str(file)))
        return Bucket(file, rows, changed, counts)

    def _apply(self, came: int) -> Counts:
        match self._target.strategy:
            case "delete_insert":
                return self._replace()
            case "scd2":
                return self._keep_versions(came)
            case _:
                return self._upsert(came)

    def _upsert(self, came: int) -> Counts:
        target = self._target
        self._single()
        self._run(
            "CREATE OR REPLACE TEMP TABLE {merged} AS"
            " SELECT {came}, 1 AS _source, c._here IS NULL AS _new FROM {incoming} i"
            " LEFT JOIN {current} c ON {same} WHERE c._here IS NULL OR {newer}"
            " UNION ALL SELECT {kept}, 0, FALSE FROM {current} c"
            " LEFT JOIN (SELECT *, TRUE AS _here FROM {incoming}) i ON {same} WHERE i._here IS NULL OR NOT {newer}",
            came=listed(target.names, "i"),
            kept=listed(target.names, "c"),
            same=equal(target.key, "i", "c"),
            newer=newer(target, "c", "i"),
        )
        inserted, updated = self._run(
            "SELECT count(*) FILTER (WHERE _new), count(*) FILTER (WHERE _source = 1 AND NOT _new) FROM {merged}"
        )[0]
        return Counts(inserted=inserted, updated=updated, stale=came - inserted - updated)

    def _replace(self) -> Counts:
        """A partition is in one bucket, so what the load has of it is all that there will be."""
        if self._target.key:
            self._single()
        column = quoted(self._target.partition_by or "")
        before = self._count(CURRENT)
        self._run(
            "CREATE OR REPLACE TEMP TABLE {merged} AS SELECT {stored} FROM {incoming}"
            " UNION ALL SELECT {stored} FROM {current} c WHERE NOT EXISTS (SELECT 1"
            " FROM (SELECT DISTINCT {column} FROM {incoming}) i WHERE i.{column} IS NOT DISTINCT FROM c.{column})",
            column=column,
        )
        inserted = self._count(INCOMING)
        return Counts(inserted=inserted, deleted=before + inserted - self._count(MERGED))

    def _keep_versions(self, came: int) -> Counts:
        target = self._target
        now = "CAST(now() AT TIME ZONE 'UTC' AS TIMESTAMP)"
        query = versions(target, CURRENT, INCOMING, now, "_part * 1000000000000 + _order")
        self._run("CREATE OR REPLACE TEMP TABLE versions AS {query}", query=query)
        parts = {"same": equal(target.unique, "c", "v"), "valid_to": quoted(VALID_TO)}
        inserted, closed = self._run(
            "SELECT count(*) FILTER (WHERE c._here IS NULL),"
            " count(*) FILTER (WHERE c._here AND c.{valid_to} IS DISTINCT FROM v.{valid_to})"
            " FROM versions v LEFT JOIN {current} c ON {same}",
            **parts,
        )[0]
        self._run(
            "CREATE OR REPLACE TEMP TABLE {merged} AS SELECT {stored} FROM versions UNION ALL"
            " SELECT {stored} FROM {current} c WHERE NOT EXISTS (SELECT 1 FROM {incoming} i WHERE {known})",
            known=equal(target.key, "i", "c"),
        )
        return Counts(inserted=inserted, updated=closed, stale=max(0, came - inserted))

    def _single(self) -> None:
        if keys_repeat(self._execute, INCOMING, self._target):
            query = newest(INCOMING, self._target, "_part DESC, _order DESC")
            self._run("CREATE OR REPLACE TEMP TABLE {incoming} AS {query}", query=query)

    def _open(self, files: Sequence[Path]) -> None:
        """The bucket's rows as they are, with nothing in columns that came later."""
        known: set[str] = set()
        source = "(SELECT 1) WHERE FALSE"
        if files:
            source = f"read_parquet({_files(files)}, union_by_name = true)"
            known = {str(row[0]) for row in self._run("DESCRIBE SELECT * FROM {source}", source=source)}
        columns = ", ".join(
            f"CAST({quoted(column.name) if column.name in known else 'NULL'} AS {sql_type(column)})"
            f" AS {quoted(column.name)}"
            for column in self._target.stored
        )
        self._run(
            "CREATE OR REPLACE TEMP VIEW {current} AS SELECT {columns}, TRUE AS _here FROM {source}",
            columns=columns,
            source=source,
        )

    def _count(self, relation: str) -> int:
        return self._run("SELECT count(*) FROM {relation}", relation=relation)[0][0]

    def _execute(self, text: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._connection.execute(text, list(parameters)).fetchall()

    def _run(self, text: LiteralString, **parts: str) -> list[tuple[Any, ...]]:
        return self._execute(statement(text, **self._names, **parts), ())


def _files(files: Sequence[Path]) -> str:
    return f"[{', '.join(literal(str(file)) for file in files)}]"
