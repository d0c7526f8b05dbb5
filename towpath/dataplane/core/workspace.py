"""What a task of the data plane works with: the store, a folder of its own, its memory, connections, and progress."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from towpath.contracts.pipeline.dataset import Column, DatasetPart
from towpath.dataplane.core.arrow import ArrowArray, pa, parquet
from towpath.dataplane.core.columns import schema_hash
from towpath.dataplane.core.connections import DataConnection, HttpConnection, PostgresqlConnection, S3Connection
from towpath.dataplane.core.errors import ConnectionNameError
from towpath.dataplane.core.part_writer import LEFT_OUT_ROW, leave_out
from towpath.dataplane.core.store import DatasetStore
from towpath.roots import Roots, default_roots

Progress = Callable[[int, int], None]
"""Called with rows and bytes done so far in this task: cheap enough to be called for every batch."""

ConnectionT = TypeVar("ConnectionT", HttpConnection, PostgresqlConnection, S3Connection)


def _silent(rows: int, size_bytes: int) -> None:
    del rows, size_bytes


@dataclass(frozen=True)
class Workspace:
    """One for each task. `folder` is empty at its start and removed after it, whatever happened.

    `memory_bytes` is for the buffers of an engine; its process needs about 100 MB more.
    """

    store: DatasetStore
    folder: Path
    memory_bytes: int = 350 * 1024**2
    threads: int = 1
    progress: Progress = _silent
    connections: Mapping[str, DataConnection] = field(default_factory=dict[str, DataConnection])
    """Those that this task names."""
    kinds: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of all that are set, by name."""
    roots: Roots = field(default_factory=default_roots)

    def local(self, part: DatasetPart) -> Path:
        """The part as a file below `folder`, to be read and never written. Raises DatasetStoreError."""
        file = self.file(part)
        if part.without is None:
            return file
        target = file.with_name(f"{part.digest}{file.suffix}")
        return target if target.exists() else leave_out(file, self.left_out(part), target, self.store.compression)

    def file(self, part: DatasetPart) -> Path:
        """The file that has the part, and the rows that it is without. Raises DatasetStoreError."""
        return self.store.read(part.uri, part.sha256, self.folder)

    def left_out(self, part: DatasetPart) -> ArrowArray:
        """Numbers of the rows of the file that the part is without, in order. Raises DatasetStoreError."""
        if part.without is None:
            return pa.array([], pa.int64())
        return parquet.read_table(self.store.read(part.without.uri, part.without.sha256, self.folder))[LEFT_OUT_ROW]

    def keep(
        self, file: Path, rows: int, columns: Iterable[Column], partition: str = "", origin: str = ""
    ) -> DatasetPart:
        """Moves a finished Parquet file of `folder` into the store. Raises DatasetStoreError."""
        name, digest, size = self.store.put(file)
        return DatasetPart(
            uri=name,
            rows=rows,
            size_bytes=size,
            sha256=digest,
            schema_hash=schema_hash(columns),
            partition=partition,
            origin=origin,
        )

    def connection(self, name: str, kind: type[ConnectionT]) -> ConnectionT:
        """Raises ConnectionNameError for a name that is not set, or that is another kind of connection."""
        found = self.connections.get(name)
        if not isinstance(found, kind):
            wanted = str(kind.model_fields["type"].default)
            kinds = {name: str(each.type) for name, each in self.connections.items()} | dict(self.kinds)
            known = ", ".join(sorted(name for name, each in kinds.items() if each == wanted)) or "none"
            raise ConnectionNameError(f"connection {name!r} is not set for this kind of use (set: {known})")
        return found
