"""Roots: the folders below which files are read and written that a request, a definition or a pipeline names.

A path is resolved first, symbolic links included, and compared then. What is opened is found again from the root on,
name by name and without following a link: one that was put there meanwhile is refused. What only takes a path, as
DuckDB does, gets the resolved one (docs/operations.md says what is left).
"""

import errno
import os
import re
import stat
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from towpath import private
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.policy.core.paths import path_problem

SOURCES, DESTINATIONS, FILES = "TOWPATH_SOURCE_ROOTS", "TOWPATH_DESTINATION_ROOTS", "TOWPATH_FILE_ROOTS"
STATE = Path(".towpath")
"""Where the local stack and the stores are, unless settings say otherwise."""
DEFINITIONS = Path("definitions")
"""Where the shipped pipelines have their data."""
OWN = (
    *("payloads", "artefacts", "datasets", "scratch", "logs", "logs.before", "ui", "demo", "stack.lock"),
    *("temporal.db", "temporal.db-wal", "temporal.db-shm", "temporal.db-journal"),
)
"""What of it is ours: no pipeline reads or writes there."""
_WILD = re.compile(r"[*?]")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
_DEEPEST = 4
_STEP = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class PathRefusedError(HouseError):
    """A path leads out of its root, or to what is not for it. The message names the path, why, and the mend."""

    def __init__(self, path: str | Path, why: str, mend: str) -> None:
        self.shown, self.why, self.mend = shown(path), why, mend
        super().__init__(FailureCode.PATH_REFUSED, f"{self.shown} {why}: {mend}", evidence={"path": self.shown})


class StoreNameError(OSError, ValueError):
    """A name that no store of ours gives: whoever reads a store meets it as any other trouble with a file."""


@dataclass(frozen=True, slots=True)
class Root:
    """Folders of one purpose, by the setting that names them. `shut` are places in them that are not for it. Both are
    resolved: `root_of` makes one.

    `anywhere` is for what a person names on a command line, where no setting is narrower.
    """

    setting: str
    folders: tuple[Path, ...] = ()
    shut: tuple[Path, ...] = ()
    anywhere: bool = False

    def resolve(self, path: str | Path) -> Path:
        """Where a path leads, links followed. Raises PathRefusedError."""
        return Path(path) if self.anywhere else self._place(path)[1]

    def matching(self, pattern: str) -> list[Path]:
        """Files that match, as the pattern writes them, in order; hidden ones never do. Raises PathRefusedError."""
        folder = self.folder_of(pattern)
        rest = Path(pattern).parts[len(folder.parts) :]
        if not rest:
            return [folder]
        found = [path for path in folder.glob("/".join(rest)) if not _is_hidden(path, folder)]
        files = sorted(path for path in found if path.is_file())
        for path in files:
            self.resolve(path.absolute())
        return files

    def folder_of(self, pattern: str) -> Path:
        """The folder in which a pattern begins to be one; the path itself, if it is none. Raises PathRefusedError."""
        if self.anywhere:
            return Path(pattern)
        self._refuse_shape(pattern)
        parts = Path(pattern).parts
        folder = Path(*(part for number, part in enumerate(parts) if not any(map(_WILD.search, parts[: number + 1]))))
        self.resolve(folder.absolute())
        return folder

    def stat(self, path: str | Path) -> os.stat_result:
        """Of a file. Raises OSError, PathRefusedError."""
        with self.open(path) as opened:
            return os.fstat(opened.fileno())

    def open(self, path: str | Path) -> BinaryIO:
        """A file, for reading. Raises OSError, PathRefusedError."""
        if self.anywhere:
            return Path(path).open("rb")
        return os.fdopen(self._descriptor(path, os.O_RDONLY), "rb")

    def open_append(self, path: str | Path) -> BinaryIO:
        """A file, for reading and for writing at its end; made if it is missing. Raises OSError, PathRefusedError."""
        self.make_folder(self.resolve(path).parent)
        return os.fdopen(self._descriptor(path, os.O_RDWR | os.O_APPEND | os.O_CREAT), "a+b")

    def open_lock(self, path: str | Path) -> int:
        """The descriptor of a lock, which is an empty file: what holds anything is none, and stays as it is.

        Raises OSError, PathRefusedError.
        """
        descriptor = self._descriptor(path, os.O_RDWR | os.O_CREAT)
        if os.fstat(descriptor).st_size:
            os.close(descriptor)
            raise PathRefusedError(path, "is no lock of ours: there is something in it", "take another path")
        return descriptor

    def make_folder(self, path: str | Path) -> Path:
        """The resolved folder, made with those above it. Raises OSError, PathRefusedError."""
        folder = self.resolve(path)
        folder.mkdir(parents=True, exist_ok=True)
        return self.resolve(folder)

    def _descriptor(self, path: str | Path, flags: int) -> int:
        root, real = self._place(path)
        descriptor = _open_below(root, real.relative_to(root).parts, flags)
        kind = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(kind):
            os.close(descriptor)
            raise PathRefusedError(path, "is no file", "name a file")
        return descriptor

    def _place(self, path: str | Path) -> tuple[Path, Path]:
        """The root that a path is below, and the path, both resolved."""
        self._refuse_shape(str(path))
        real = Path(os.path.realpath(path))
        above = [root for root in self.folders if real.is_relative_to(root)]
        if not above:
            raise PathRefusedError(path, "is outside of the folders that it may be in", f"see {self.setting}")
        root = max(above, key=lambda one: len(one.parts))
        if any(part.startswith(".") for part in real.relative_to(root).parts):
            raise PathRefusedError(path, "is hidden", f"name its folder in {self.setting} where that is meant")
        if any(_is_below(real, place) for place in self.shut):
            raise PathRefusedError(path, "is a place of Towpath's own", "take another one")
        return root, real

    def _refuse_shape(self, path: str) -> None:
        problem = path_problem(path)
        if problem is not None:
            raise PathRefusedError(path, *problem)


