"""Files that only their owner may read: 0600, in folders of 0700. What we write beside the histories is written here.

A folder or a file that is there already keeps its mode: whoever shares it with others has decided that.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TextIO
from uuid import uuid4

FILE_MODE, FOLDER_MODE = 0o600, 0o700


class NotAFileError(OSError):
    """A folder, a symbolic link or a device lies where a file of ours belongs."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(errno.EINVAL, f"there is {what} in place of a file; move it away", str(path))


def make_folder(path: Path) -> Path:
    """The folder, made with those above it where they are missing. Raises OSError."""
    try:
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)
    except FileNotFoundError:
        # `parents=True` would give the mode to the last one alone.
        make_folder(path.parent)
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)
    return path


def open_text(path: Path, *, append: bool = False, newline: str | None = None) -> TextIO:
    """For writing. Raises OSError."""
    return os.fdopen(_descriptor(path, append=append), "a" if append else "w", encoding="utf-8", newline=newline)


def open_bytes(path: Path, *, append: bool = False) -> BinaryIO:
    """For writing. Raises OSError."""
    return os.fdopen(_descriptor(path, append=append), "ab" if append else "wb")


def open_lock(path: Path) -> int:
    """The descriptor of a file that is locked, and read and written in place. Raises OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)


def write(path: Path, content: bytes, suffix: str = "") -> None:
    """A file that is seen whole or not at all, after a power cut too. What lies there is replaced. Raises OSError.

    Until then its name ends in 32 hexadecimal digits and `suffix`.
    """
    make_folder(path.parent)
    unfinished = path.with_name(f"{path.name}.{uuid4().hex}{suffix}")
    try:
        with open_bytes(unfinished) as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        place(unfinished, path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


def place(file: Path, target: Path) -> None:
    """Gives a file its name; a symbolic link or an empty folder of that name makes room. Raises OSError."""
    try:
        file.replace(target)
    except IsADirectoryError:
        try:
            target.rmdir()
        except OSError:
            raise NotAFileError(target, "a folder") from None
        file.replace(target)


def read(path: Path) -> bytes:
    """What is in a file, and in nothing else: a link is not followed, a pipe not waited for. Raises OSError."""
    with open_regular(path) as opened:
        return opened.read()


def holds(path: Path, content: bytes) -> bool:
    """Whether it is a file with exactly this content."""
    try:
        with open_regular(path) as opened:
            return os.fstat(opened.fileno()).st_size == len(content) and opened.read() == content
    except OSError:
        return False


def open_regular(path: Path) -> BinaryIO:
    """A file, for reading. Raises OSError, for what is no file NotAFileError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotAFileError(path, "a symbolic link") from None
        raise
    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        raise NotAFileError(path, "a folder" if stat.S_ISDIR(kind) else "a pipe or a device")
    return os.fdopen(descriptor, "rb")


def _descriptor(path: Path, *, append: bool) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_APPEND if append else os.O_TRUNC)
    return os.open(path, flags, FILE_MODE)
