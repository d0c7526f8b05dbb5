"""Where large payloads are kept outside of histories: a folder that everybody shares, or a bucket.

Content-addressed: writing the same payload again, as every replay does, changes nothing.
"""

import asyncio
import hashlib
import importlib
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ExternalStorage,
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

fsspec: Any = importlib.import_module("fsspec")
THRESHOLD_BYTES = 128 * 1024
NAME = "towpath"


class PayloadStoreError(Exception):
    """A payload cannot be kept, or is not where its reference says."""


class PayloadStore(StorageDriver):
    """Payloads by their SHA-256 under one address of fsspec: `/shared/payloads`, `s3://bucket/payloads`."""

    def __init__(self, url: str) -> None:
        """Raises PayloadStoreError for an address that no installed file system serves."""
        try:
            self._files, self._root = fsspec.url_to_fs(url)
        except (ValueError, ImportError, OSError) as error:
            raise PayloadStoreError(f"{url!r} cannot be used: {error}") from error
        self._is_local = "file" in _protocols(self._files)

    def name(self) -> str:
        return NAME

    async def store(self, context: StorageDriverStoreContext, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:
        del context
        return [await asyncio.to_thread(self._put, payload.SerializeToString()) for payload in payloads]

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        del context
        return [await asyncio.to_thread(self._get, claim.claim_data["sha256"]) for claim in claims]

    def check(self) -> None:
        """Write and read something small. Raises PayloadStoreError."""
        self._get(self._put(Payload(data=b"towpath").SerializeToString()).claim_data["sha256"])

    def _put(self, content: bytes) -> StorageDriverClaim:
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        try:
            if not self._files.exists(path):
                self._write(path, content)
        except OSError as error:
            raise PayloadStoreError(f"{self._root} cannot be written: {error}") from error
        return StorageDriverClaim(claim_data={"sha256": digest})

    def _write(self, path: str, content: bytes) -> None:
        if not self._is_local:
            self._files.pipe_file(path, content)
            return
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        unfinished = f"{path}.{uuid4().hex}"
        self._files.pipe_file(unfinished, content)
        self._files.mv(unfinished, path)

    def _get(self, digest: str) -> Payload:
        try:
            content: bytes = self._files.cat_file(self._path(digest))
        except OSError as error:
            raise PayloadStoreError(
                f"payload {digest} is not in {self._root}: workers and starters must share TOWPATH_PAYLOAD_STORE"
            ) from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise PayloadStoreError(f"payload {digest} in {self._root} was altered")
        return Payload.FromString(content)

    def _path(self, digest: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest}"


def external(store: PayloadStore | None) -> ExternalStorage | None:
    """What the data converter is given."""
    return None if store is None else ExternalStorage(drivers=[store], payload_size_threshold=THRESHOLD_BYTES)


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)
