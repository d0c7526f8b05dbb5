"""The dataset store: immutable files named by their content, in a folder that all workers share or in an object store.

A file is whole or absent: it is written beside its place and renamed, or put in one request. Keeping the same content
again, as a retry does, replaces what is there: it has a new age, and is mended if it was altered.

Every task compares what it reads with its digest, once. What a process remembers of a file does not do instead: whoever
writes to a file can give it its old time, and the time of its last change in the file system moves with each link.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import obstore

from towpath import private
from towpath.blobs.bucket import BlobBucket, BucketError
from towpath.blobs.folder import BlobFolder, BlobTooLargeError
from towpath.blobs.store import Blobs
from towpath.contracts.pipeline.plane import Compression
from towpath.dataplane.core.connections import S3Connection
from towpath.dataplane.core.errors import DatasetStoreError
from towpath.dataplane.core.objects import OBJECT_ERRORS, SCHEME, open_bucket, split_address
from towpath.roots import StoreNameError, shown

UNFINISHED = ".unfinished"
ABANDONED = timedelta(days=1)
"""Keeping a file takes minutes at most: what is unfinished for longer is what a killed task left."""
_COPIED_AT_ONCE = 1024**2
_PART = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}(?:\.[a-z]{1,10})?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BEST: dict[bool, Compression] = {True: "zstd", False: "none"}
"""By whether a store is remote. In a folder, what compression saves is not worth a fifth of a pipeline's CPU."""


class _Files(Blobs, Protocol):
    """Where the files lie. Names are relative, with `/`."""

    def take(self, name: str, file: Path) -> None:
        """Moves the file in; it is gone afterwards or may be removed."""
        ...

    def copy(self, name: str, target: Path) -> None:
        """Raises FileNotFoundError."""
        ...

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

    def __init__(
        self, url: str, connection: S3Connection | None = None, compression: Compression | None = None
    ) -> None:
        """Raises DatasetStoreError for an address that cannot be used."""
        self.url = url
        self.compression: Compression = compression or _BEST[url.startswith(SCHEME)]
        self._files: _Files = _Bucket(url, connection) if url.startswith(SCHEME) else _Folder(Path(url))

    def put(self, file: Path) -> tuple[str, str, int]:
        """Moves a finished file in: its name in the store, its SHA-256, its size in bytes. Raises DatasetStoreError."""
        size = file.stat().st_size
        digest = _digest(file)
        name = f"{digest[:2]}/{digest}{file.suffix}"
        try:
            self._files.take(name, file)
        except OBJECT_ERRORS as error:
            raise _unusable("written", error) from error
        return name, digest, size

    def read(self, name: str, sha256: str, folder: Path) -> Path:
        """A file in `folder` with that content. Raises DatasetStoreError when it is missing or is not what was kept."""
        check_part_name(name, sha256)
        target = folder / f"{sha256}{Path(name).suffix}"
        if target.exists():
            return target
        unfinished = target.with_name(f"{target.name}{UNFINISHED}")
        unfinished.unlink(missing_ok=True)
        try:
            self._files.copy(name, unfinished)
        except FileNotFoundError as error:
            raise DatasetStoreError(
                f"part {name} is not in the dataset store: it was cleaned up, or never kept"
            ) from error
        except OBJECT_ERRORS as error:
            raise DatasetStoreError(f"part {name} cannot be read: {_words(error)}") from error
        if _digest(unfinished) != sha256:
            unfinished.unlink()
            raise DatasetStoreError(f"part {name} was altered in the dataset store")
        return unfinished.rename(target)

    def put_first(self, name: str, content: bytes) -> bytes:
        """Keeps something small under a name, unless there is something: what is there. Raises DatasetStoreError."""
        try:
            return self._files.put_first(name, content)
        except OBJECT_ERRORS as error:
            raise _unusable("written", error) from error

    def replace(self, name: str, content: bytes) -> None:
        """Keeps something small under a name, whatever is there. Raises DatasetStoreError."""
        try:
            self._files.put(name, content)
        except OBJECT_ERRORS as error:
            raise _unusable("written", error) from error

    def find(self, name: str) -> bytes | None:
        """What is kept under a name. Raises DatasetStoreError."""
        try:
            return self._files.get(name)
        except FileNotFoundError:
            return None
        except OBJECT_ERRORS as error:
            raise _unusable("read", error) from error

    def names(self, folder: str) -> list[str]:
        """What is kept under names of its own, below a folder. Raises DatasetStoreError."""
        try:
            return self._files.names(folder)
        except OBJECT_ERRORS as error:
            raise _unusable("read", error) from error

    def drop(self, name: str) -> None:
        """Removes what was kept under a name. Raises DatasetStoreError."""
        try:
            self._files.drop(name)
        except OBJECT_ERRORS as error:
            raise _unusable("cleaned up", error) from error

    def forget(self, before: datetime, held: Collection[str] = ()) -> tuple[int, int]:
        """Removes what was kept before a moment and is not held: files and bytes removed. Raises DatasetStoreError."""
        files = size = 0
        abandoned = datetime.now(UTC) - ABANDONED
        found = ((self._files.old(before), before), (self._files.unfinished(abandoned), abandoned))
        try:
            for name, size_bytes, moment in ((*one, moment) for ones, moment in found for one in ones):
                if name not in held and self._files.remove(name, moment):
                    files, size = files + 1, size + size_bytes
        except OBJECT_ERRORS as error:
            raise _unusable("cleaned up", error) from error
        return files, size


