"""How a run of a definition failed, and the run that does it once more."""

from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from towpath.contracts.core.process import Again
from towpath.contracts.core.run import DeadLetter
from towpath.contracts.declared.process import DECLARED_RUN
from towpath.contracts.declared.run import DECLARED, DeclaredFailure, DeclaredResult


async def failed(handle: WorkflowHandle[Any, Any]) -> tuple[DeadLetter, DeclaredFailure]:
    """What the run told at its end."""
    with pytest.raises(WorkflowFailureError) as raised:
        await handle.result()
    assert isinstance(raised.value.cause, ApplicationError)
    letter, failure = raised.value.cause.details
    return DeadLetter.model_validate(letter), DeclaredFailure.model_validate(failure)


async def redriven(
    client: Client, handle: WorkflowHandle[Any, Any], failure: DeclaredFailure
) -> WorkflowHandle[Any, DeclaredResult]:
    request = DECLARED_RUN.again(failure, Again(run_id=handle.result_run_id or ""))
    return await client.start_workflow(DECLARED, request, id=handle.id, task_queue=DECLARED, result_type=DeclaredResult)
