"""Where a Parquet dataset lies: a folder or an object store. Its manifest is replaced as a whole, by one at a time."""

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import obstore

from towpath import private
from towpath.contracts.pipeline.loading import ParquetDestination
from towpath.dataplane.core.connections import S3Connection
from towpath.dataplane.core.errors import DestinationError
from towpath.dataplane.core.objects import OBJECT_ERRORS, SCHEME, open_bucket, split_address
from towpath.dataplane.core.workspace import Workspace
from towpath.roots import PathRefusedError, Root, StoreNameError, inside

MANIFEST = "manifest.json"
DATA = "data"
LOCK = ".lock"
_OURS = re.compile(r"[0-9a-f]{64}\.parquet|[0-9a-f]{32}\.unfinished")
TAKEN = (obstore.exceptions.AlreadyExistsError, obstore.exceptions.PreconditionError)


class Folder(Protocol):
    """Names are relative, with `/`. Everything raises DestinationError when it cannot be reached."""

    def manifest(self) -> tuple[bytes, str] | None:
        """Content and version."""
        ...

    def swap(self, content: bytes, version: str | None) -> bool:
        """Replaces the manifest of that version; None: there is none. False when another did meanwhile."""
        ...

    def get(self, name: str, target: Path) -> None: ...

    def put(self, name: str, file: Path) -> None:
        """Whole or not at all."""
        ...

    def old(self, before: datetime) -> Iterator[tuple[str, int]]:
        """Names and sizes of data files that were put before a moment."""
        ...

    def remove(self, name: str) -> None: ...

    @contextmanager
    def alone(self) -> Generator[None]:
        """Keeps others out where the place can; `swap` notices them everywhere."""
        ...


def open_folder(destination: ParquetDestination, work: Workspace) -> Folder:
    """Raises DestinationError, ConnectionNameError, DatasetStoreError."""
    if not destination.path.startswith(SCHEME):
        root = work.roots.destinations
        return _Local(root.resolve(destination.path), root, destination.name)
    named = destination.connection
    return _Bucket(destination, None if named is None else work.connection(named, S3Connection))


def data_name(file: Path) -> str:
    """By content: what is put again under a name is the same."""
    with file.open("rb") as opened:
        return f"{DATA}/{hashlib.file_digest(opened, 'sha256').hexdigest()}.parquet"


class _Local:
    def __init__(self, root: Path, allowed: Root, destination: str) -> None:
        self._root = root
        self._allowed = allowed
        self._destination = destination

    def manifest(self) -> tuple[bytes, str] | None:
        try:
            content = private.read(self._root / MANIFEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._told(error) from error
        return content, hashlib.sha256(content).hexdigest()

    def swap(self, content: bytes, version: str | None) -> bool:
        """To be called in `alone`."""
        known = self.manifest()
        if (None if known is None else known[1]) != version:
            return False
        file = self._root / f"{uuid4().hex}.unfinished"
        try:
            self._allowed.make_folder(self._root)
            file.write_bytes(content)
            self._place(file, self._root / MANIFEST)
        except OSError as error:
            raise self._told(error) from error
        return True

    def get(self, name: str, target: Path) -> None:
        try:
            with private.open_regular(self._inside(name)) as opened, target.open("wb") as copied:
                shutil.copyfileobj(opened, copied)
        except OSError as error:
            raise self._told(error) from error

    def put(self, name: str, file: Path) -> None:
        beside = self._root / f"{uuid4().hex}.unfinished"
        try:
            self._allowed.make_folder(self._inside(DATA))
            shutil.copyfile(file, beside)
            self._place(beside, self._inside(name))
        except OSError as error:
            raise self._told(error) from error

    def old(self, before: datetime) -> Iterator[tuple[str, int]]:
        for path in (*self._inside(DATA).glob("*.parquet"), *self._root.glob("*.unfinished")):
            if _OURS.fullmatch(path.name) is None:
                continue
            known = path.stat()
            if known.st_mtime < before.timestamp():
                yield path.relative_to(self._root).as_posix(), known.st_size

    def remove(self, name: str) -> None:
        self._inside(name).unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Generator[None]:
        try:
            folder = self._allowed.make_folder(self._root)
            lock = private.open_lock(folder / LOCK)
        except OSError as error:
            raise self._told(error) from error
        try:
            # The system lets go of it when this process ends, in whatever way.
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _inside(self, name: str) -> Path:
        """Raises PathRefusedError for a name that a manifest of ours has not, and where a link leads elsewhere."""
        try:
            return inside(self._root, name)
        except StoreNameError as error:
            raise PathRefusedError(self._root, str(error), "mend the dataset, or take another folder") from error

    def _place(self, file: Path, target: Path) -> None:
        """Content first, then its name: a power cut leaves the old file or the new one."""
        with file.open("rb") as written:
            os.fsync(written.fileno())
        file.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _told(self, error: OSError) -> DestinationError:
        return DestinationError(f"{self._destination}: the dataset's folder cannot be used ({error.strerror})")


class _Bucket:
    def __init__(self, destination: ParquetDestination, connection: S3Connection | None) -> None:
        bucket, self._prefix = split_address(destination.path)
        self._bucket = open_bucket(bucket, connection)
        self._destination = destination.name

    def manifest(self) -> tuple[bytes, str] | None:
        try:
            found = obstore.get(self._bucket, self._key(MANIFEST))
            return bytes(found.bytes()), found.meta["e_tag"] or ""
        except FileNotFoundError:
            return None
        except OBJECT_ERRORS as error:
            raise self._told(error) from error

    def swap(self, content: bytes, version: str | None) -> bool:
        key = self._key(MANIFEST)
        try:
            if version is None:
                obstore.put(self._bucket, key, content, mode="create", use_multipart=False)
            else:
                mode: obstore.UpdateVersion = {"e_tag": version}
                obstore.put(self._bucket, key, content, mode=mode, use_multipart=False)
        except TAKEN:
            return False
        except OBJECT_ERRORS as error:
            raise self._told(error) from error
        return True

    def get(self, name: str, target: Path) -> None:
        try:
            with target.open("wb") as opened:
                for chunk in obstore.get(self._bucket, self._key(name)).stream(min_chunk_size=8 * 1024**2):
                    opened.write(chunk)
        except OBJECT_ERRORS as error:
            raise self._told(error) from error

    def put(self, name: str, file: Path) -> None:
        try:
            obstore.put(self._bucket, self._key(name), file)
        except OBJECT_ERRORS as error:
            raise self._told(error) from error

    def old(self, before: datetime) -> Iterator[tuple[str, int]]:
        try:
            for chunk in obstore.list(self._bucket, self._key(DATA)):
                for known in chunk:
                    if known["last_modified"] < before.astimezone(UTC):
                        yield f"{DATA}/{known['path'].rpartition('/')[2]}", known["size"]
        except OBJECT_ERRORS as error:
            raise self._told(error) from error

    def remove(self, name: str) -> None:
        try:
            obstore.delete(self._bucket, self._key(name))
        except OBJECT_ERRORS as error:
            raise self._told(error) from error

    @contextmanager
    def alone(self) -> Generator[None]:
        yield

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _told(self, error: BaseException) -> DestinationError:
        return DestinationError(f"{self._destination}: the dataset's bucket cannot be used ({type(error).__name__})")
