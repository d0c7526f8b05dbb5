"""What is let into a run: every kind of job with every kind of payload, and the SDK's own list of payloads."""

import asyncio
from collections.abc import Callable, MutableSequence, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.bridge._visitor import PayloadVisitor
from temporalio.bridge.proto.workflow_activation import WorkflowActivation, WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.workflow import Info

from towpath.contracts.core.failure import FailureCode
from towpath.temporal.arrivals import CARRIES, PayloadArrivals, PayloadRefusedError, payloads_of
from towpath.temporal.places import (
    BARE,
    MARKS,
    NOTHING,
    WRITTEN,
    EncryptionRule,
    PayloadKind,
    PayloadPlace,
    PayloadRefusal,
)

INFO = cast("Info", SimpleNamespace(namespace="default", workflow_id="run-1", run_id="r", workflow_type="Type"))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KINDS: dict[str, PayloadPlace] = {
    "start": PayloadPlace("default", "run-1", PayloadKind.START, "Type"),
    "start of another type": PayloadPlace("default", "run-1", PayloadKind.START, "Other"),
    "start of a schedule": PayloadPlace("default", "run-1", PayloadKind.SCHEDULED, "Type"),
    "start of another run": PayloadPlace("default", "run-2", PayloadKind.START, "Type"),
    "signal": PayloadPlace("default", "run-1", PayloadKind.SIGNAL, "go"),
    "another signal": PayloadPlace("default", "run-1", PayloadKind.SIGNAL, "stop"),
    "signal elsewhere": PayloadPlace("other", "run-1", PayloadKind.SIGNAL, "go"),
    "update": PayloadPlace("default", "run-1", PayloadKind.UPDATE, "go"),
    "query": PayloadPlace("default", "run-1", PayloadKind.QUERY, "go"),
    "result": PayloadPlace("default", "run-1", PayloadKind.RESULT),
    "activity": PayloadPlace("default", "run-1", PayloadKind.ACTIVITY, "send", "7"),
    "activity result": PayloadPlace("default", "run-1", PayloadKind.ACTIVITY_RESULT, "send", "7"),
    "another activity result": PayloadPlace("default", "run-1", PayloadKind.ACTIVITY_RESULT, "send", "8"),
    "child result": PayloadPlace("default", "child", PayloadKind.RESULT),
}
FITS = {
    "initialize_workflow": {"start", "start of a schedule"},
    "signal_workflow": {"signal"},
    "do_update": {"update"},
    "query_workflow": {"query"},
    "resolve_activity": {"activity result"},
    "resolve_child_workflow_execution": {"child result"},
}
CASES = [pytest.param(job, kind, id=f"{job} gets {kind}") for job in FITS for kind in KINDS]


def job_of(variant: str, payloads: Sequence[Payload]) -> WorkflowActivationJob:
    """A job of this kind that carries these payloads."""
    job = WorkflowActivationJob()
    into: MutableSequence[Payload] | None = None
    if variant == "initialize_workflow":
        job.initialize_workflow.workflow_type = "Type"
        into = job.initialize_workflow.arguments
    elif variant == "signal_workflow":
        job.signal_workflow.signal_name = "go"
        into = job.signal_workflow.input
    elif variant == "do_update":
        job.do_update.name, job.do_update.protocol_instance_id = "go", "u1"
        into = job.do_update.input
    elif variant == "query_workflow":
        job.query_workflow.query_type, job.query_workflow.query_id = "go", "q1"
        into = job.query_workflow.arguments
    elif variant == "resolve_activity":
        job.resolve_activity.seq = 1
        job.resolve_activity.result.completed.result.CopyFrom(payloads[0])
    else:
        job.resolve_child_workflow_execution.seq = 1
        job.resolve_child_workflow_execution.result.completed.result.CopyFrom(payloads[0])
    if into is not None:
        into.extend(payloads)
    return job


def scheduled() -> WorkflowActivationCompletion:
    """What a run does first: an activity, a child, a signal without a value."""
    completion = WorkflowActivationCompletion(run_id="r")
    activity = completion.successful.commands.add().schedule_activity
    activity.seq, activity.activity_id, activity.activity_type = 1, "7", "send"
    activity.arguments.add().data = b"x"
    child = completion.successful.commands.add().start_child_workflow_execution
    child.seq, child.workflow_id, child.workflow_type = 1, "child", "Child"
    signal = completion.successful.commands.add().signal_external_workflow_execution
    signal.child_workflow_id, signal.signal_name = "child", "stop"
    return completion


