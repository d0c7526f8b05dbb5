"""The dataset store: immutable files named by their content, in a folder that all workers share or in an object store.

A file is whole or absent: it is written beside its place and renamed, or put in one request. Keeping the same content
again, as a retry does, changes nothing but its age.
"""

import hashlib
import os
import shutil
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Protocol
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError

from towpath.contracts.pipeline.plane import Compression
from towpath.dataplane.core.connections import S3Connection
from towpath.dataplane.core.errors import DatasetStoreError
from towpath.dataplane.core.objects import OBJECT_ERRORS, SCHEME, open_bucket, split_address

UNFINISHED = ".unfinished"
ABANDONED = timedelta(days=1)
"""Keeping a file takes minutes at most: what is unfinished for longer is what a killed task left."""
_BEST: dict[bool, Compression] = {True: "zstd", False: "none"}
"""By whether a store is remote. In a folder, what compression saves is not worth a fifth of a pipeline's CPU."""

MOST_KNOWN = 10_000
_Identity = tuple[int, int, int, int]
"""Device, inode, size in bytes and time of the last change in ns: the same while nobody writes to the file."""


class _Files(Protocol):
    """Where the files lie. Names are relative, with `/`."""

    def put(self, name: str, file: Path) -> None:
        """Moves the file in; it is gone afterwards or may be removed."""
        ...

    def identity(self, name: str) -> _Identity | None:
        """Of a file that readers get as it is, without a copy."""
        ...

    def get(self, name: str, target: Path) -> None:
        """Raises FileNotFoundError."""
        ...

    def put_first(self, name: str, content: bytes) -> bytes: ...

    def find(self, name: str) -> bytes | None: ...

    def names(self, folder: str) -> list[str]:
        """Of what is kept under names of its own, below one."""
        ...

    def drop(self, name: str) -> None: ...

    def old(self, before: datetime) -> Iterator[tuple[str, int]]:
        """Names and sizes of what was last kept before a moment."""
        ...

    def unfinished(self, before: datetime) -> Iterator[tuple[str, int]]:
        """The same of what was never whole."""
        ...

    def remove(self, name: str, before: datetime) -> bool:
        """Unless it was kept again meanwhile."""
        ...


class DatasetStore:
    """Parts of datasets at one address: a folder, or `s3://bucket/prefix`."""

    _known: ClassVar[dict[str, _Identity]] = {}
    """Files of folders, by digest, that this process has written or compared: they are not compared again."""

    def __init__(
        self, url: str, connection: S3Connection | None = None, compression: Compression | None = None
    ) -> None:
        """Raises StoreError for an address that cannot be used."""
        self.url = url
        self.compression: Compression = compression or _BEST[url.startswith(SCHEME)]
        self._files: _Files = _Bucket(url, connection) if url.startswith(SCHEME) else _Folder(Path(url))

    def put(self, file: Path) -> tuple[str, str, int]:
        """Moves a finished file in: its name in the store, its SHA-256, its size in bytes. Raises StoreError."""
        size = file.stat().st_size
        digest = _digest(file)
        name = f"{digest[:2]}/{digest}{file.suffix}"
        try:
            self._files.put(name, file)
            self._note(digest, self._files.identity(name))
        except OBJECT_ERRORS as error:
            raise DatasetStoreError(f"the dataset store cannot be written: {type(error).__name__}") from error
        return name, digest, size

    def read(self, name: str, sha256: str, folder: Path) -> Path:
        """A file in `folder` with that content. Raises StoreError when it is missing, or is not what was kept."""
        target = folder / f"{sha256}{Path(name).suffix}"
        if target.exists():
            return target
        unfinished = target.with_name(f"{target.name}{UNFINISHED}")
        unfinished.unlink(missing_ok=True)
        try:
            self._files.get(name, unfinished)
        except FileNotFoundError as error:
            raise DatasetStoreError(
                f"part {name} is not in the dataset store: it was cleaned up, or never kept"
            ) from error
        except OBJECT_ERRORS as error:
            raise DatasetStoreError(f"part {name} cannot be read: {type(error).__name__}") from error
        identity = _identity(unfinished)
        if self._known.get(sha256) != identity:
            if _digest(unfinished) != sha256:
                raise DatasetStoreError(f"part {name} was altered in the dataset store")
            self._note(sha256, identity)
        return unfinished.rename(target)

    def put_first(self, name: str, content: bytes) -> bytes:
        """Keeps something small under a name, unless there is something: what is there now. Raises StoreError."""
        try:
            return self._files.put_first(name, content)
        except OBJECT_ERRORS as error:
            raise DatasetStoreError(f"the dataset store cannot be written: {type(error).__name__}") from error

    def find(self, name: str) -> bytes | None:
        """What is kept under a name. Raises StoreError."""
        try:
            return self._files.find(name)
        except OBJECT_ERRORS as error:
            raise DatasetStoreError(f"the dataset store cannot be read: {type(error).__name__}") from error

    def names(self, folder: str) -> list[str]:
        """What is kept under names of its own, below a folder. Raises StoreError."""
        try:
            return self._files.names(folder)
        except OBJECT_ERRORS as error:
            raise DatasetStoreError(f"the dataset store cannot be read: {type(error).__name__}") from error

    def drop(self, name: str) -> None:
        """Removes what was kept under a name. Raises StoreError."""
        try:
            self._files.drop(name)
        except OBJECT_ERRORS as error:
            raise DatasetStoreError(f"the dataset store cannot be cleaned up: {type(error).__name__}") from error

    def forget(self, before: datetime, held: Collection[str] = ()) -> tuple[int, int]:
        """Removes what was last kept before a moment and is not held: files and bytes removed. Raises StoreError."""
        files = size = 0
        abandoned = datetime.now(UTC) - ABANDONED
        found = ((self._files.old(before), before), (self._files.unfinished(abandoned), abandoned))
        try:
            for name, size_bytes, moment in ((*one, moment) for ones, moment in found for one in ones):
                if name not in held and self._files.remove(name, moment):
                    files, size = files + 1, size + size_bytes
        except OBJECT_ERRORS as error:
            raise DatasetStoreError(f"the dataset store cannot be cleaned up: {type(error).__name__}") from error
        return files, size

    @classmethod
    def _note(cls, digest: str, identity: _Identity | None) -> None:
        if identity is not None:
            while len(cls._known) >= MOST_KNOWN:
                del cls._known[next(iter(cls._known))]
            cls._known[digest] = identity


