"""The process that runs definitions: what a run of one is called, and how it goes on after a failure."""

from towpath.contracts.core.process import (
    DEFINITION_HASH,
    DEFINITION_ID,
    DEFINITION_VERSION,
    PROCESS,
    TRIGGER,
    Again,
    Process,
    SearchAttribute,
)
from towpath.contracts.declared.run import DECLARED, DeclaredFailure, DeclaredOutcome, DeclaredRequest, DeclaredResult


def _labels(request: DeclaredRequest) -> dict[SearchAttribute[str], str]:
    """People look for a run by its definition: that is its process."""
    name = _text(request, "id")
    return {
        PROCESS: name,
        TRIGGER: request.trigger,
        DEFINITION_ID: name,
        DEFINITION_VERSION: _text(request, "version"),
        DEFINITION_HASH: request.digest[:16],
    }


def _text(request: DeclaredRequest, field: str) -> str:
    value = request.definition.get(field)
    return value if isinstance(value, str) else ""


def _again(failure: DeclaredFailure, again: Again) -> DeclaredRequest:
    request = failure.request.model_copy(update={"redrive_of": again.run_id})
    if again.discard is not None:
        return request.model_copy(update={"discard": again.discard})
    return request.model_copy(update={"seed": failure.completed, "earlier": failure.sending, "items": failure.items})


DECLARED_RUN = Process(
    name=DECLARED,
    folder="declared",
    request=DeclaredRequest,
    result=DeclaredResult,
    failure=DeclaredFailure,
    labels=_labels,
    title=lambda request: _text(request, "name") or _text(request, "id"),
    succeeded=lambda result: result.outcome is DeclaredOutcome.COMPLETED,
    keeps=lambda failure: list(failure.completed),
    again=_again,
    command="run",
)
