"""The store of texts and data that are kept beside the histories: a folder that everybody shares, or a bucket.

Content-addressed: keeping the same bytes again, as every retry and replay does, changes nothing, and mends what lies
there wrong. Whatever is read is compared with its digest.
"""

import asyncio
import hashlib
import re

from towpath.blobs.store import NOTHING, Access, Blobs, open_blobs
from towpath.contracts.core.artefact import Artefact

_DIGEST = re.compile(r"[0-9a-f]{64}")


class ArtefactStoreError(Exception):
    """Something cannot be kept, or is not where its reference says."""


def opened(url: str, access: Access) -> Blobs:
    """Raises ArtefactStoreError for an address that cannot be used."""
    try:
        return open_blobs(url, access)
    except (OSError, ValueError) as error:
        raise ArtefactStoreError(f"{url!r} cannot be used: {error}") from error


class ContentStore:
    """Bytes by their SHA-256 at one address: `/shared/payloads`, `s3://bucket/payloads`."""

    def __init__(self, url: str, access: Access = NOTHING) -> None:
        """Raises ArtefactStoreError for an address that cannot be used."""
        self._place = url
        self._blobs = opened(url, access)

    def put(self, content: bytes) -> str:
        """The digest under which the bytes are now kept, whatever was there. Raises ArtefactStoreError."""
        digest = hashlib.sha256(content).hexdigest()
        try:
            self._blobs.put(_name(digest), content)
        except OSError as error:
            raise ArtefactStoreError(f"{self._place} cannot be written: {error}") from error
        return digest

    def get(self, digest: str) -> bytes:
        """Raises ArtefactStoreError, also when the bytes are no longer those that were kept."""
        if _DIGEST.fullmatch(digest) is None:
            raise ArtefactStoreError(f"{digest[:100]!r} is no digest")
        try:
            content = self._blobs.get(_name(digest))
        except FileNotFoundError as error:
            raise ArtefactStoreError(f"{digest} is not in {self._place}") from error
        except OSError as error:
            raise ArtefactStoreError(f"{digest} in {self._place} cannot be read: {error}") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise ArtefactStoreError(f"{digest} in {self._place} was altered")
        return content

    def clean(self) -> int:
        """Remove what killed writers left in a folder: how many files. A bucket has none. Raises ArtefactStoreError."""
        try:
            return self._blobs.clean()
        except OSError as error:
            raise ArtefactStoreError(f"{self._place} cannot be cleaned up: {error}") from error


class ArtefactStore:
    """Artefacts by reference. Workers and starters must share it (`TOWPATH_ARTEFACT_STORE`)."""

    def __init__(self, url: str, access: Access = NOTHING) -> None:
        """Raises ArtefactStoreError."""
        self._store = ContentStore(url, access)

    async def keep(self, content: bytes, media_type: str = "text/plain") -> Artefact:
        """Raises ArtefactStoreError."""
        digest = await asyncio.to_thread(self._store.put, content)
        return Artefact(sha256=digest, size_bytes=len(content), media_type=media_type)

    async def read(self, artefact: Artefact) -> bytes:
        """Raises ArtefactStoreError."""
        return await asyncio.to_thread(self._store.get, artefact.sha256)

    def check(self) -> None:
        """Write and read something small. Raises ArtefactStoreError."""
        self._store.get(self._store.put(b"towpath"))

    def clean(self) -> int:
        """Remove what killed writers left: how many files. Raises ArtefactStoreError."""
        return self._store.clean()


def _name(digest: str) -> str:
    return f"{digest[:2]}/{digest}"
