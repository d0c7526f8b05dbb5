"""What a run is given and gives, compared with and written by its place. Never imported by a workflow.

The SDK tells a codec the workflow of a payload, not whether it is a start, a signal or a result; here every job of an
activation and every command of its answer is seen with its payloads. What a refusal does is the same in each replay,
for it depends on the payload, on the rule and on the activation's time alone:

| refused | what happens |
|---|---|
| start | the run fails at once, with `encryption.refused` |
| signal | it never came |
| update | rejected |
| query | its answer is an error |
| result of an activity or a child | the workflow task fails, and is tried again: nothing is decided on it |
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import CanceledFailureInfo, Failure
from temporalio.bridge.proto.workflow_activation import InitializeWorkflow, WorkflowActivation, WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import (
    ScheduleActivity,
    ScheduleLocalActivity,
    SignalExternalWorkflowExecution,
    StartChildWorkflowExecution,
    WorkflowCommand,
)
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import WorkflowSerializationContext
from temporalio.workflow import Info

from towpath.contracts.core.failure import FailureCode
from towpath.temporal.places import (
    MARKS,
    NOTHING,
    REFUSED,
    WRITTEN,
    EncryptionRule,
    PayloadKind,
    PayloadPlace,
    PayloadRefusal,
    Told,
    place_of,
    untold,
)

BESIDE = frozenset({"header", "header_fields", "headers", "indexed_fields", "search_attributes"})
"""What no codec sees."""
PAYLOAD = Payload.DESCRIPTOR.full_name


class PayloadRefusedError(Exception):
    """A result does not belong where it arrived. Its workflow task is tried again until that is mended."""


@dataclass
class PayloadArrivals:
    """Of one run in a worker's memory."""

    info: Info
    rule: EncryptionRule
    told: Told = untold
    _activities: dict[int, PayloadPlace] = field(default_factory=dict[int, PayloadPlace])
    _children: dict[int, PayloadPlace] = field(default_factory=dict[int, PayloadPlace])
    _ended: str = ""

    @property
    def context(self) -> WorkflowSerializationContext:
        """What the SDK gives to the codec for all that belongs to no activity, child or signal."""
        return WorkflowSerializationContext(self.info.namespace, self.info.workflow_id)

    def activate(
        self, act: WorkflowActivation, inner: Callable[[WorkflowActivation], WorkflowActivationCompletion]
    ) -> WorkflowActivationCompletion:
        """What `inner` makes of the jobs that are let in, and an answer to those that are not.

        Raises PayloadRefusedError.
        """
        answers = self._admit(act)
        if self._ended and not any(job.HasField("remove_from_cache") for job in act.jobs):
            completion = WorkflowActivationCompletion(run_id=act.run_id)
            completion.successful.SetInParent()
        else:
            completion = inner(act)
        if completion.HasField("successful"):
            self._place(completion.successful.commands)
            completion.successful.commands.extend(answers)
        return completion

    def _admit(self, act: WorkflowActivation) -> list[WorkflowCommand]:
        """Leaves only what may come in among the jobs, without marks."""
        moment = act.timestamp.ToDatetime(tzinfo=UTC)
        answers: list[WorkflowCommand] = []
        for index in reversed(range(len(act.jobs))):
            job = act.jobs[index]
            variant = job.WhichOneof("variant") or ""
            if variant not in CARRIES:
                continue
            reason = self._ended or self._problem(job, variant, moment)
            if not reason:
                for payload in payloads_of(job):
                    _strip(payload)
                continue
            if not act.is_replaying and not self._ended:
                self.told(PayloadRefusal(self.info.workflow_id, act.run_id, variant, _name(job), reason))
            answers += self._refuse(job, variant, reason)
            del act.jobs[index]
        return answers[::-1]

    def _problem(self, job: WorkflowActivationJob, variant: str, moment: datetime) -> str:
        """Why a job is not let in; empty when it is."""
        if variant == "initialize_workflow":
            return self._problem_of_start(job.initialize_workflow, moment)
        if variant == "signal_workflow":
            return self._problem_of_message(
                job.signal_workflow.input, (self._own(PayloadKind.SIGNAL, _name(job)),), moment
            )
        if variant == "do_update":
            expected = [self._own(PayloadKind.UPDATE, _name(job))]
            return self._problem_of_message(job.do_update.input, expected, moment)
        if variant == "query_workflow":
            return self._first(job.query_workflow.arguments, (self._own(PayloadKind.QUERY, _name(job)),), moment)
        awaited = self._awaited(job, variant)
        if self.rule.holds(moment):
            _forget_details_of_the_server(job)
        if _is_empty(job, variant) and self.rule.holds(moment):
            return "a result without a payload could be anybody's"
        return self._first(payloads_of(job), () if awaited is None else (awaited,), moment)

    def _problem_of_start(self, init: InitializeWorkflow, moment: datetime) -> str:
        # What an earlier run of a schedule left bears the place of that one, and no process here reads it.
        init.ClearField("last_completion_result")
        init.ClearField("continued_failure")
        start = [self._own(kind, init.workflow_type) for kind in (PayloadKind.START, PayloadKind.SCHEDULED)]
        memo = [*start, self._own(PayloadKind.RESULT)]
        return self._problem_of_message(init.arguments, start, moment) or self._first(
            init.memo.fields.values(), memo, moment
        )

    def _problem_of_message(self, payloads: Any, expected: Sequence[PayloadPlace], moment: datetime) -> str:
        """Of what must have a payload. Takes off the one that stands for none."""
        if not payloads and self.rule.holds(moment):
            return "it has no payload, so it could be anybody's"
        problem = self._first(payloads, expected, moment)
        if not problem and len(payloads) == 1 and payloads[0].metadata.get("encoding") == NOTHING:
            del payloads[:]
        return problem

    def _first(self, payloads: Iterable[Payload], expected: Sequence[PayloadPlace], moment: datetime) -> str:
        return next(filter(None, (self._mismatch(payload, expected, moment) for payload in payloads)), "")

    def _mismatch(self, payload: Payload, expected: Sequence[PayloadPlace], moment: datetime) -> str:
        """Why a payload is none of those expected; empty when it is one."""
        if payload.metadata.get("encoding") == REFUSED:
            return payload.data.decode(errors="replace")
        written = payload.metadata.get(WRITTEN)
        if written is None:
            if not self.rule.holds(moment):
                return ""
            return "it is not encrypted for its place, and TOWPATH_ENCRYPTION=require: send it with the worker's keys"
        place = place_of(written)
        if place is None or not any(_fits(place, each) for each in expected):
            return f"a payload of {place} arrived {' or '.join(f'as {each}' for each in expected) or 'unawaited'}"
        return ""

    def _awaited(self, job: WorkflowActivationJob, variant: str) -> PayloadPlace | None:
        """What a result must be of: of the activity or the child with its number."""
        if variant == "resolve_activity":
            return self._activities.pop(job.resolve_activity.seq, None)
        if variant == "resolve_child_workflow_execution_start":
            return self._children.get(job.resolve_child_workflow_execution_start.seq)
        if variant == "resolve_child_workflow_execution":
            return self._children.pop(job.resolve_child_workflow_execution.seq, None)
        return None

    def _refuse(self, job: WorkflowActivationJob, variant: str, reason: str) -> list[WorkflowCommand]:
        """Commands that answer it. Raises PayloadRefusedError."""
        command = WorkflowCommand()
        if variant == "initialize_workflow":
            self._ended = f"the run was refused: {reason}"
            command.fail_workflow_execution.failure.CopyFrom(_failure(reason))
        elif variant == "signal_workflow":
            return []
        elif variant == "do_update":
            command.update_response.protocol_instance_id = job.do_update.protocol_instance_id
            command.update_response.rejected.CopyFrom(_failure(f"{job.do_update.name} is refused: {reason}"))
        elif variant == "query_workflow":
            command.respond_to_query.query_id = job.query_workflow.query_id
            command.respond_to_query.failed.CopyFrom(_failure(f"{_name(job)} is refused: {reason}"))
        elif self._ended:
            return []
        else:
            raise PayloadRefusedError(f"{variant}: {reason}")
        return [command]

    def _place(self, commands: Iterable[WorkflowCommand]) -> None:
        """Write on each payload where it belongs."""
        for command in commands:
            variant = command.WhichOneof("variant") or ""
            for payload in payloads_of(getattr(command, variant)) if variant else ():
                payload.metadata[WRITTEN] = self._own(PayloadKind.RESULT).written()
            if variant in {"schedule_activity", "schedule_local_activity"}:
                self._place_activity(getattr(command, variant))
            elif variant == "start_child_workflow_execution":
                self._place_child(command.start_child_workflow_execution)
            elif variant == "signal_external_workflow_execution":
                self._place_signal(command.signal_external_workflow_execution)
            elif variant == "continue_as_new_workflow_execution":
                again = command.continue_as_new_workflow_execution
                _write(again.arguments, self._own(PayloadKind.START, again.workflow_type or self.info.workflow_type))

    def _place_activity(self, command: ScheduleActivity | ScheduleLocalActivity) -> None:
        place = self._own(PayloadKind.ACTIVITY, command.activity_type, command.activity_id)
        self._activities[command.seq] = replace(place, kind=PayloadKind.ACTIVITY_RESULT)
        for payload in command.arguments:
            payload.metadata[WRITTEN] = place.written()

    def _place_child(self, command: StartChildWorkflowExecution) -> None:
        namespace = command.namespace or self.info.namespace
        place = PayloadPlace(namespace, command.workflow_id, PayloadKind.START, command.workflow_type)
        self._children[command.seq] = PayloadPlace(namespace, command.workflow_id, PayloadKind.RESULT)
        _write(command.input, place)
        for payload in command.memo.values():
            payload.metadata[WRITTEN] = place.written()

    def _place_signal(self, command: SignalExternalWorkflowExecution) -> None:
        namespace = command.workflow_execution.namespace or self.info.namespace
        target = command.child_workflow_id or command.workflow_execution.workflow_id
        _write(command.args, PayloadPlace(namespace, target, PayloadKind.SIGNAL, command.signal_name))

    def _own(self, kind: PayloadKind, name: str = "", activity_id: str = "") -> PayloadPlace:
        return PayloadPlace(self.info.namespace, self.info.workflow_id, kind, name, activity_id)


