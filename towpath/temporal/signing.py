"""How a worker hands its decision keys to the runs that it executes.

Updates are checked by `SignedUpdates` before their validators: a replay runs neither. A signal has no validator, so
whether it counts is part of the run's history: `refuses_unsigned` says when a run has to look there.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    HandleUpdateInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.signed import Signed
from towpath.policy.core.signing import START, signature_holds, signature_problem

REFUSES_UNSIGNED = "towpath-refuses-unsigned"


class _SignedRun(WorkflowInboundInterceptor):
    """Of one run. A signature counts once: whoever reads it in a history cannot send it again."""

    keys: Sequence[bytes] = ()

    def __init__(self, next: WorkflowInboundInterceptor) -> None:
        super().__init__(next)
        self._used: set[str] = set()

    def handle_update_validator(self, input: HandleUpdateInput) -> None:
        for message in _signed(input):
            problem = signature_problem(self.keys, workflow.info().workflow_id, input.update, message, workflow.now())
            if not problem and message.signature in self._used:
                problem = "its signature was used already"
            if problem:
                failure = Failure(code=FailureCode.SIGNATURE_REFUSED, message=f"{input.update} is refused: {problem}")
                raise ApplicationError(failure.message, failure, type=failure.code, non_retryable=True)
        super().handle_update_validator(input)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        self._used.update(message.signature for message in _signed(input) if message.signature)
        return await super().handle_update_handler(input)


class SignedUpdates(Interceptor):
    """Worker interceptor: an update that carries a `Signed` is refused unless one of the keys signed it.

    Without keys nothing is looked at.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        del input
        if not self._keys:
            return None
        return type("SignedRun", (_SignedRun,), {"keys": self._keys})


def refusing(keys: Sequence[bytes]) -> Mapping[str, Callable[[Signed | None], bool]]:
    """The function for a run's `extern_functions`: whether it must ask its history if a message counts.

    It is the request that started the run, or None for a signal, which nobody can check. What counts when it comes
    leaves nothing in the history. In a replay only the history knows.
    """

    def asks(request: Signed | None) -> bool:
        if workflow.unsafe.is_replaying():
            return True
        return bool(keys) and (
            request is None or not signature_holds(keys, workflow.info().workflow_id, START, request)
        )

    return {REFUSES_UNSIGNED: asks}


def _signed(input: HandleUpdateInput) -> list[Signed]:
    return [argument for argument in input.args if isinstance(argument, Signed)]
