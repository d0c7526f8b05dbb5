"""Files that people name: read and written in one place, so that each mistake is one line with the mend."""

import errno
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import typer

from towpath import private
from towpath.cli.terminal import Exit, fail

STDIN = Path("-")
MOST_BYTES = 64 * 1024**2
"""No file that a command takes is near it; a device that never ends is above it."""
MENDS = {
    errno.ENOENT: "give one that is there",
    errno.EISDIR: "give a file in it",
    errno.EACCES: "you may not, as this user",
    errno.EPERM: "you may not, as this user",
    errno.ENAMETOOLONG: "was a text given where a file is wanted?",
    errno.EEXIST: "take another name",
    errno.ENOSPC: "make room, or write elsewhere",
    errno.EROFS: "write elsewhere",
}


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """What is in a file, or comes by stdin for `-`. Ends the command when that cannot be read."""
    try:
        content = typer.get_binary_stream("stdin").read(most + 1) if path == STDIN else _start_of(path, most + 1)
    except (OSError, ValueError) as error:
        unusable(path, "read", error)
    except RuntimeError:
        fail(Exit.WRONG_INPUT, "stdin is closed: give a file, or pipe something in")
    if len(content) > most:
        fail(Exit.WRONG_INPUT, f"{path}: is larger than {most:,} bytes, the most that is read")
    return content


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """The same as text in UTF-8, with or without a byte order mark."""
    content = read_bytes(path, most)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fail(Exit.WRONG_INPUT, f"{path}: is no text in UTF-8, from byte {error.start} on: save it as UTF-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Ends the command when the file cannot be written."""
    try:
        roots = _roots()
        with private.open_bytes(path if roots is None else roots.resolved(path)) as opened:
            opened.write(content)
    except (OSError, ValueError) as error:
        unusable(path, "written", error)


def write_text(path: Path, text: str) -> None:
    """Ends the command when the file cannot be written."""
    write_bytes(path, text.encode())


def unusable(path: Path, done: str, error: OSError | ValueError) -> NoReturn:
    """Say why a path cannot be read or written, and end the command."""
    fail(Exit.WRONG_INPUT, f"{path}: cannot be {done}: {reason(error)}")


def reason(error: OSError | ValueError) -> str:
    """What the system says of a path, with the mend where there is one."""
    if not isinstance(error, OSError):
        return "no path has a NUL byte"
    what = error.strerror or type(error).__name__
    mend = MENDS.get(error.errno or 0, "")
    return what.lower() + (f"; {mend}" if mend else "")


def _start_of(path: Path, size: int) -> bytes:
    with _opened(path) as file:
        return file.read(size)


def _opened(path: Path) -> BinaryIO:
    roots = _roots()
    return path.open("rb") if roots is None else roots.opened(path)


def _roots() -> Any | None:
    """None where the settings let commands at any file that a person names."""
    # Loaded with the first file: help, and what reads none, would start later.
    given = import_module("towpath.cli.configuration").settings()
    return None if given.file_roots is None else import_module("towpath.cli.roots")
