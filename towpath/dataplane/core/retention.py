"""What the dataset store keeps beside datasets: frozen specifications, and the end of everything that is too old."""

import hashlib
from collections.abc import Iterator
from datetime import datetime

from pydantic import ValidationError

from towpath.contracts.pipeline.retention import (
    FindSpecification,
    ForgetTask,
    Forgotten,
    FoundSpecification,
    Held,
    HoldTask,
    KeepSpecification,
)
from towpath.contracts.pipeline.transformation import FrozenSpecification
from towpath.dataplane.core.errors import DatasetStoreError
from towpath.dataplane.core.workspace import Workspace

HOLDS = "holds"


def find_specification(request: FindSpecification, work: Workspace) -> FoundSpecification:
    """The specification that was frozen for these schemas. Raises DatasetStoreError."""
    kept = work.store.find(_name(request.pipeline, request.source_schema, request.target_schema))
    return FoundSpecification(frozen=_frozen(kept, request.source_schema, request.target_schema))


def keep_specification(request: KeepSpecification, work: Workspace) -> FoundSpecification:
    """Freezes a specification. Of two for the same schemas the first stays. Raises DatasetStoreError."""
    frozen = request.frozen
    name = _name(request.pipeline, frozen.source_schema, frozen.target_schema)
    content = frozen.model_dump_json().encode()
    kept = _frozen(work.store.put_first(name, content), frozen.source_schema, frozen.target_schema)
    if kept is None:
        work.store.replace(name, content)
    return FoundSpecification(frozen=kept or frozen)


def _frozen(kept: bytes | None, source_schema: str, target_schema: str) -> FrozenSpecification | None:
    """None for what is cut, or belongs to other schemas, too: it is made, asked for and frozen once more."""
    try:
        found = None if kept is None else FrozenSpecification.model_validate_json(kept)
    except ValidationError:
        return None
    same = found is not None and (found.source_schema, found.target_schema) == (source_schema, target_schema)
    return found if same else None


def hold_datasets(request: HoldTask, work: Workspace) -> Held:
    """Of several holds for a run each counts until it ends. Raises DatasetStoreError."""
    content = request.model_dump_json().encode()
    if request.uris:
        name = f"{HOLDS}/{hashlib.sha256(content).hexdigest()}.json"
        if work.store.put_first(name, content) != content:
            work.store.replace(name, content)
    if request.since is not None or request.ended:
        work.store.drop(_under_way(request.run))
    if request.since is not None:
        work.store.put_first(_under_way(request.run), content)
    return Held(files=len(request.uris))


def forget_datasets(request: ForgetTask, work: Workspace) -> Forgotten:
    """Parts that no run has kept since, and that no run holds. Raises DatasetStoreError."""
    if request.hold is not None:
        hold_datasets(request.hold, work)
    holds = list(_holds(work, request.at))
    held = frozenset(uri for hold in holds for uri in hold.uris)
    before = min((request.before - request.keep, *(hold.since for hold in holds if hold.since is not None)))
    files, size = work.store.forget(before, held)
    return Forgotten(files=files, size_bytes=size)


def _holds(work: Workspace, at: datetime | None) -> Iterator[HoldTask]:
    """Those that have ended are removed. One that cannot be read may hold anything: nothing is cleaned up beside it."""
    for name in work.store.names(HOLDS):
        content = work.store.find(name)
        try:
            hold = None if content is None else HoldTask.model_validate_json(content)
        except ValidationError as error:
            message = f"hold {name} in the dataset store is not what was kept: remove it when no run waits for its data"
            raise DatasetStoreError(message) from error
        if hold is not None and at is not None and hold.until < at:
            work.store.drop(name)
        elif hold is not None:
            yield hold


def _under_way(run: str) -> str:
    return f"{HOLDS}/run-{hashlib.sha256(run.encode()).hexdigest()}.json"


def _name(pipeline: str, source_schema: str, target_schema: str) -> str:
    return f"specifications/{pipeline}/{source_schema}-{target_schema}.json"
