"""The store of texts and data that are kept beside the histories: a folder that everybody shares, or a bucket.

Content-addressed: keeping the same bytes again, as every retry and replay does, changes nothing.
"""

import asyncio
import hashlib
import importlib
from typing import Any
from uuid import uuid4

from towpath.contracts.artefact import Artefact

fsspec: Any = importlib.import_module("fsspec")


class StoreError(Exception):
    """Something cannot be kept, or is not where its reference says."""


class ContentStore:
    """Bytes by their SHA-256 under one address of fsspec: `/shared/payloads`, `s3://bucket/payloads`."""

    def __init__(self, url: str) -> None:
        """Raises StoreError for an address that no installed file system serves."""
        try:
            self._files, self.root = fsspec.url_to_fs(url)
        except (ValueError, ImportError, OSError) as error:
            raise StoreError(f"{url!r} cannot be used: {error}") from error
        self._is_local = "file" in _protocols(self._files)

    def put(self, content: bytes) -> str:
        """The digest under which the bytes are now kept. Raises StoreError."""
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        try:
            if not self._files.exists(path):
                self._write(path, content)
        except OSError as error:
            raise StoreError(f"{self.root} cannot be written: {error}") from error
        return digest

    def get(self, digest: str) -> bytes:
        """Raises StoreError, also when the bytes are no longer those that were kept."""
        try:
            content: bytes = self._files.cat_file(self._path(digest))
        except OSError as error:
            raise StoreError(f"{digest} is not in {self.root}") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise StoreError(f"{digest} in {self.root} was altered")
        return content

    def _write(self, path: str, content: bytes) -> None:
        if not self._is_local:
            self._files.pipe_file(path, content)
            return
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        unfinished = f"{path}.{uuid4().hex}"
        self._files.pipe_file(unfinished, content)
        self._files.mv(unfinished, path)

    def _path(self, digest: str) -> str:
        return f"{self.root}/{digest[:2]}/{digest}"


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


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)