def payloads_of(message: Message) -> Iterator[Payload]:
    """All payloads in a message, at any depth, that a codec sees."""
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None or descriptor.name in BESIDE:
            continue
        for each in _messages(descriptor, value):
            if each.DESCRIPTOR.full_name == PAYLOAD:
                yield cast("Payload", each)
            else:
                yield from payloads_of(each)


def _messages(descriptor: FieldDescriptor, value: Any) -> Iterable[Message]:
    inner = cast("Descriptor", descriptor.message_type)
    if inner.GetOptions().map_entry:
        return value.values() if inner.fields_by_name["value"].message_type is not None else ()
    return value if descriptor.is_repeated else (value,)


def _carries(descriptor: Descriptor, above: frozenset[str] = frozenset()) -> bool:
    """Whether a message of this kind can hold a payload that a codec sees."""
    if descriptor.full_name == PAYLOAD:
        return True
    deeper = above | {descriptor.full_name}
    inner = (each.message_type for each in descriptor.fields if each.name not in BESIDE)
    return any(_carries(each, deeper) for each in inner if each is not None and each.full_name not in deeper)


CARRIES = frozenset(
    each.name
    for each in WorkflowActivationJob.DESCRIPTOR.fields
    if each.message_type is not None and _carries(each.message_type)
)
"""Jobs that can hold a payload."""


