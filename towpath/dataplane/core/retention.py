"""What the dataset store keeps beside datasets: frozen specifications, and the end of everything that is too old."""

import hashlib
from collections.abc import Iterator
from datetime import datetime

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
from towpath.dataplane.core.workspace import Workspace

HOLDS = "holds"


def find_specification(request: FindSpecification, work: Workspace) -> FoundSpecification:
    """The specification that was frozen for these schemas. Raises StoreError."""
    kept = work.store.find(_name(request.pipeline, request.source_schema, request.target_schema))
    return FoundSpecification(frozen=None if kept is None else FrozenSpecification.model_validate_json(kept))


def keep_specification(request: KeepSpecification, work: Workspace) -> FoundSpecification:
    """Freezes a specification. Of two for the same schemas the first stays. Raises StoreError."""
    frozen = request.frozen
    name = _name(request.pipeline, frozen.source_schema, frozen.target_schema)
    kept = work.store.put_first(name, frozen.model_dump_json().encode())
    return FoundSpecification(frozen=FrozenSpecification.model_validate_json(kept))


def hold_datasets(request: HoldTask, work: Workspace) -> Held:
    """Of several holds for a run each counts until it ends. Raises StoreError."""
    content = request.model_dump_json().encode()
    if request.uris:
        work.store.put_first(f"{HOLDS}/{hashlib.sha256(content).hexdigest()}.json", content)
    if request.since is not None or request.ended:
        work.store.drop(_under_way(request.run))
    if request.since is not None:
        work.store.put_first(_under_way(request.run), content)
    return Held(files=len(request.uris))


def forget_datasets(request: ForgetTask, work: Workspace) -> Forgotten:
    """Parts that no run has kept since, and that no run holds. Raises StoreError."""
    if request.hold is not None:
        hold_datasets(request.hold, work)
    holds = list(_holds(work, request.at))
    held = frozenset(uri for hold in holds for uri in hold.uris)
    before = min((request.before - request.keep, *(hold.since for hold in holds if hold.since is not None)))
    files, size = work.store.forget(before, held)
    return Forgotten(files=files, size_bytes=size)


def _holds(work: Workspace, at: datetime | None) -> Iterator[HoldTask]:
    """Those that have ended are removed."""
    for name in work.store.names(HOLDS):
        content = work.store.find(name)
        hold = None if content is None else HoldTask.model_validate_json(content)
        if hold is not None and at is not None and hold.until < at:
            work.store.drop(name)
        elif hold is not None:
            yield hold


def _under_way(run: str) -> str:
    return f"{HOLDS}/run-{hashlib.sha256(run.encode()).hexdigest()}.json"


def _name(pipeline: str, source_schema: str, target_schema: str) -> str:
    return f"specifications/{pipeline}/{source_schema}-{target_schema}.json"
