"""What the tasks of a specification need of their surroundings: local files of parts, and a place for new ones."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from towpath.contracts.dataset import Column, DatasetPart


class Files(Protocol):
    """One task's view of the dataset store. Everything it names lies below `folder`."""

    @property
    def folder(self) -> Path:
        """Scratch of this task: the only folder that the engine may touch."""
        ...

    @property
    def memory_bytes(self) -> int: ...

    def local(self, part: DatasetPart) -> Path:
        """The part as a file below `folder`."""
        ...

    def keep(self, file: Path, rows: int, columns: Iterable[Column], partition: str) -> DatasetPart:
        """Moves a finished Parquet file into the store, named by its content."""
        ...

    def progress(self, rows: int, size_bytes: int) -> None: ...
