"""What the dataset store keeps beside datasets: frozen specifications, and the end of everything that is too old."""

from towpath.contracts.keeping import FindSpecification, ForgetTask, Forgotten, FoundSpecification, KeepSpecification
from towpath.contracts.transformation import FrozenSpecification
from towpath.dataplane.workspace import Workspace


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


def forget_datasets(request: ForgetTask, work: Workspace) -> Forgotten:
    """Parts that no run has kept since. Raises StoreError."""
    files, size = work.store.forget(request.before - request.keep)
    return Forgotten(files=files, size_bytes=size)


def _name(pipeline: str, source_schema: str, target_schema: str) -> str:
    return f"specifications/{pipeline}/{source_schema}-{target_schema}.json"
