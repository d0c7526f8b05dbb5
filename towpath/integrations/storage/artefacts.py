"""The store of texts and data that are kept beside the histories: a folder that everybody shares, or a bucket.

Content-addressed: keeping the same bytes again, as every retry and replay does, changes nothing, and mends what lies
there wrong. Whatever is read is compared with its digest.
"""

import asyncio
import hashlib
import re
import time
from datetime import timedelta
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from towpath import private
from towpath.contracts.core.artefact import Artefact

ABANDONED = timedelta(days=1)
"""Keeping a file takes seconds: what is unfinished for longer, by any clock, is what a killed writer left."""
_UNFINISHED = "*.????????????????????????????????"
"""The name that a file is to have, and 32 hexadecimal digits."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


class ArtefactStoreError(Exception):
    """Something cannot be kept, or is not where its reference says."""


class ContentStore:
    """Bytes by their SHA-256 under one address of fsspec: `/shared/payloads`, `s3://bucket/payloads`."""

    def __init__(self, url: str) -> None:
        """Raises StoreError for an address that no installed file system serves."""
        self._url = url
        if ":" in url:  # what else is a folder, and any will do
            _ = self._place

    @cached_property
    def _place(self) -> tuple[Any, str]:
        """The file system and the path in it. Loaded with the first content: most commands keep and read none."""
        fsspec: Any = import_module("fsspec")
        try:
            files, root = fsspec.url_to_fs(self._url)
        except (ValueError, ImportError, OSError) as error:
            raise ArtefactStoreError(f"{self._url!r} cannot be used: {error}") from error
        return files, root

    @property
    def _files(self) -> Any:
        return self._place[0]

    @property
    def _root(self) -> str:
        return self._place[1]

    def put(self, content: bytes) -> str:
        """The digest under which the bytes are now kept, whatever was there. Raises StoreError."""
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        try:
            # To a bucket it is always sent: comparing would fetch as much.
            if not (_is_local(self._files) and private.holds(Path(path), content)):
                write_whole(self._files, path, content)
        except OSError as error:
            raise ArtefactStoreError(f"{self._root} cannot be written: {error}") from error
        return digest

    def get(self, digest: str) -> bytes:
        """Raises StoreError, also when the bytes are no longer those that were kept."""
        if _DIGEST.fullmatch(digest) is None:
            raise ArtefactStoreError(f"{digest[:100]!r} is no digest")
        try:
            content = read_whole(self._files, self._path(digest))
        except FileNotFoundError as error:
            raise ArtefactStoreError(f"{digest} is not in {self._root}") from error
        except OSError as error:
            raise ArtefactStoreError(f"{digest} in {self._root} cannot be read: {error}") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise ArtefactStoreError(f"{digest} in {self._root} was altered")
        return content

    def clean(self) -> int:
        """Remove what killed writers left in a folder: how many files. A bucket has none. Raises StoreError."""
        if not _is_local(self._files):
            return 0
        try:
            return sum(_remove_abandoned(path) for path in Path(self._root).glob(f"*/{_UNFINISHED}"))
        except OSError as error:
            raise ArtefactStoreError(f"{self._root} cannot be cleaned up: {error}") from error

    def _path(self, digest: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest}"


class ArtefactStore:
    """Artefacts by reference. Workers and starters must share it (`TOWPATH_ARTEFACT_STORE`)."""

    def __init__(self, url: str) -> None:
        """Raises StoreError."""
        self._store = ContentStore(url)

    async def keep(self, content: bytes, media_type: str = "text/plain") -> Artefact:
        """Raises StoreError."""
        digest = await asyncio.to_thread(self._store.put, content)
        return Artefact(sha256=digest, size_bytes=len(content), media_type=media_type)

    async def read(self, artefact: Artefact) -> bytes:
        """Raises StoreError."""
        return await asyncio.to_thread(self._store.get, artefact.sha256)

    def check(self) -> None:
        """Write and read something small. Raises StoreError."""
        self._store.get(self._store.put(b"towpath"))

    def clean(self) -> int:
        """Remove what killed writers left: how many files. Raises StoreError."""
        return self._store.clean()


def write_whole(files: Any, path: str, content: bytes) -> None:
    """A file that is seen whole or not at all. Raises OSError."""
    if _is_local(files):
        private.write(Path(path), content)
    else:
        files.pipe_file(path, content)


def read_whole(files: Any, path: str) -> bytes:
    """Raises OSError."""
    content: bytes = private.read(Path(path)) if _is_local(files) else files.cat_file(path)
    return content


def _remove_abandoned(path: Path) -> bool:
    """A file that its writer, or another worker, took away meanwhile is none of ours."""
    try:
        if path.stat().st_mtime > time.time() - ABANDONED.total_seconds():
            return False
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _is_local(files: Any) -> bool:
    return "file" in _protocols(files)


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)