@dataclass(frozen=True, slots=True)
class Roots:
    """What a place may read and write by the names that others give: sources and destinations of pipelines, and the
    files of a command.
    """

    sources: Root
    destinations: Root
    files: Root = Root(FILES)


def default_roots(shut: Sequence[Path] = ()) -> Roots:
    """The working folder, what pipelines keep in the state folder, and the folder for temporary files."""
    here = Path.cwd()
    return _roots((here, here / STATE, Path(tempfile.gettempdir())), shut)


def narrow_roots(shut: Sequence[Path] = ()) -> Roots:
    """The same without what is for one's own machine."""
    here = Path.cwd()
    return _roots((here / DEFINITIONS, here / STATE), shut)


def _roots(folders: Sequence[Path], shut: Sequence[Path]) -> Roots:
    here = Path.cwd()
    folders = [folder for folder in folders if folder != Path("/")]
    closed = (*(here / STATE / name for name in OWN), *shut)
    return Roots(root_of(SOURCES, folders, closed), root_of(DESTINATIONS, folders, closed))


def root_of(setting: str, folders: Iterable[Path | str], shut: Iterable[Path | str] = ()) -> Root:
    """Links of the folders themselves are followed now, once."""
    return Root(setting, _resolved(folders), _resolved(shut))


def _resolved(places: Iterable[Path | str]) -> tuple[Path, ...]:
    return tuple(Path(os.path.realpath(place)) for place in places)


def store_name(name: str) -> str:
    """A name in a store, as stores give them. Raises StoreNameError."""
    parts = name.split("/")
    if len(parts) > _DEEPEST or any(_NAME.fullmatch(part) is None for part in parts):
        raise StoreNameError(f"{shown(name)} is no name in a store")
    return name


def inside(folder: Path, name: str) -> Path:
    """Where a store in `folder` has a name. Raises StoreNameError for what is none, or lies behind a link."""
    path = folder / store_name(name)
    if Path(os.path.realpath(path.parent)) != (Path(os.path.realpath(folder)) / name).parent:
        raise StoreNameError(f"{shown(name)} lies behind a symbolic link: remove the link from the store")
    return path


def shown(path: str | Path) -> str:
    """As it may be told: short, and in one line."""
    return ascii(str(path)[:200])


def _open_below(root: Path, parts: Sequence[str], flags: int) -> int:
    """Name by name, so that no link is followed that was put there after the path was resolved. Raises OSError."""
    folder = os.open(root, _STEP)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _STEP, dir_fd=folder)
            os.close(folder)
            folder = inner
        wanted = flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(parts[-1] if parts else ".", wanted, 0o666, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EMLINK}:
            raise private.NotAFileError(root.joinpath(*parts), "a symbolic link") from None
        raise
    finally:
        os.close(folder)


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _is_below(path: Path, place: Path) -> bool:
    """Whatever the case and the form of the letters: some file systems take them for the same."""
    own, other = [list(_folded(one)) for one in (path, place)]
    return own[: len(other)] == other


def _folded(path: Path) -> Iterator[str]:
    return (unicodedata.normalize("NFKC", part).casefold() for part in path.parts)
