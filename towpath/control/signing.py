"""A client that signs what a person sends to a run: whoever holds the decision key is a door."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from temporalio.client import (
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    StartWorkflowUpdateInput,
    StartWorkflowUpdateWithStartInput,
    WorkflowHandle,
    WorkflowUpdateHandle,
)

from towpath.contracts.core.signed import Signed
from towpath.policy.core.signing import START, sign


class SignedBy(Interceptor):
    """Client interceptor: each `Signed` of an update or a start is signed with the key, when it is sent."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Signing(next, self._key)


class _Signing(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, key: bytes) -> None:
        super().__init__(next)
        self._key = key

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        return await super().start_workflow(replace(input, args=self._signed(input.id, START, input.args)))

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
        return await super().start_workflow_update(
            replace(input, args=self._signed(input.id, input.update, input.args))
        )

    async def start_update_with_start_workflow(
        self, input: StartWorkflowUpdateWithStartInput
    ) -> WorkflowUpdateHandle[Any]:
        update = input.update_workflow_input
        signed = self._signed(input.start_workflow_input.id, update.update, update.args)
        return await super().start_update_with_start_workflow(
            replace(input, update_workflow_input=replace(update, args=signed))
        )

    def _signed(self, workflow_id: str, update: str, arguments: Sequence[Any]) -> list[Any]:
        now = datetime.now(UTC)
        return [
            sign(self._key, workflow_id, update, argument, now) if isinstance(argument, Signed) else argument
            for argument in arguments
        ]
