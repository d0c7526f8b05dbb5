"""Incidents that are over: their archive, a small JSON file each beside the artefacts, and runbooks for new ones."""

import asyncio
import importlib
import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.contracts.incident.incident import Archived, ArchiveIncident, IncidentRecord
from towpath.contracts.incident.investigation import FindRunbooks, FindSimilar, Runbooks, SimilarIncidents
from towpath.integrations.storage.artefacts import ArtefactStore, ArtefactStoreError, write_whole
from towpath.policy.incident.runbooks import RunbookEntry, find
from towpath.policy.incident.similarity import rank

fsspec: Any = importlib.import_module("fsspec")
MOST = 5_000
"""Records that are looked through: the newest by name, which begins with the day."""


class IncidentArchive:
    """Records are never changed after they were written, so each is read once in a process."""

    def __init__(self, url: str) -> None:
        """`url` is the artefact store's. Raises StoreError."""
        try:
            self._files, root = fsspec.url_to_fs(url)
        except (ValueError, ImportError, OSError) as error:
            raise ArtefactStoreError(f"{url!r} cannot be used: {error}") from error
        self._folder = f"{root}/incidents"
        self._known: dict[str, IncidentRecord | None] = {}

    async def keep(self, record: IncidentRecord) -> None:
        """Kept again, the same record is the same file. Raises StoreError."""
        await asyncio.to_thread(self._write, record)

    async def records(self) -> Sequence[IncidentRecord]:
        """The newest 5,000, oldest first; a file that is no record is passed over. Raises StoreError."""
        return await asyncio.to_thread(self._read)

    def _write(self, record: IncidentRecord) -> None:
        name = f"{record.at:%Y%m%dT%H%M%S}-{_safe(record.incident_id)}.json"
        path = f"{self._folder}/{name}"
        content = json.dumps(record.model_dump(mode="json"), ensure_ascii=False, sort_keys=True).encode()
        try:
            write_whole(self._files, path, content)
        except OSError as error:
            raise ArtefactStoreError(f"{self._folder} cannot be written: {error}") from error

    def _read(self) -> Sequence[IncidentRecord]:
        try:
            paths: list[str] = self._files.ls(self._folder, detail=False, refresh=True)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ArtefactStoreError(f"{self._folder} cannot be read: {error}") from error
        chosen = sorted(path for path in paths if path.endswith(".json"))[-MOST:]
        for path in chosen:
            if path not in self._known:
                self._known[path] = self._one(path)
        return [record for path in chosen if (record := self._known[path]) is not None]

    def _one(self, path: str) -> IncidentRecord | None:
        try:
            return IncidentRecord.model_validate_json(self._files.cat_file(path))
        except OSError as error:
            raise ArtefactStoreError(f"{path} cannot be read: {error}") from error
        except ValidationError:
            return None


def _safe(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)


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
