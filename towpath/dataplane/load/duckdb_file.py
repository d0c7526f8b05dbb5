"""The file of a DuckDB destination before it is opened: whether it is one, and nobody else's."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from towpath import private
from towpath.roots import PathRefusedError, Root

MAGIC, OFFSET = b"DUCK", 8
"""What a file of DuckDB has after the checksum that it begins with."""
OTHER = "name a file that is not there yet, or a DuckDB database"


@contextmanager
def locked(path: Path, root: Root) -> Generator[None]:
    """The file beside the database, locked. Raises OSError, PathRefusedError."""
    root.make_folder(path.parent)
    lock = root.open_lock(path.with_name(f"{path.name}.lock"))
    try:
        # The system lets go of it when this process ends, in whatever way.
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def check_file(path: Path) -> None:
    """What DuckDB would write into is not there, or is its own. Raises OSError, PathRefusedError."""
    log = path.with_name(f"{path.name}.wal")
    if log.is_symlink() or (log.exists() and not path.exists()):
        raise PathRefusedError(log, "lies where DuckDB keeps its log", "move it away")
    if not os.path.lexists(path):
        return
    try:
        with private.open_regular(path) as opened:
            start = opened.read(OFFSET + len(MAGIC))
    except private.NotAFileError as error:
        raise PathRefusedError(path, "is no DuckDB database", OTHER) from error
    if start[OFFSET:] != MAGIC:
        raise PathRefusedError(path, "is no DuckDB database, and stays as it is", OTHER)
