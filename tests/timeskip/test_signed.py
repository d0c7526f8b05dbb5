"""Where the worker has a decision key, whatever people send to runs is signed, or does not count."""

import inspect
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_type_hints
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.attempts import ActivityEdge
from activities.batch import with_batches
from tests.fakes.house import FakeHouse, unavailable
from tests.fakes.incident import FakeIncident, firing, request
from tests.fakes.prompt import PROMPT
from tests.replaying import check_all
from tests.timeskip.conftest import Bench, Handle
from tests.timeskip.declared import Handle as DeclaredHandle
from tests.timeskip.declared import serve
from tests.timeskip.incident import serve_incidents
from tests.timeskip.pipeline import serve_pipelines
from tests.timeskip.test_onboarding_review import APPROVE, REJECT, UNJUDGED, task_of
from tests.timeskip.test_pipeline_specification import COLUMNS, PROPOSE, ROWS
from tests.waiting import until
from towpath.assembly.rooms import workflows_of
from towpath.contracts.core.failure import ClaudeError, FailureCode
from towpath.contracts.core.process import CLAUDE_QUEUE
from towpath.contracts.core.review import DecidedReview
from towpath.contracts.core.signed import Signed
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import DeclaredOutcome
from towpath.contracts.incident.incident import IncidentFailure
from towpath.contracts.incident.process import INCIDENT
from towpath.contracts.onboarding.customer import DecisionRecord, OnboardingCheckpoint, OnboardingOutcome, Redrive
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.contracts.pipeline.process import PIPELINE
from towpath.control.again import SentAgain
from towpath.control.reviews import refusal
from towpath.control.signing import SignedBy
from towpath.policy.core.signing import START, sign
from towpath.registry import processes
from towpath.temporal.signing import SignedUpdates
from workflows.incident.workflow import IncidentResponseWorkflow
from workflows.onboarding.workflow import CustomerOnboardingWorkflow
from workflows.sandbox import runner

KEY, OTHER = b"k" * 32, b"o" * 32
OF_PROGRAMS = {
    "publish": "a definition is published by whoever may start runs of it; the role comes with the gateway",
    "reserve": "asked by activities of runs, for a limit and for a time that is free",
    "release": "asked by activities of runs, for a time that is given up",
    "ask": "asked by activities of runs, for a turn at a place with limits",
    "RemediationControlWorkflow.settle": "asked by activities of incidents, for what became of an action",
}
"""Updates that no person sends, and why they need no signature."""


def updates() -> list[tuple[str, str, type[Any] | None, bool]]:
    """Workflow, update, type of its message, and whether it has a validator: of all that the worker serves."""
    found: list[tuple[str, str, type[Any] | None, bool]] = []
    for process in processes().values():
        for workflow in workflows_of(process):
            definitions = vars(workflow)["__temporal_workflow_definition"].updates
            for name, update in definitions.items():
                function = update.fn
                parameter = list(inspect.signature(function).parameters)[1]
                message = get_type_hints(function)[parameter]
                found.append((workflow.__name__, str(name), message, update.validator is not None))
    return found


def test_each_update_of_a_person_is_signed_and_validated() -> None:
    """A new update is in it by itself: it takes a `Signed`, with a validator, or is listed as one of programs."""
    found = updates()
    assert len(found) > 10
    for workflow, name, message, validated in found:
        signed = isinstance(message, type) and issubclass(message, Signed)
        assert signed or {name, f"{workflow}.{name}"} & OF_PROGRAMS.keys(), (
            f"{workflow}.{name}: its message is no Signed"
        )
        assert validated or not signed, f"{workflow}.{name}: without a validator no signature is looked at"


async def serving(env: WorkflowEnvironment, house: FakeHouse, keys: Sequence[bytes], stack: AsyncExitStack) -> None:
    common: dict[str, Any] = {"build_id": "test", **PROMPT}
    for queue, more in (
        (ONBOARDING.queue, {"workflows": [CustomerOnboardingWorkflow], "workflow_runner": runner(keys=keys)}),
        (CLAUDE_QUEUE, {}),
    ):
        activities = with_batches(house.activities()) if more else [house.ask]
        interceptors = [ActivityEdge(), SignedUpdates(keys)]
        worker = Worker(
            env.client, task_queue=queue, activities=activities, interceptors=interceptors, **more, **common
        )
        await stack.enter_async_context(worker)


