"""The greatest cursor of a partition and the rows that have it; and rows at its lower bound that are loaded already."""

from collections.abc import Callable
from typing import Any

import duckdb

from towpath.contracts.pipeline.dataset import DatasetPart
from towpath.contracts.pipeline.stages import ExtractTask
from towpath.dataplane.core import boundary
from towpath.dataplane.core.arrow import ArrowTable, compute, pa
from towpath.dataplane.core.workspace import Workspace
from towpath.policy.pipeline.watermarks import MOST_AT_WATERMARK


class Frontier:
    """One for an attempt at one partition of a source with a cursor."""

    def __init__(self, task: ExtractTask, work: Workspace, engine: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        self._names = [column.name for column in task.columns]
        self._engine = engine
        self._loaded = boundary.NONE if task.loaded is None else boundary.read(work, [task.loaded])
        self._work = work
        self._at: set[int] | None = set()
        self.greatest: Any = None

    def see(self, table: ArrowTable, cursors: Any) -> None:
        """Rows with their cursors, null where one counts for nothing."""
        greatest: Any = compute.max(cursors).as_py()
        if greatest is None or (self.greatest is not None and greatest < self.greatest):
            return
        if self.greatest is None or greatest > self.greatest:
            self.greatest, self._at = greatest, set()
        if self._at is None:
            return
        there = table.filter(compute.equal(cursors, pa.scalar(greatest, cursors.type)))
        if len(self._at) + there.num_rows > MOST_AT_WATERMARK:
            self._at = None
        else:
            self._at.update(self._digests(there))

    def loaded(self, table: ArrowTable, at_since: Any) -> Any:
        """For each row whether it is loaded, which only those at the lower bound can be; None: no row is."""
        if not self._loaded or not compute.any(at_since).as_py():
            return None
        places = compute.indices_nonzero(at_since).to_pylist()
        found = self._digests(table.take(pa.array(places)))
        there = {place for place, digest in zip(places, found, strict=True) if digest in self._loaded}
        return pa.array([place in there for place in range(table.num_rows)]) if there else None

    def close(self) -> DatasetPart | None:
        """Keeps the digests of the rows with the greatest cursor. Raises DatasetStoreError."""
        return None if self._at is None else boundary.keep(self._work, frozenset(self._at))

    def _digests(self, table: ArrowTable) -> list[int]:
        names = set(table.column_names)
        return boundary.digests(self._engine(), table, [name for name in self._names if name in names])