def _identity(file: Path) -> _Identity:
    known = file.stat()
    return known.st_dev, known.st_ino, known.st_size, known.st_mtime_ns


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, file: Path) -> None:
        target = self._root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f"{target.name}.{uuid4().hex}{UNFINISHED}")
        # A rename within a file system is enough; across two, the copy must not be seen before it is whole.
        shutil.move(file, beside)
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        os.utime(beside)
        beside.replace(target)
        # Of two links to one file the rename leaves both.
        beside.unlink(missing_ok=True)

    def identity(self, name: str) -> _Identity | None:
        try:
            return _identity(self._root / name)
        except FileNotFoundError:
            return None

    def get(self, name: str, target: Path) -> None:
        source = self._root / name
        try:
            target.hardlink_to(source)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(source, target)

    def put_first(self, name: str, content: bytes) -> bytes:
        target = self._root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f"{target.name}.{uuid4().hex}{UNFINISHED}")
        beside.write_bytes(content)
        try:
            target.hardlink_to(beside)
        except FileExistsError:
            return target.read_bytes()
        finally:
            beside.unlink()
        return content

    def find(self, name: str) -> bytes | None:
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError:
            return None

    def names(self, folder: str) -> list[str]:
        return [path.relative_to(self._root).as_posix() for path in sorted((self._root / folder).glob("*.json"))]

    def drop(self, name: str) -> None:
        (self._root / name).unlink(missing_ok=True)

    def old(self, before: datetime) -> Iterator[tuple[str, int]]:
        return self._older("??/*", before)

    def unfinished(self, before: datetime) -> Iterator[tuple[str, int]]:
        return self._older(f"**/*{UNFINISHED}", before)

    def _older(self, pattern: str, before: datetime) -> Iterator[tuple[str, int]]:
        for path in self._root.glob(pattern):
            try:
                known = path.stat()
            except FileNotFoundError:
                continue
            if known.st_mtime < before.timestamp():
                yield path.relative_to(self._root).as_posix(), known.st_size

    def remove(self, name: str, before: datetime) -> bool:
        # Whoever keeps the same content meanwhile replaces the file, so what is moved aside is looked at once more.
        path = self._root / name
        aside = path.with_name(f"{path.name}.{uuid4().hex}{UNFINISHED}")
        try:
            path.rename(aside)
            if aside.stat().st_mtime >= before.timestamp():
                aside.replace(path)
                return False
            aside.unlink()
        except FileNotFoundError:
            return False
        return True


class _Bucket:
    def __init__(self, url: str, connection: S3Connection | None) -> None:
        bucket, self._prefix = split_address(url)
        self._bucket = open_bucket(bucket, connection)

    def put(self, name: str, file: Path) -> None:
        obstore.put(self._bucket, self._key(name), file)

    def identity(self, name: str) -> _Identity | None:
        del name
        return None

    def get(self, name: str, target: Path) -> None:
        with target.open("wb") as opened:
            for chunk in obstore.get(self._bucket, self._key(name)).stream(min_chunk_size=8 * 1024**2):
                opened.write(chunk)

    def put_first(self, name: str, content: bytes) -> bytes:
        try:
            obstore.put(self._bucket, self._key(name), content, mode="create")
        except AlreadyExistsError:
            return self.find(name) or content
        return content

    def find(self, name: str) -> bytes | None:
        try:
            return bytes(obstore.get(self._bucket, self._key(name)).bytes())
        except FileNotFoundError:
            return None

    def names(self, folder: str) -> list[str]:
        start = len(self._key(""))
        listed = obstore.list(self._bucket, self._key(folder))
        return sorted(known["path"][start:] for chunk in listed for known in chunk)

    def drop(self, name: str) -> None:
        obstore.delete(self._bucket, self._key(name))

    def old(self, before: datetime) -> Iterator[tuple[str, int]]:
        start = len(self._prefix) + 1 if self._prefix else 0
        for chunk in obstore.list(self._bucket, self._prefix or None):
            for known in chunk:
                name = known["path"][start:]
                # What is kept under a name of its own has no age.
                if known["last_modified"] < before.astimezone(UTC) and name[2:3] == "/":
                    yield name, known["size"]

    def unfinished(self, before: datetime) -> Iterator[tuple[str, int]]:
        del before
        return iter(())

    def remove(self, name: str, before: datetime) -> bool:
        key = self._key(name)
        try:
            if obstore.head(self._bucket, key)["last_modified"] >= before.astimezone(UTC):
                return False
        except FileNotFoundError:
            return False
        obstore.delete(self._bucket, key)
        return True

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
