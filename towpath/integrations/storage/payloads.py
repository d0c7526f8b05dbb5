"""Where large payloads are kept outside of histories, in Temporal's terms: a storage driver over a content store."""

import asyncio
from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ExternalStorage,
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from towpath.blobs.store import NOTHING, Access
from towpath.integrations.storage.artefacts import ArtefactStoreError, ContentStore

THRESHOLD_BYTES = 128 * 1024
NAME = "towpath"


class PayloadStoreError(Exception):
    """A payload cannot be kept, or is not where its reference says."""


class PayloadStore(StorageDriver):
    """Payloads by their SHA-256 at one address."""

    def __init__(self, url: str, access: Access = NOTHING) -> None:
        """Raises PayloadStoreError for an address that cannot be used."""
        try:
            self._store = ContentStore(url, access)
        except ArtefactStoreError as error:
            raise PayloadStoreError(str(error)) from error

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

    def clean(self) -> int:
        """Remove what killed writers left: how many files. Raises PayloadStoreError."""
        try:
            return self._store.clean()
        except ArtefactStoreError as error:
            raise PayloadStoreError(str(error)) from error

    def _put(self, content: bytes) -> StorageDriverClaim:
        try:
            return StorageDriverClaim(claim_data={"sha256": self._store.put(content)})
        except ArtefactStoreError as error:
            raise PayloadStoreError(str(error)) from error

    def _get(self, digest: str) -> Payload:
        try:
            return Payload.FromString(self._store.get(digest))
        except ArtefactStoreError as error:
            raise PayloadStoreError(
                f"payload {error}: workers and starters must share TOWPATH_PAYLOAD_STORE"
            ) from error


def external(store: PayloadStore | None) -> ExternalStorage | None:
    """What the data converter is given."""
    return None if store is None else ExternalStorage(drivers=[store], payload_size_threshold=THRESHOLD_BYTES)
