"""Files in a folder that everybody who needs them shares: by `towpath.private`, for their owner alone."""

import errno
import os
import time
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from towpath import private
from towpath.roots import inside

MAX_BYTES = 256 * 1024**2
"""No file is larger: what is kept and read is held in memory whole."""
ABANDONED = timedelta(days=1)
"""Keeping a file takes seconds: what is unfinished for longer, by any clock, is what a killed writer left."""
_UNFINISHED = "*.????????????????????????????????"
"""The name that a file is to have, and 32 hexadecimal digits."""


class BlobTooLargeError(OSError):
    """A file has more bytes than are read or kept."""

    def __init__(self) -> None:
        super().__init__(errno.EFBIG, f"it is larger than {MAX_BYTES // 1024**2} MiB")

    def __str__(self) -> str:
        return str(self.strerror)


class BlobFolder:
    """`unfinished` ends the names of what is not whole yet."""

    def __init__(self, root: Path, unfinished: str = "") -> None:
        self.root = root
        self._suffix = unfinished

    def path(self, name: str) -> Path:
        """Where a name is: names come from payloads, too. Raises StoreNameError."""
        return inside(self.root, name)

    def get(self, name: str) -> bytes:
        with private.open_regular(self.path(name)) as opened:
            if os.fstat(opened.fileno()).st_size > MAX_BYTES:
                raise BlobTooLargeError
            return opened.read()

    def put(self, name: str, content: bytes) -> None:
        """What is the same already is left as it is."""
        check_size(content)
        target = self.path(name)
        if not private.holds(target, content):
            private.write(target, content, self._suffix)

    def put_first(self, name: str, content: bytes) -> bytes:
        check_size(content)
        target = self.path(name)
        private.make_folder(target.parent)
        beside = target.with_name(f"{target.name}.{uuid4().hex}{self._suffix}")
        try:
            with private.open_bytes(beside) as opened:
                opened.write(content)
                opened.flush()
                os.fsync(opened.fileno())
            target.hardlink_to(beside)
        except FileExistsError:
            return self.get(name)
        finally:
            beside.unlink(missing_ok=True)
        return content

    def names(self, folder: str) -> list[str]:
        # Not by a pattern: that takes a folder that may not be read for an empty one.
        try:
            inner = sorted(path.name for path in self.path(folder).iterdir())
        except FileNotFoundError:
            return []
        return [f"{folder}/{name}" for name in inner if name.endswith(".json")]

    def drop(self, name: str) -> None:
        (self.path(name)).unlink(missing_ok=True)

    def clean(self) -> int:
        """In the folders of the first level."""
        return sum(_remove_abandoned(path) for path in self.root.glob(f"*/{_UNFINISHED}"))


def check_size(content: bytes) -> None:
    """Raises BlobTooLargeError for what could not be read again."""
    if len(content) > MAX_BYTES:
        raise BlobTooLargeError


def _remove_abandoned(path: Path) -> bool:
    """A file that its writer, or another worker, took away meanwhile is none of ours."""
    try:
        if path.stat().st_mtime > time.time() - ABANDONED.total_seconds():
            return False
        path.unlink()
    except FileNotFoundError:
        return False
    return True