def check_part_name(name: str, sha256: str) -> None:
    """A part is named by its content, and by nothing that leads elsewhere. Raises DatasetStoreError."""
    if _PART.fullmatch(name) is None or _DIGEST.fullmatch(sha256) is None:
        message = f"{shown(name)} is no part of a dataset: parts are named by their digests, as the store gives them"
        raise DatasetStoreError(message, retryable=False)


def _unusable(how: str, error: Exception) -> DatasetStoreError:
    return DatasetStoreError(f"the dataset store cannot be {how}: {_words(error)}")


def _words(error: Exception) -> str:
    """What others raise may hold an address, and is not repeated."""
    if isinstance(error, private.NotAFileError):
        return str(error.strerror)
    return str(error) if isinstance(error, (StoreNameError, BucketError, BlobTooLargeError)) else type(error).__name__


class _Folder(BlobFolder):
    def __init__(self, root: Path) -> None:
        super().__init__(root, UNFINISHED)

    def take(self, name: str, file: Path) -> None:
        target = self.path(name)
        private.make_folder(target.parent)
        beside = target.with_name(f"{target.name}.{uuid4().hex}{UNFINISHED}")
        # A rename within a file system is enough; across two, the copy must not be seen before it is whole.
        shutil.move(file, beside)
        try:
            beside.chmod(private.FILE_MODE)
            with beside.open("rb") as written:
                os.fsync(written.fileno())
            os.utime(beside)
            private.place(beside, target)
        finally:
            # Of two links to one file the rename leaves both.
            beside.unlink(missing_ok=True)

    def copy(self, name: str, target: Path) -> None:
        source = self.path(name)
        with private.open_regular(source) as opened:
            try:
                target.hardlink_to(source)
            except OSError:
                with private.open_bytes(target) as copied:
                    shutil.copyfileobj(opened, copied, _COPIED_AT_ONCE)
        if target.is_symlink():
            # Put there between the two looks.
            target.unlink()
            raise private.NotAFileError(source, "a symbolic link")

    def old(self, before: datetime) -> Iterator[tuple[str, int]]:
        return self._older("??/*", before)

    def unfinished(self, before: datetime) -> Iterator[tuple[str, int]]:
        return self._older(f"**/*{UNFINISHED}", before)

    def _older(self, pattern: str, before: datetime) -> Iterator[tuple[str, int]]:
        for path in self.root.glob(pattern):
            try:
                known = path.stat()
            except FileNotFoundError:
                continue
            if known.st_mtime < before.timestamp():
                yield path.relative_to(self.root).as_posix(), known.st_size

    def remove(self, name: str, before: datetime) -> bool:
        # Whoever keeps the same content meanwhile replaces the file, so what is moved aside is looked at once more.
        path = self.path(name)
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


class _Bucket(BlobBucket):
    def __init__(self, url: str, connection: S3Connection | None) -> None:
        bucket, prefix = split_address(url)
        super().__init__(open_bucket(bucket, connection), prefix)

    def take(self, name: str, file: Path) -> None:
        obstore.put(self.objects, self.key(name), file)

    def copy(self, name: str, target: Path) -> None:
        with private.open_bytes(target) as opened:
            for chunk in obstore.get(self.objects, self.key(name)).stream(min_chunk_size=8 * 1024**2):
                opened.write(chunk)

    def old(self, before: datetime) -> Iterator[tuple[str, int]]:
        start = len(self.key(""))
        for chunk in obstore.list(self.objects, self.key("").rstrip("/") or None):
            for known in chunk:
                name = known["path"][start:]
                # What is kept under a name of its own has no age.
                if known["last_modified"] < before.astimezone(UTC) and name[2:3] == "/":
                    yield name, known["size"]

    def unfinished(self, before: datetime) -> Iterator[tuple[str, int]]:
        del before
        return iter(())

    def remove(self, name: str, before: datetime) -> bool:
        key = self.key(name)
        try:
            if obstore.head(self.objects, key)["last_modified"] >= before.astimezone(UTC):
                return False
        except FileNotFoundError:
            return False
        obstore.delete(self.objects, key)
        return True


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
