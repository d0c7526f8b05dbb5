"""Ledger and watermarks in a database: what is loaded, and how far. Both change in the transaction that loads rows."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, LiteralString

from towpath.contracts.pipeline.loading import LoadPart, PartLoaded
from towpath.contracts.pipeline.stages import Watermark
from towpath.dataplane.core import boundary
from towpath.dataplane.core.boundary import parsed, written
from towpath.dataplane.core.columns import quoted, statement
from towpath.dataplane.core.errors import LoadError
from towpath.dataplane.core.workspace import Workspace

Run = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
"""Runs a statement with `?` for its parameters in the transaction that is open, and returns its rows."""

HISTORY = 20
MAX_PARTITIONS = 10_000

LOADS = """
    load text NOT NULL, destination text NOT NULL, number integer NOT NULL, total integer NOT NULL,
    pipeline text NOT NULL, sha256 text NOT NULL, rows bigint NOT NULL, inserted bigint NOT NULL,
    updated bigint NOT NULL, stale bigint NOT NULL, deleted bigint NOT NULL, direct boolean NOT NULL,
    partitions text NOT NULL, loaded_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (load, destination, number)
"""
WATERMARKS = """
    pipeline text NOT NULL, destination text NOT NULL, value text NOT NULL, load text NOT NULL,
    boundary text NOT NULL DEFAULT '', set_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (pipeline, destination)
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """A watermark, and the digests of the rows at it that are loaded, as `boundary` writes them."""

    value: str
    boundary: str = ""
    load: str = ""
    """Which set it."""

    def moved(self, told: "Mark") -> "Mark":
        """It never goes back; at the same place it gains rows."""
        if told.value == self.value:
            return Mark(self.value, written(parsed(self.boundary) | parsed(told.boundary)))
        return told if later(self.value, told.value) == told.value else self


@dataclass(frozen=True, slots=True)
class Counts:
    """What loading a part did. `direct`: it was copied into the target without a look at what is there.

    `partitions` are the values, as text, whose rows this part replaced.
    """

    inserted: int = 0
    updated: int = 0
    stale: int = 0
    deleted: int = 0
    direct: bool = False
    partitions: tuple[str, ...] = ()

    def loaded(self, rows: int, seconds: float) -> PartLoaded:
        return PartLoaded(
            rows=rows,
            inserted=self.inserted,
            updated=self.updated,
            stale=self.stale,
            deleted=self.deleted,
            seconds=round(seconds, 3),
        )


