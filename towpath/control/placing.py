"""A client that writes on each payload what it is for, and knows of what it reads when that came to Temporal."""

import inspect
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import (
    Client,
    CreateScheduleInput,
    FetchWorkflowHistoryEventsInput,
    Interceptor,
    OutboundInterceptor,
    QueryWorkflowInput,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleHandle,
    ScheduleUpdate,
    ScheduleUpdateInput,
    SignalWorkflowInput,
    StartWorkflowInput,
    StartWorkflowUpdateInput,
    StartWorkflowUpdateWithStartInput,
    UpdateScheduleInput,
    WorkflowHandle,
    WorkflowHistoryEventAsyncIterator,
    WorkflowUpdateHandle,
)
from temporalio.common import RawValue
from temporalio.converter import ActivitySerializationContext, DataConverter, WorkflowSerializationContext

from towpath.integrations.storage.codec import arrive, arrived, is_sealed
from towpath.temporal.places import NOTHING, WRITTEN, PayloadKind, PayloadPlace


def of_run(client: Client, workflow_id: str, moment: datetime | None = None) -> DataConverter:
    """A client's converter for payloads of this run's history or description; `moment`: when they came to Temporal."""
    if moment is not None:
        arrive(moment)
    return client.data_converter.with_context(WorkflowSerializationContext(client.namespace, workflow_id))


def of_activity(client: Client, workflow_id: str, pending: PendingActivityInfo) -> DataConverter:
    """The same for what an activity that is under way last told."""
    context = ActivitySerializationContext(
        namespace=client.namespace,
        activity_id=pending.activity_id,
        activity_type=pending.activity_type.name,
        activity_task_queue=None,
        workflow_id=workflow_id,
        workflow_type=None,
        is_local=False,
    )
    return client.data_converter.with_context(context)


def is_bare(client: Client, payloads: Sequence[Payload]) -> bool:
    """Whether this client would encrypt payloads that lie at the server without encryption, or without a place."""
    return client.data_converter.payload_codec is not None and not all(map(is_sealed, payloads))


def moment_of(event: HistoryEvent) -> datetime:
    """When an event came to Temporal."""
    return event.event_time.ToDatetime(tzinfo=UTC)


class Placed(Interceptor):
    """Client interceptor, for a client whose converter has a codec. It comes last: what it hands on are payloads."""

    def __init__(self, namespace: str, converter: DataConverter) -> None:
        self._namespace = namespace
        self._converter = converter

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Placing(next, self._namespace, self._converter)


class _Placing(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, namespace: str, converter: DataConverter) -> None:
        super().__init__(next)
        self._namespace = namespace
        self._converter = converter.payload_converter

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        placed = replace(input, args=self._placed(input.args, input.id, PayloadKind.START, input.workflow))
        if input.start_signal is not None:
            signal = self._placed(input.start_signal_args, input.id, PayloadKind.SIGNAL, input.start_signal)
            placed = replace(placed, start_signal_args=signal)
        return await super().start_workflow(placed)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        args = self._placed(input.args, input.id, PayloadKind.SIGNAL, input.signal)
        await super().signal_workflow(replace(input, args=args))

    async def query_workflow(self, input: QueryWorkflowInput) -> Any:
        # A query without a value needs none that stands for it: it changes nothing.
        args = self._placed(input.args, input.id, PayloadKind.QUERY, input.query) if input.args else input.args
        with arrived(None):
            return await super().query_workflow(replace(input, args=args))

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
        args = self._placed(input.args, input.id, PayloadKind.UPDATE, input.update)
        arrive(None)
        return await super().start_workflow_update(replace(input, args=args))

    async def start_update_with_start_workflow(
        self, input: StartWorkflowUpdateWithStartInput
    ) -> WorkflowUpdateHandle[Any]:
        start, update = input.start_workflow_input, input.update_workflow_input
        start = replace(start, args=self._placed(start.args, start.id, PayloadKind.START, start.workflow))
        update = replace(update, args=self._placed(update.args, start.id, PayloadKind.UPDATE, update.update))
        arrive(None)
        return await super().start_update_with_start_workflow(
            replace(input, start_workflow_input=start, update_workflow_input=update)
        )

    async def create_schedule(self, input: CreateScheduleInput) -> ScheduleHandle:
        return await super().create_schedule(replace(input, schedule=self._scheduled(input.schedule)))

    async def update_schedule(self, input: UpdateScheduleInput) -> None:
        async def updater(found: ScheduleUpdateInput) -> ScheduleUpdate | None:
            update = input.updater(found)
            changed = await update if inspect.isawaitable(update) else update
            return None if changed is None else replace(changed, schedule=self._scheduled(changed.schedule))

        await super().update_schedule(replace(input, updater=updater))

    def fetch_workflow_history_events(
        self, input: FetchWorkflowHistoryEventsInput
    ) -> WorkflowHistoryEventAsyncIterator:
        return cast("WorkflowHistoryEventAsyncIterator", _Dated(super().fetch_workflow_history_events(input)))

    def _scheduled(self, schedule: Schedule) -> Schedule:
        action = schedule.action
        if not isinstance(action, ScheduleActionStartWorkflow):
            return schedule
        # One that was read from the server has its payloads as they are there.
        if any(isinstance(each, Payload) for each in action.args):
            return schedule
        args = self._placed(action.args, action.id, PayloadKind.SCHEDULED, action.workflow)
        return replace(schedule, action=_with_args(action, args))

    def _placed(self, args: Sequence[Any], workflow_id: str, kind: PayloadKind, name: str) -> list[RawValue]:
        """Each as a payload with its place written on it."""
        written = PayloadPlace(self._namespace, workflow_id, kind, name).written()
        payloads = self._converter.to_payloads(args) if args else [Payload(metadata={"encoding": NOTHING})]
        for payload in payloads:
            payload.metadata[WRITTEN] = written
        return [RawValue(payload) for payload in payloads]


def _with_args(action: ScheduleActionStartWorkflow, args: list[RawValue]) -> ScheduleActionStartWorkflow:
    action.args = args
    return action


class _Dated:
    """Events whose payloads are decoded as of when they came."""

    def __init__(self, events: WorkflowHistoryEventAsyncIterator) -> None:
        self._events = events

    def __aiter__(self) -> "_Dated":
        return self

    async def __anext__(self) -> HistoryEvent:
        event = await self._events.__anext__()
        arrive(moment_of(event))
        return event