@pytest_asyncio.fixture(loop_scope="session")
async def keyed(env: WorkflowEnvironment) -> AsyncIterator[Bench]:
    """A worker with a new key and the one before."""
    house = FakeHouse()
    async with AsyncExitStack() as stack:
        await serving(env, house, (KEY, OTHER), stack)
        yield Bench(env, house)


def door(env: WorkflowEnvironment, key: bytes) -> Client:
    return Client(
        env.client.service_client,
        data_converter=env.client.data_converter,
        interceptors=[SentAgain(), SignedBy(key)],
    )


async def decide(client: Client, handle: Handle | DeclaredHandle, message: Any = APPROVE) -> str:
    """What is refused, by its code; empty when it counted."""
    run = client.get_workflow_handle(handle.id)
    try:
        await run.execute_update("decide", message, result_type=DecidedReview)
    except WorkflowUpdateFailedError as error:
        return str(refusal(error))
    return ""


@pytest.mark.parametrize("key", [KEY, OTHER], ids=["new", "old"])
async def test_only_a_door_with_the_key_decides(keyed: Bench, key: bytes) -> None:
    """Unsigned, signed with another key, or changed on the way, it is refused; by a door with a key, it counts."""
    handle = await keyed.start(UNJUDGED, skipping=False)
    await task_of(handle)
    assert await decide(keyed.client, handle) == "signature.refused"
    assert await decide(keyed.client, handle, APPROVE.model_dump(mode="json")) == "signature.refused"
    assert await decide(door(keyed.env, b"x" * 32), handle) == "signature.refused"
    assert await decide(door(keyed.env, key), handle) == ""
    assert (await handle.result()).outcome is OnboardingOutcome.ONBOARDED


async def test_a_signal_does_not_count(keyed: Bench) -> None:
    """It has no validator: with a key it is refused, the task shows it, and the run goes on to wait. Its history
    replays where no key is known.
    """
    handle = await keyed.start(UNJUDGED, skipping=False)
    await task_of(handle)
    await handle.signal(CustomerOnboardingWorkflow.decide_by_signal, APPROVE)
    task = await task_of(handle, lambda task: bool(task.refused))
    assert task.decision is None
    assert [(refused.reviewer, refused.code) for refused in task.refused] == [("dana", "signature.refused")]
    assert await decide(door(keyed.env, KEY), handle) == ""
    await handle.result()
    await check_all()


async def test_a_key_that_comes_later_spares_what_was_decided(env: WorkflowEnvironment) -> None:
    """A signal that counted before there was a key counts in each replay, also on a worker with one."""
    house = FakeHouse()
    async with AsyncExitStack() as stack:
        await serving(env, house, (), stack)
        first = await Bench(env, house).start(UNJUDGED, skipping=False)
        await task_of(first)
        await first.signal(
            CustomerOnboardingWorkflow.decide_by_signal, APPROVE.model_copy(update={"reviewer": "mallory"})
        )
        await task_of(first, lambda task: bool(task.refused))
    async with AsyncExitStack() as stack:
        await serving(env, house, (KEY,), stack)
        await first.signal(CustomerOnboardingWorkflow.decide_by_signal, APPROVE)
        task = await task_of(first, lambda task: len(task.refused) > 1)
        assert [refused.code for refused in task.refused] == ["review.unknown_reviewer", "signature.refused"]
        assert await decide(door(env, KEY), first) == ""
        assert (await first.result()).outcome is OnboardingOutcome.ONBOARDED


APPROVED: JsonObject = {"approve": {"decision": "approve", "by": "dana", "at": "", "reason": "", "data": {}}}
STEPS = """
  - {id: approve, type: human-task, config: {assignee: compliance-team, deadline: 9d}}
  - {id: charge, type: api, config: {service: billing, method: setUpSubscription, params: {}}}
"""