class Ledger:
    """Two tables beside the target, in its schema."""

    def __init__(self, run: Run, schema: str | None) -> None:
        prefix = "" if schema is None else f"{quoted(schema)}."
        self._run = run
        self.loads = f"{prefix}towpath_loads"
        self.watermarks = f"{prefix}towpath_watermarks"

    def create(self) -> None:
        self._ask("CREATE TABLE IF NOT EXISTS {loads} ({columns})", columns=LOADS)
        self._ask("CREATE TABLE IF NOT EXISTS {watermarks} ({columns})", columns=WATERMARKS)

    def find(self, request: LoadPart) -> PartLoaded | None:
        """The part as it was loaded before. Raises LoadError when another part was, under the same name."""
        found = self._ask(
            "SELECT sha256, rows, inserted, updated, stale, deleted FROM {loads}"
            " WHERE load = ? AND destination = ? AND number = ?",
            request.load,
            request.destination.name,
            request.number,
        )
        if not found:
            return None
        check_same(request, str(found[0][0]))
        _, rows, inserted, updated, stale, deleted = found[0]
        return PartLoaded(rows=rows, inserted=inserted, updated=updated, stale=stale, deleted=deleted, skipped=True)

    def record(self, request: LoadPart, counts: Counts, boundary: str = "") -> None:
        """The part is in. With the last one the watermark moves, and the boundary with it.

        Raises LoadError when it would pass over a part.
        """
        self._ask(
            "INSERT INTO {loads} (load, destination, number, total, pipeline, sha256, rows, inserted, updated, stale,"
            " deleted, direct, partitions) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            request.load,
            request.destination.name,
            request.number,
            request.total,
            request.pipeline,
            request.part.digest,
            request.part.rows,
            counts.inserted,
            counts.updated,
            counts.stale,
            counts.deleted,
            counts.direct,
            json.dumps(counts.partitions, ensure_ascii=False, separators=(",", ":")),
        )
        if request.watermark is not None:
            self._advance(request, Mark(request.watermark, boundary))

    def _advance(self, request: LoadPart, told: Mark) -> None:
        name = request.destination.name
        check_complete(request, self.present(request.load, name))
        known = self.watermark(request.pipeline, name)
        check_unmoved(request, known)
        mark = told if known is None else known.moved(told)
        self._ask(
            "INSERT INTO {watermarks} (pipeline, destination, value, load, boundary) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (pipeline, destination) DO UPDATE"
            " SET value = excluded.value, load = excluded.load, boundary = excluded.boundary, set_at = now()",
            request.pipeline,
            name,
            mark.value,
            request.load,
            mark.boundary,
        )

    def present(self, load: str, destination: str) -> int:
        """How many parts of a load are in."""
        found = self._ask("SELECT count(*) FROM {loads} WHERE load = ? AND destination = ?", load, destination)
        return int(found[0][0])

    def stalled(self, pipeline: str, destination: str, before: datetime) -> tuple[str, ...]:
        """Loads of a pipeline, or of all, that are not whole, and had no part since."""
        found = self._ask(
            "SELECT load FROM {loads} WHERE destination = ? AND (pipeline = ? OR ? = '') GROUP BY load"
            " HAVING count(*) < max(total) AND max(loaded_at) < CAST(? AS timestamptz) ORDER BY load",
            destination,
            pipeline,
            pipeline,
            before.isoformat(),
        )
        return tuple(str(row[0]) for row in found)

    def forget(self, load: str, destination: str) -> int:
        """How many parts it had."""
        parts = self.present(load, destination)
        self._ask("DELETE FROM {loads} WHERE load = ? AND destination = ?", load, destination)
        return parts

    def watermark(self, pipeline: str, destination: str) -> Mark | None:
        found = self._ask(
            "SELECT value, boundary, load FROM {watermarks} WHERE pipeline = ? AND destination = ?",
            pipeline,
            destination,
        )
        return Mark(*map(str, found[0])) if found else None

    def history(self, pipeline: str, destination: str) -> tuple[int, ...]:
        """Rows of the latest whole loads, newest last."""
        found = self._ask(
            "SELECT CAST(sum(rows) AS bigint) FROM {loads} WHERE pipeline = ? AND destination = ?"
            " GROUP BY load HAVING count(*) = max(total) ORDER BY max(loaded_at) DESC LIMIT ?",
            pipeline,
            destination,
            HISTORY,
        )
        return tuple(int(row[0]) for row in reversed(found))

    def replaced(self, load: str, destination: str) -> frozenset[str]:
        """Partitions that earlier parts of this load replaced: their rows are this load's own."""
        found = self._ask("SELECT partitions FROM {loads} WHERE load = ? AND destination = ?", load, destination)
        return frozenset(value for row in found for value in json.loads(row[0]))

    def only_direct(self, load: str, destination: str) -> bool:
        """Whether parts of this load are in, all of them copied straight: the target was empty when it began."""
        found = self._ask(
            "SELECT count(*), min(CAST(direct AS integer)) FROM {loads} WHERE load = ? AND destination = ?",
            load,
            destination,
        )
        return bool(found[0][0] and found[0][1])

    def _ask(self, text: LiteralString, *parameters: object, columns: str = "") -> list[tuple[Any, ...]]:
        told = statement(text, loads=self.loads, watermarks=self.watermarks, columns=columns)
        return self._run(told, parameters)


def check_same(request: LoadPart, sha256: str) -> None:
    """Raises LoadError when the ledger has other content for this part: one of the two would be lost or doubled."""
    if sha256 != request.part.digest:
        raise LoadError(
            f"part {request.number} of load {request.load} is in {request.destination.name} with other content:"
            " start a run with another run key"
        )


def check_complete(request: LoadPart, present: int) -> None:
    """Raises LoadError when a watermark comes before the rest of its load."""
    if present != request.total:
        raise LoadError(
            f"the watermark of load {request.load} comes with its last part, but {present} of {request.total} are in"
        )


def check_unmoved(request: LoadPart, known: Mark | None) -> None:
    """Raises LoadError when another run has appended what this one read."""
    if request.fenced and (known.load if known is not None else None) != request.after:
        raise LoadError(
            f"{request.destination.name} appends, and another run has loaded since this one read from its watermark:"
            " discard this one, the other has its rows"
        )


def check_partitions(values: Sequence[object]) -> None:
    """Raises LoadError when the rows of one part lie in more partitions than the ledger is made for."""
    if len(values) > MAX_PARTITIONS:
        raise LoadError(
            f"a part has {len(values)} values of partition_by, more than {MAX_PARTITIONS}: name a column like a day"
        )


def later(known: str | None, told: str) -> str:
    """A watermark never goes back. Numbers are compared as numbers, times as ISO 8601 text."""
    if known is None:
        return told
    try:
        return known if Decimal(known) > Decimal(told) else told
    except InvalidOperation:
        return max(known, told)


def told_boundary(request: LoadPart, work: Workspace) -> str:
    """Raises DatasetStoreError."""
    return boundary.written(boundary.read(work, request.boundary))


def told_watermark(mark: Mark | None, rows: tuple[int, ...], work: Workspace) -> Watermark:
    """Raises DatasetStoreError."""
    if mark is None:
        return Watermark(rows=rows)
    kept = boundary.keep(work, boundary.parsed(mark.boundary))
    return Watermark(value=mark.value, rows=rows, boundary=kept, load=mark.load)
