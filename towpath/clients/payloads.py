"""Where large payloads are kept outside of histories, in Temporal's terms: a storage driver over a content store."""

import asyncio
from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ExternalStorage,
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverSelectContext,
    StorageDriverStoreContext,
    StorageDriverWorkflowInfo,
)

from towpath.clients.artefacts import ContentStore, StoreError
from towpath.contracts.process import PIPELINE

THRESHOLD_BYTES = 128 * 1024
PIPELINE_THRESHOLD_BYTES = 16 * 1024
"""Of runs of pipelines: ten thousand partitions pass by hundreds of child runs, each with payloads of that size."""
NAME = "towpath"


class PayloadStoreError(Exception):
    """A payload cannot be kept, or is not where its reference says."""


class PayloadStore(StorageDriver):
    """Payloads by their SHA-256 under one address of fsspec."""

    def __init__(self, url: str) -> None:
        """Raises PayloadStoreError for an address that no installed file system serves."""
        try:
            self._store = ContentStore(url)
        except StoreError as error:
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

    def _put(self, content: bytes) -> StorageDriverClaim:
        try:
            return StorageDriverClaim(claim_data={"sha256": self._store.put(content)})
        except StoreError as error:
            raise PayloadStoreError(str(error)) from error

    def _get(self, digest: str) -> Payload:
        try:
            return Payload.FromString(self._store.get(digest))
        except StoreError as error:
            raise PayloadStoreError(
                f"payload {error}: workers and starters must share TOWPATH_PAYLOAD_STORE"
            ) from error


def external(store: PayloadStore | None) -> ExternalStorage | None:
    """What the data converter is given."""
    if store is None:
        return None

    def select(context: StorageDriverSelectContext, payload: Payload) -> StorageDriver | None:
        large = PIPELINE_THRESHOLD_BYTES if _is_of_pipeline(context) else THRESHOLD_BYTES
        return store if payload.ByteSize() >= large else None

    return ExternalStorage(drivers=[store], driver_selector=select, payload_size_threshold=PIPELINE_THRESHOLD_BYTES)


def _is_of_pipeline(context: StorageDriverSelectContext) -> bool:
    """By its id: a child's result goes to a parent of which no more is told."""
    target = context.target
    return isinstance(target, StorageDriverWorkflowInfo) and (target.id or "").startswith(f"{PIPELINE.name}/")