class Run:
    """What arrives, with an inner workflow that notes what it got."""

    def __init__(self, rule: EncryptionRule) -> None:
        self.refusals: list[PayloadRefusal] = []
        self.arrivals = PayloadArrivals(INFO, rule, self.refusals.append)
        self.got: list[WorkflowActivationJob] = []
        self.first = self.activate([], scheduled)

    def activate(
        self,
        jobs: Sequence[WorkflowActivationJob],
        answer: Callable[[], WorkflowActivationCompletion] | None = None,
        moment: datetime = NOON,
        *,
        replaying: bool = False,
    ) -> WorkflowActivationCompletion:
        act = WorkflowActivation(run_id="r", jobs=jobs, is_replaying=replaying)
        act.timestamp.FromDatetime(moment)

        def inner(given: WorkflowActivation) -> WorkflowActivationCompletion:
            self.got += [WorkflowActivationJob.FromString(job.SerializeToString()) for job in given.jobs]
            if answer is not None:
                return answer()
            completion = WorkflowActivationCompletion(run_id="r")
            completion.successful.SetInParent()
            return completion

        return self.arrivals.activate(act, inner)


def sealed(place: PayloadPlace, encoding: bytes = b"json/plain") -> Payload:
    return Payload(metadata={"encoding": encoding, WRITTEN: place.written()}, data=b"1")


def failure_types(completion: WorkflowActivationCompletion) -> list[str]:
    commands = completion.successful.commands
    failures = [
        *(each.update_response.rejected for each in commands if each.HasField("update_response")),
        *(each.respond_to_query.failed for each in commands if each.HasField("respond_to_query")),
        *(each.fail_workflow_execution.failure for each in commands if each.HasField("fail_workflow_execution")),
    ]
    return [each.application_failure_info.type for each in failures]


def outcome(run: Run, variant: str, payloads: Sequence[Payload], moment: datetime = NOON) -> bool:
    """Whether the job came through; what is refused is answered as it must be."""
    try:
        completion = run.activate([job_of(variant, payloads)], moment=moment)
    except PayloadRefusedError:
        assert variant.startswith("resolve_") and not run.got
        return False
    answered = failure_types(completion)
    if run.got:
        assert not answered and not run.refusals
        assert not any(mark in payload.metadata for payload in payloads_of(run.got[0]) for mark in MARKS)
        return True
    assert answered == ([] if variant == "signal_workflow" else [FailureCode.ENCRYPTION_REFUSED])
    assert [refusal.job for refusal in run.refusals] == [variant]
    return False


@pytest.mark.parametrize(("variant", "kind"), CASES)
def test_each_kind_of_payload_is_let_in_where_it_belongs(variant: str, kind: str) -> None:
    """And nowhere else, with encryption demanded or not."""
    for rule in (EncryptionRule(required=True), EncryptionRule()):
        assert outcome(Run(rule), variant, [sealed(KINDS[kind])]) is (kind in FITS[variant])


@pytest.mark.parametrize("variant", FITS)
def test_what_is_in_clear_is_let_in_before_the_date(variant: str) -> None:
    """By the run's own time, which is the same in each replay."""
    bare = Payload(metadata={"encoding": b"json/plain", BARE: b"1"}, data=b"1")
    plain = Payload(metadata={"encoding": b"json/plain"}, data=b"1")
    for payload in (bare, plain):
        assert not outcome(Run(EncryptionRule(required=True)), variant, [payload])
        assert outcome(Run(EncryptionRule(required=False)), variant, [payload])
        dated = EncryptionRule(required=True, since=NOON)
        assert not outcome(Run(dated), variant, [payload], NOON)
        assert outcome(Run(dated), variant, [payload], NOON - timedelta(seconds=1))


@pytest.mark.parametrize("variant", ["initialize_workflow", "signal_workflow", "do_update"])
def test_what_has_no_value_says_so(variant: str) -> None:
    """Without any payload it could be anybody's; the one that stands for none is taken off."""
    assert not outcome(Run(EncryptionRule(required=True)), variant, [])
    run = Run(EncryptionRule(required=True))
    kind = next(iter(sorted(FITS[variant])))
    assert outcome(run, variant, [sealed(KINDS[kind], NOTHING)])
    assert not list(payloads_of(run.got[0]))


def test_one_refusal_leaves_the_rest() -> None:
    """In one activation: the order of what is let in stays."""
    run = Run(EncryptionRule(required=True))
    signal, update = KINDS["signal"], KINDS["update"]
    jobs = [
        job_of("signal_workflow", [sealed(signal)]),
        job_of("signal_workflow", [sealed(update)]),
        job_of("do_update", [sealed(signal)]),
        job_of("do_update", [sealed(update)]),
    ]
    completion = run.activate(jobs)
    assert [job.WhichOneof("variant") for job in run.got] == ["signal_workflow", "do_update"]
    assert failure_types(completion) == [FailureCode.ENCRYPTION_REFUSED]
    assert len(run.refusals) == 2


