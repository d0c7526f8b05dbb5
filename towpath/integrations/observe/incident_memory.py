"""What is known of incidents that are over, and what is written down for those to come."""

import asyncio
from collections.abc import Sequence

from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.contracts.incident.incident import Archived, ArchiveIncident
from towpath.contracts.incident.investigation import FindRunbooks, FindSimilar, Runbooks, SimilarIncidents
from towpath.integrations.observe.incident_archive import IncidentArchive
from towpath.integrations.storage.artefacts import ArtefactStore, ArtefactStoreError
from towpath.policy.incident.runbooks import RunbookEntry, find
from towpath.policy.incident.similarity import rank


class IncidentMemory:
    """Past incidents by the archive, runbooks by the files that the worker read at its start."""

    def __init__(self, archive: IncidentArchive, artefacts: ArtefactStore, runbooks: Sequence[RunbookEntry]) -> None:
        self._archive = archive
        self._artefacts = artefacts
        self._runbooks = runbooks

    async def similar(self, request: FindSimilar) -> SimilarIncidents:
        """Raises ServiceError."""
        try:
            records = await self._archive.records()
        except ArtefactStoreError as error:
            raise _unavailable() from error
        return SimilarIncidents(incidents=await asyncio.to_thread(rank, request, records))

    async def runbooks(self, request: FindRunbooks) -> Runbooks:
        return Runbooks(runbooks=find(request, self._runbooks))

    async def archive(self, request: ArchiveIncident) -> Archived:
        """Written again, as after a crash, record and post-mortem are the same. Raises ServiceError."""
        try:
            kept = await self._artefacts.keep(request.post_mortem.encode(), "text/markdown")
            await self._archive.keep(request.record)
        except ArtefactStoreError as error:
            raise _unavailable() from error
        return Archived(artefact=kept)


def _unavailable() -> ServiceError:
    message = "the archive of incidents cannot be used: see TOWPATH_ARTEFACT_STORE"
    return ServiceError(FailureCode.SERVICE_UNAVAILABLE, message, evidence={"service": "archive"})
