"""Where files lie: a folder or an object store. Lists them, and reads stretches of them while they stay the same."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import obstore

from towpath.contracts.pipeline.pipeline import FileSource
from towpath.dataplane.core.connections import S3Connection
from towpath.dataplane.core.errors import SourceChangedError, SourceMissingError
from towpath.dataplane.core.objects import OBJECT_ERRORS, SCHEME, open_bucket, source_error, split_address
from towpath.dataplane.core.workspace import Workspace
from towpath.engine.matching.patterns import read_pattern
from towpath.roots import Root

CHUNK = 4 * 1024**2
_WILD = re.compile(r"[*?]")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """`version` changes whenever the file does: its time and size, or what the object store calls its ETag."""

    name: str
    size_bytes: int
    version: str


class FilePlace(Protocol):
    """Names in a place are as `files` told them."""

    def files(self, pattern: str) -> list[SourceFile]:
        """Those that match, by name."""
        ...

    def file(self, name: str) -> SourceFile: ...

    def read(self, name: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to `end`, in pieces."""
        ...


def open_place(source: FileSource, work: Workspace) -> FilePlace:
    """Raises ConnectionNameError and DatasetStoreError."""
    if not source.path.startswith(SCHEME):
        return _Folder(work.roots.sources)
    connection = None if source.connection is None else work.connection(source.connection, S3Connection)
    return _Bucket(split_address(source.path)[0], connection)


def unchanged(place: FilePlace, name: str, version: str) -> SourceFile:
    """Raises SourceChangedError when the file is no longer what was planned."""
    found = place.file(name)
    if found.version != version:
        raise SourceChangedError(f"{name} changed after the run was planned; run it again")
    return found


class RangeReader(io.RawIOBase):
    """A file of a place for libraries that seek; each read is one request."""

    def __init__(self, place: FilePlace, file: SourceFile) -> None:
        self._place = place
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size_bytes}[whence]
        self._at = max(0, start + offset)
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        left = self._file.size_bytes - self._at
        wanted = left if size < 0 else min(size, left)
        if wanted <= 0:
            return b""
        found = b"".join(self._place.read(self._file.name, self._at, self._at + wanted))
        self._at += len(found)
        return found


class _Folder:
    def __init__(self, root: Root) -> None:
        self._root = root

    def files(self, pattern: str) -> list[SourceFile]:
        return [self.file(str(path)) for path in self._root.matching(pattern)]

    def file(self, name: str) -> SourceFile:
        try:
            known = self._root.stat(name)
        except OSError as error:
            raise SourceMissingError(f"{name} cannot be read: {error.strerror}") from error
        return SourceFile(name, known.st_size, f"{known.st_size}-{known.st_mtime_ns}")

    def read(self, name: str, start: int, end: int) -> Iterator[bytes]:
        try:
            with self._root.open(name) as opened:
                opened.seek(start)
                while start < end and (piece := opened.read(min(CHUNK, end - start))):
                    start += len(piece)
                    yield piece
        except OSError as error:
            raise SourceMissingError(f"{name} cannot be read: {error.strerror}") from error


class _Bucket:
    def __init__(self, bucket: str, connection: S3Connection | None) -> None:
        self._name = bucket
        self._bucket = open_bucket(bucket, connection)

    def files(self, pattern: str) -> list[SourceFile]:
        key = split_address(pattern)[1]
        fixed = _WILD.split(key, maxsplit=1)[0]
        matches = read_pattern(_key_pattern(key))
        found: list[SourceFile] = []
        try:
            for chunk in obstore.list(self._bucket, fixed.rpartition("/")[0] or None):
                found += [
                    SourceFile(f"{SCHEME}{self._name}/{one['path']}", one["size"], one["e_tag"] or str(one["size"]))
                    for one in chunk
                    if matches.is_all_of(one["path"])
                ]
        except OBJECT_ERRORS as error:
            raise source_error(f"bucket {self._name} cannot be listed", self._reason(error)) from error
        if not found and fixed == key:
            raise SourceMissingError(f"{pattern}: there is no such object")
        return sorted(found, key=lambda one: one.name)

    def file(self, name: str) -> SourceFile:
        try:
            known = obstore.head(self._bucket, split_address(name)[1])
        except OBJECT_ERRORS as error:
            raise source_error(f"{name} cannot be read", error) from error
        return SourceFile(name, known["size"], known["e_tag"] or str(known["size"]))

    def read(self, name: str, start: int, end: int) -> Iterator[bytes]:
        key = split_address(name)[1]
        try:
            while start < end:
                piece = bytes(obstore.get_range(self._bucket, key, start=start, end=min(start + CHUNK, end)))
                start += len(piece)
                yield piece
        except OBJECT_ERRORS as error:
            raise source_error(f"{name} cannot be read", error) from error

    def _reason(self, error: Exception) -> Exception:
        """Listing does not tell a missing bucket or a refusal from a broken connection, to ask for one object does."""
        try:
            obstore.head(self._bucket, "towpath")
        except OBJECT_ERRORS as clearer:
            return clearer
        return error


def _key_pattern(key: str) -> str:
    """`*` stands for anything within a folder, `**/` for folders."""
    parts = re.split(r"(\*\*/|\*|\?)", key)
    wild = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    return "".join(wild.get(part, re.escape(part)) for part in parts)