def _fits(place: PayloadPlace, expected: PayloadPlace) -> bool:
    return place.is_for(expected.namespace, expected.workflow_id) and (
        (place.kind, place.name, place.activity_id) == (expected.kind, expected.name, expected.activity_id)
    )


def _forget_details_of_the_server(message: Message) -> None:
    """Temporal itself says `ACTIVITY_ID_NOT_STARTED` beside a cancellation, in clear. Nobody decides on it."""
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None or descriptor.name in BESIDE:
            continue
        for each in _messages(descriptor, value):
            if isinstance(each, CanceledFailureInfo):
                if not all(WRITTEN in payload.metadata for payload in each.details.payloads):
                    each.ClearField("details")
            else:
                _forget_details_of_the_server(each)


def _is_empty(job: WorkflowActivationJob, variant: str) -> bool:
    """Whether it is a result without a payload; every SDK sends one, for None too."""
    if variant not in {"resolve_activity", "resolve_child_workflow_execution"}:
        return False
    result = getattr(job, variant).result
    return result.HasField("completed") and not result.completed.HasField("result")


def _name(job: WorkflowActivationJob) -> str:
    """What a message is called; empty for what has no name."""
    variant = job.WhichOneof("variant") or ""
    field_of = {
        "initialize_workflow": "workflow_type",
        "signal_workflow": "signal_name",
        "do_update": "name",
        "query_workflow": "query_type",
    }
    return getattr(getattr(job, variant), field_of[variant]) if variant in field_of else ""


def _write(payloads: Any, place: PayloadPlace) -> None:
    """What has no payload gets one that says so: without, it could not be told from anybody's."""
    if not payloads:
        payloads.append(Payload(metadata={"encoding": NOTHING}))
    for payload in payloads:
        payload.metadata[WRITTEN] = place.written()


def _strip(payload: Payload) -> None:
    for mark in MARKS:
        if mark in payload.metadata:
            del payload.metadata[mark]


def _failure(reason: str) -> Failure:
    failure = Failure(message=reason)
    failure.application_failure_info.type = FailureCode.ENCRYPTION_REFUSED
    failure.application_failure_info.non_retryable = True
    return failure