def test_what_the_server_says_of_a_cancellation_is_left_out() -> None:
    """It says so in clear (seen on the real server); a failure's other details must be the activity's own."""
    job = WorkflowActivationJob()
    job.resolve_activity.seq = 1
    failure = job.resolve_activity.result.cancelled.failure
    failure.cause.canceled_failure_info.details.payloads.add(
        metadata={"encoding": b"json/plain", BARE: b"1"}, data=b'"ACTIVITY_ID_NOT_STARTED"'
    )
    run = Run(EncryptionRule(required=True))
    run.activate([job])
    assert run.got[0].resolve_activity.result.cancelled.failure.cause.HasField("canceled_failure_info")
    assert not list(payloads_of(run.got[0]))
    failure.cause.application_failure_info.details.payloads.add(metadata={"encoding": b"json/plain"}, data=b"1")
    with pytest.raises(PayloadRefusedError):
        Run(EncryptionRule(required=True)).activate([job])


def test_a_run_that_was_refused_answers_no_more() -> None:
    """Its workflow code is never run; queries and updates are told why; replays tell nobody again."""
    run = Run(EncryptionRule(required=True))
    start = job_of("initialize_workflow", [sealed(KINDS["start of another run"])])
    assert failure_types(run.activate([start], replaying=True)) == [FailureCode.ENCRYPTION_REFUSED]
    query = job_of("query_workflow", [sealed(KINDS["query"])])
    assert failure_types(run.activate([query])) == [FailureCode.ENCRYPTION_REFUSED]
    assert not run.got and not run.refusals


def test_places_are_written_on_what_a_run_gives() -> None:
    """Arguments of activities, inputs of children and signals, and all else as its result."""
    commands = Run(EncryptionRule()).first.successful.commands
    written = [[payload.metadata[WRITTEN] for payload in payloads_of(command)] for command in commands]
    assert written == [
        [KINDS["activity"].written()],
        [PayloadPlace("default", "child", PayloadKind.START, "Child").written()],
        [PayloadPlace("default", "child", PayloadKind.SIGNAL, "stop").written()],
    ]


class Visited:
    """The SDK's visitor calls these for each payload that a codec would see."""

    def __init__(self) -> None:
        self.count = 0

    async def visit_payload(self, payload: Payload) -> None:
        del payload
        self.count += 1

    async def visit_payloads(self, payloads: Sequence[Payload]) -> None:
        self.count += len(payloads)


def filled(message: Message, choice: int, depth: int = 0) -> None:
    """Give every field that is a message a value, down to payloads; of alternatives the one with this number."""
    for descriptor in message.DESCRIPTOR.fields:
        inner, one_of = descriptor.message_type, descriptor.containing_oneof
        if inner is None or depth > 5:
            continue
        if one_of is not None and descriptor is not one_of.fields[choice % len(one_of.fields)]:
            continue
        value: Any = getattr(message, descriptor.name)
        if inner.GetOptions().map_entry:
            if inner.fields_by_name["value"].message_type is not None:
                filled(value["x"], choice, depth + 1)
        elif descriptor.is_repeated:
            filled(value.add(), choice, depth + 1)
        else:
            value.SetInParent()
            filled(value, choice, depth + 1)


async def seen_by_the_sdk(message: WorkflowActivationJob | WorkflowCommand) -> int:
    """How many payloads of a job or a command the SDK would hand to a codec."""
    seen = Visited()
    visitor = PayloadVisitor(skip_search_attributes=True, skip_headers=True)
    whole: Any = WorkflowActivation(jobs=[message]) if isinstance(message, WorkflowActivationJob) else None
    if isinstance(message, WorkflowCommand):
        whole = WorkflowActivationCompletion()
        whole.successful.commands.append(message)
    await visitor.visit(cast("Any", seen), whole)
    return seen.count


@pytest.mark.parametrize("kind", [WorkflowActivationJob, WorkflowCommand])
def test_our_list_of_payloads_is_the_sdks(kind: type[WorkflowActivationJob] | type[WorkflowCommand]) -> None:
    """Of each variant, with all its fields filled: none is missed, and none that no codec sees is there."""
    for field in kind.DESCRIPTOR.oneofs_by_name["variant"].fields:
        most = 0
        for choice in range(12):
            message = kind()
            value = getattr(message, field.name)
            value.SetInParent()
            filled(value, choice)
            seen = asyncio.run(seen_by_the_sdk(message))
            assert len(list(payloads_of(message))) == seen, (field.name, choice)
            most = max(most, seen)
        if kind is WorkflowActivationJob:
            assert (field.name in CARRIES) is (most > 0), field.name
