"""Incidents that are over: their archive, a small JSON file each beside the artefacts, and runbooks for new ones."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from typing import Self

import structlog
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from towpath.blobs.folder import BlobTooLargeError
from towpath.blobs.store import NOTHING, Access
from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.contracts.incident.incident import Archived, ArchiveIncident, IncidentRecord
from towpath.contracts.incident.investigation import FindRunbooks, FindSimilar, Runbooks, SimilarIncidents
from towpath.integrations.storage.artefacts import ArtefactStore, ArtefactStoreError, opened
from towpath.policy.incident.runbooks import RunbookEntry, find
from towpath.policy.incident.similarity import rank
from towpath.private import NotAFileError

FOLDER = "incidents"
MOST = 5_000
"""Records that are looked through: the newest by name, which begins with the day."""

log = structlog.stdlib.get_logger("archive")


class _Kept(BaseModel):
    """A file of the archive: the record, and the SHA-256 of its JSON with sorted keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    record: IncidentRecord
    sha256: str

    @model_validator(mode="after")
    def _is_what_was_kept(self) -> Self:
        if self.sha256 != _digest(self.record):
            raise ValueError("the record is not the one that was kept")
        return self


_FILE: TypeAdapter[_Kept | IncidentRecord] = TypeAdapter(_Kept | IncidentRecord)
"""Earlier versions kept the record alone."""


class IncidentArchive:
    """Records are never changed after they were written: each is read and compared once in a process, then kept in
    memory. A file that is no record, was altered, or bears the name of another is passed over and told in the log,
    until its incident is archived again.
    """

    def __init__(self, url: str, access: Access = NOTHING) -> None:
        """`url` is the artefact store's. Raises ArtefactStoreError."""
        self._place = url
        self._blobs = opened(url, access)
        self._known: dict[str, IncidentRecord] = {}
        self._told: set[str] = set()

    async def keep(self, record: IncidentRecord) -> None:
        """Kept again, the same record is the same file. Raises ArtefactStoreError."""
        await asyncio.to_thread(self._write, record)

    async def records(self) -> Sequence[IncidentRecord]:
        """The newest 5,000, oldest first. Raises ArtefactStoreError."""
        return await asyncio.to_thread(self._read)

    def _write(self, record: IncidentRecord) -> None:
        content = json.dumps({"record": json.loads(_text(record)), "sha256": _digest(record)}, ensure_ascii=False)
        try:
            self._blobs.put(f"{FOLDER}/{_name(record)}", content.encode())
        except OSError as error:
            raise ArtefactStoreError(f"{FOLDER} in {self._place} cannot be written: {error}") from error

    def _read(self) -> Sequence[IncidentRecord]:
        try:
            chosen = self._blobs.names(FOLDER)[-MOST:]
        except OSError as error:
            raise ArtefactStoreError(f"{FOLDER} in {self._place} cannot be read: {error}") from error
        for path in chosen:
            if path not in self._known and (record := self._one(path)) is not None:
                self._known[path] = record
        return [self._known[path] for path in chosen if path in self._known]

    def _one(self, path: str) -> IncidentRecord | None:
        try:
            kept = _FILE.validate_json(self._blobs.get(path))
        except (FileNotFoundError, NotAFileError, BlobTooLargeError, ValidationError):
            return self._pass_over(path)
        except OSError as error:
            raise ArtefactStoreError(f"{path} in {self._place} cannot be read: {error}") from error
        record = kept.record if isinstance(kept, _Kept) else kept
        return record if _name(record) == path.rpartition("/")[2] else self._pass_over(path)

    def _pass_over(self, path: str) -> None:
        if path not in self._told:
            self._told.add(path)
            name = path.rpartition("/")[2]
            log.warning("a file of the archive is not what was kept, and is passed over", names=[name])


def _name(record: IncidentRecord) -> str:
    """It begins with the time, by which the newest are found."""
    return f"{record.at:%Y%m%dT%H%M%S}-{_safe(record.incident_id)}.json"


def _text(record: IncidentRecord) -> str:
    return json.dumps(record.model_dump(mode="json"), ensure_ascii=False, sort_keys=True)


def _digest(record: IncidentRecord) -> str:
    return hashlib.sha256(_text(record).encode()).hexdigest()


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
