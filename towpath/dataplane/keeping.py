"""What the dataset store keeps beside datasets: frozen specifications, and the end of everything that is too old."""

import hashlib
from datetime import datetime

from towpath.contracts.keeping import (
    FindSpecification,
    ForgetTask,
    Forgotten,
    FoundSpecification,
    Held,
    HoldTask,
    KeepSpecification,
)
from towpath.contracts.transformation import FrozenSpecification
from towpath.dataplane.workspace import Workspace

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
    if request.uris:
        content = request.model_dump_json().encode()
        work.store.put_first(f"{HOLDS}/{hashlib.sha256(content).hexdigest()}.json", content)
    return Held(files=len(request.uris))


def forget_datasets(request: ForgetTask, work: Workspace) -> Forgotten:
    """Parts that no run has kept since, and that no run holds. Raises StoreError."""
    if request.hold is not None:
        hold_datasets(request.hold, work)
    files, size = work.store.forget(request.before - request.keep, _held(work, request.at))
    return Forgotten(files=files, size_bytes=size)


def _held(work: Workspace, at: datetime | None) -> frozenset[str]:
    """Holds that have ended are removed."""
    held: set[str] = set()
    for name in work.store.names(HOLDS):
        content = work.store.find(name)
        hold = None if content is None else HoldTask.model_validate_json(content)
        if hold is not None and at is not None and hold.until < at:
            work.store.drop(name)
        elif hold is not None:
            held.update(hold.uris)
    return frozenset(held)


def _name(pipeline: str, source_schema: str, target_schema: str) -> str:
    return f"specifications/{pipeline}/{source_schema}-{target_schema}.json"
