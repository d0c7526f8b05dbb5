"""What a run refuses at its start, before it does anything: a starter may have checked it, or not."""

from collections.abc import Sequence

from temporalio import workflow

from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.temporal.failures import to_application_error


def refuse_start(problems: Sequence[str]) -> None:
    """Ends the run with all that is wrong. Runs that began before there was this check go on."""
    if problems and workflow.patched("start-checked-2026-12"):
        raise to_application_error(HouseError(FailureCode.START_REFUSED, "; ".join(problems)))