async def test_nobody_brings_an_approval_along(env: WorkflowEnvironment) -> None:
    """A run that is started with a decision of an earlier one asks again, unless a door with the key started it."""
    async with serve(env, keys=(KEY,)) as runs:
        forged = await runs.start(STEPS, skipping=False, seed=APPROVED)
        await until(lambda: forged.query("review"), lambda task: task is not None)
        assert runs.services.operations() == []
        assert await decide(door(env, KEY), forged, REJECT) == ""
        assert (await forged.result()).outcome is DeclaredOutcome.REJECTED
        kept = await runs.start(STEPS, seed=APPROVED, client=door(env, KEY))
        assert (await kept.result()).outcome is DeclaredOutcome.COMPLETED
        assert runs.services.operations() == ["setUpSubscription"]


async def test_nobody_resumes_what_never_ran(env: WorkflowEnvironment) -> None:
    """The state of a run comes from its own history before, and from nowhere else."""
    async with serve(env, keys=(KEY,)) as runs:
        forged = await runs.start(STEPS, resume={"progress": {}, "began": None})
        with pytest.raises(WorkflowFailureError) as failed:
            await forged.result()
    assert "resume is for a run that goes on" in str(failed.value.cause)


async def test_what_an_incident_had_done_is_believed_from_a_door_alone(env: WorkflowEnvironment) -> None:
    """Its findings, its plan and its approvals come from a redrive by a door; by anybody else it begins anew."""
    world = FakeIncident()
    async with serve_incidents(env, world, keys=(KEY,)) as incidents:
        world.fail("archive_incident", *[unavailable() for _ in range(3)])
        failed = await incidents.start(asked=request(hold_open=timedelta(hours=1)))
        with pytest.raises(WorkflowFailureError) as caught:
            await failed.result()
        assert isinstance(caught.value.cause, ApplicationError)
        kept = IncidentFailure.model_validate(caught.value.cause.details[1]).request
        questions = len(world.asked("ask"))
        # The environment skips time for runs that its own client started: a door would wait for hours.
        name = f"{INCIDENT.name}/{uuid4().hex[:16]}"
        signed = await env.client.start_workflow(
            IncidentResponseWorkflow.run,
            sign(KEY, name, START, kept, datetime.now(UTC)),
            id=name,
            task_queue=INCIDENT.queue,
            start_signal="alerts",
            start_signal_args=[firing()],
        )
        await signed.result()
        assert len(world.asked("ask")) == questions
        forged = await incidents.start(asked=kept)
        await forged.result()
        assert len(world.asked("ask")) > questions


async def test_a_redriven_customer_is_not_approved_by_whoever_starts_it(keyed: Bench) -> None:
    """The checkpoint of a redrive holds a decision: unsigned, people are asked again."""
    now = datetime.now(UTC)
    decision = DecisionRecord(
        approved=True, automatic=True, at=now, score=0.1, threshold=0.7, reasons=(), rule_version="1", review_reasons=()
    )
    redrive = Redrive(run_id="before", checkpoint=OnboardingCheckpoint(decision=decision))
    handle = await keyed.start(UNJUDGED.model_copy(update={"redrive": redrive}), skipping=False)
    await task_of(handle)
    assert await decide(door(keyed.env, KEY), handle) == ""
    await handle.result()


async def test_what_a_pipeline_had_done_is_believed_from_a_door_alone(env: WorkflowEnvironment, tmp_path: Path) -> None:
    """Its parts and its approved specification come from a redrive by a door; for anybody else it begins anew."""
    async with serve_pipelines(env, tmp_path, keys=(KEY,)) as pipelines:
        pipelines.write(COLUMNS, *ROWS)
        pipelines.world.house.faults["ask"] = [ClaudeError(FailureCode.CLAUDE_OVERLOADED, "no") for _ in range(8)]
        letter, again = await pipelines.failed(pipelines.config(transformation=PROPOSE))
        assert letter.failure.code is FailureCode.CLAUDE_OVERLOADED and again.resume is not None
        forged = await pipelines.begin(again.model_copy(update={"redrive_of": "before"}), "forged")
        await forged.result()
        assert len(pipelines.world.done("extract_partition")) == 2
        name = f"{PIPELINE.name}/{again.config.id}"
        signed = sign(KEY, name, START, again.model_copy(update={"redrive_of": "before"}), datetime.now(UTC))
        await (await pipelines.begin(signed)).result()
        assert len(pipelines.world.done("extract_partition")) == 2
