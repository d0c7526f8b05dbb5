"""How runs of definitions end when something else comes meanwhile: a cancellation, a lost answer, a failed check."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.declared import Handle, Runs, record, serve, states, steps
from tests.waiting import until
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.run import DeadLetter
from towpath.contracts.declared.run import PauseRequest

UNDONE = "compensate: {type: api, config: {service: s, method: undo-%s}}"
SAGA = f"""
  - {{id: first, type: api, config: {{service: s, method: first}}, {UNDONE % "first"}}}
  - {{id: second, type: api, config: {{service: s, method: second}}, {UNDONE % "second"}}}
  - {{id: third, type: api, config: {{service: s, method: third}}}}
"""
QUEUED = "error_handling: {fallback: [{type: notification, target: ops-team}, {type: queue, queue: failed-tries}]}"
REFUSED = HouseError(FailureCode.SERVICE_REFUSED, "no")


@pytest_asyncio.fixture(loop_scope="session")
async def runs(env: WorkflowEnvironment) -> AsyncIterator[Runs]:
    async with serve(env) as serving:
        yield serving


async def end(handle: Handle) -> BaseException | None:
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    return failed.value.cause


async def letter(handle: Handle) -> DeadLetter:
    cause = await end(handle)
    assert isinstance(cause, ApplicationError), cause
    return DeadLetter.model_validate(cause.details[0])


async def entered(runs: Runs, operation: str) -> None:
    async with asyncio.timeout(30):
        await runs.services.entered[operation].wait()


@pytest.mark.parametrize("disturbed", ["cancelled", "resumed"])
async def test_undo_is_finished_before_the_next(runs: Runs, disturbed: str) -> None:
    """A run that is cancelled, or resumed, while it undoes: each undo is finished, in order, and it fails as it did."""
    held = asyncio.Event()
    runs.services.answers["third"] = [REFUSED]
    runs.services.answers["undo-second"] = [held]
    handle = await runs.start(SAGA, skipping=False, more=QUEUED)
    await entered(runs, "undo-second")
    await handle.execute_update("pause", PauseRequest(by="dana"))
    if disturbed == "cancelled":
        await handle.cancel()
    await handle.execute_update("resume", PauseRequest(by="dana"))
    assert "undo-first" not in runs.services.operations()
    held.set()
    told = await letter(handle)
    assert runs.services.operations()[-2:] == ["undo-second", "undo-first"]
    assert (told.queue, told.undone, told.not_undone) == ("failed-tries", ("second", "first"), ())
    assert runs.services.notices() == [("ops-team", "tried failed")]


async def test_cancelled_before_it_begins(runs: Runs) -> None:
    """A race that is over at once sends nothing for the members that had not begun, and the run goes on."""
    handle = await runs.start(
        """
  - join: any
    parallel:
      - {id: slow, type: api, config: {service: s, method: third}}
      - {id: quick, type: set}
"""
    )
    await handle.result()
    assert runs.services.operations() == []
    assert await states(handle) == {"slow": "cancelled", "quick": "completed"}


async def test_cancelled_effect_is_undone(runs: Runs) -> None:
    """A call whose answer is lost to a cancellation may have happened: it is undone like one that was answered."""
    runs.services.answers["second"] = [asyncio.Event()]
    handle = await runs.start(SAGA, skipping=False)
    await entered(runs, "second")
    await handle.cancel()
    assert isinstance(await end(handle), CancelledError)
    assert runs.services.operations() == ["first", "second", "undo-second", "undo-first"]
    assert await states(handle) == {"first": "undone", "second": "undone", "third": "pending"}


async def test_effect_stays_unknown_when_its_check_fails(runs: Runs) -> None:
    """A time-out and a check that cannot tell: the effect is asked for once more, and undone."""
    runs.services.answers["pay"] = [HouseError(FailureCode.SERVICE_TIMEOUT, "no answer in time")]
    runs.services.answers["look"] = [REFUSED, {"paid": True}]
    handle = await runs.start(
        f"""
  - id: pay
    type: api
    config: {{service: s, method: pay}}
    check: {{type: api, config: {{service: s, method: look}}, done: "output.paid"}}
    {UNDONE % "pay"}
""",
        more=QUEUED,
    )
    told = await letter(handle)
    assert runs.services.operations() == ["pay", "look", "look", "undo-pay"]
    titles = [
        event.user_metadata.summary.data.decode()
        async for event in handle.fetch_history_events()
        if event.HasField("activity_task_scheduled_event_attributes") and event.user_metadata.HasField("summary")
    ]
    assert titles[:4] == ['"pay"', '"pay: did it happen?"', '"pay: did it happen?"', '"pay: undo"']
    assert told.undone == ("pay",)


async def test_effect_that_stays_is_told(runs: Runs) -> None:
    """What cannot be undone, or whose undo cannot be written out, is in the letter and in the record."""
    runs.services.answers["third"] = [REFUSED]
    runs.services.answers["undo-second"] = [REFUSED]
    unreadable = 'compensate: {type: api, config: {service: s, method: undo, params: {id: "{{ output.id }}"}}}'
    handle = await runs.start(
        SAGA.replace(UNDONE % "first", unreadable),
        more=QUEUED,
    )
    told = await letter(handle)
    assert (told.undone, told.not_undone) == ((), ("second", "first"))
    assert {name: step.note for name, step in (await steps(handle)).items() if step.note.startswith("not undone")} == {
        "first": "not undone: first.compensate: output has no 'id'",
        "second": "not undone (service.refused)",
    }
    assert (await record(handle)).status == "failed"


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ("{id: leaf, type: api, config: {service: s, method: third}}", "failed: leaf: no"),
        ("{id: leaf, type: human-task, config: {assignee: compliance-team, on_timeout: reject}}", "was rejected"),
    ],
    ids=["failed", "rejected"],
)
async def test_run_fails_with_the_run_it_waits_for(runs: Runs, inside: str, why: str) -> None:
    """A child that failed is told by its own cause; one that a person rejected is no success either."""
    runs.services.answers["third"] = [REFUSED]
    handle = await runs.start(
        f"""
  - id: which
    type: condition
    config:
      if: inputs.inner
      then: [{inside}]
      else: [{{id: sub, type: workflow, config: {{id: tried, inputs: {{inner: true}}}}}}]
""",
        more="inputs: {inner: {type: boolean, default: false}}",
    )
    told = await letter(handle)
    assert (told.step, told.failure.code) == ("sub", FailureCode.CHILD_FAILED)
    assert told.failure.message == f"the run {handle.id}/sub {why}"


async def test_open_run_of_that_name_fails_the_step(runs: Runs) -> None:
    """A child that cannot be started, since one of its name is open, fails its step; nothing stands still."""
    parent = f"tried/{uuid4().hex}"
    waiting = "  - {id: hold, type: wait, config: {event: never}}"
    other = await runs.start(waiting, skipping=False, name=f"{parent}/sub")
    handle = await runs.start(
        "  - {id: sub, type: workflow, config: {id: tried}}",
        skipping=False,
        name=parent,
    )
    told = await letter(handle)
    await other.cancel()
    assert isinstance(await end(other), CancelledError)
    assert told.failure.message == f"the run {other.id} is open already"


@pytest.mark.parametrize(
    "config",
    [
        "{id: slow, type: human-task, config: {assignee: compliance-team, deadline: 9d}}",
        "{id: slow, type: wait, config: {for: 9d}}",
        '{id: slow, type: http, config: {url: "https://a", poll: {until: output.body.done, every: 20m, for: 9d}}}',
    ],
    ids=["human-task", "wait", "poll"],
)
async def test_timeout_bounds_the_whole_step(runs: Runs, config: str) -> None:
    """The time-out of a step ends it whatever it does then."""
    runs.services.answers["http"] = [{"done": False}]
    handle = await runs.start(f"  - {config.replace('type:', 'timeout: 3h, type:', 1)}")
    told = await letter(handle)
    found = (await steps(handle))["slow"]
    assert (told.step, told.failure.code) == ("slow", FailureCode.STEP_TIMEOUT)
    assert found.started_at is not None and found.ended_at is not None
    assert timedelta(hours=3) <= found.ended_at - found.started_at < timedelta(hours=4)


async def test_timeout_cancels_the_run_that_a_step_waits_for(runs: Runs) -> None:
    """A step that runs another definition ends in time, and that run is cancelled."""
    handle = await runs.start(
        """
  - id: which
    type: condition
    config:
      if: inputs.inner
      then: [{id: hold, type: wait, config: {event: never}}]
      else: [{id: slow, timeout: 1s, type: workflow, config: {id: tried, inputs: {inner: true}}}]
""",
        skipping=False,
        more="inputs: {inner: {type: boolean, default: false}}",
    )
    await until(lambda: states(handle), lambda found: found["slow"] == "failed")
    told = await letter(handle)
    inner = await runs.env.client.get_workflow_handle(f"{handle.id}/slow").describe()
    assert (told.step, told.failure.code) == ("slow", FailureCode.STEP_TIMEOUT)
    assert inner.status is WorkflowExecutionStatus.CANCELED


async def test_retry_policy_counts_beside_a_check(runs: Runs) -> None:
    """Between attempts the longest wait holds, and what is not to be tried again is not."""
    runs.services.answers["pay"] = [HouseError(FailureCode.SERVICE_UNAVAILABLE, "busy")] * 5 + [REFUSED]
    retried = """
  - id: pay
    type: api
    config: {service: s, method: pay}
    retry: {max_attempts: 6, initial: 1m, max: 2m%s}
    check: {type: api, config: {service: s, method: look}, done: "output.paid ?? false"}
"""
    patient = await runs.start(retried % "")
    assert (await letter(patient)).failure.attempts == 6
    found = (await steps(patient))["pay"]
    assert found.started_at is not None and found.ended_at is not None
    assert timedelta(minutes=9) <= found.ended_at - found.started_at < timedelta(minutes=10)
    runs.services.answers["pay"] = [HouseError(FailureCode.SERVICE_UNAVAILABLE, "busy")]
    final = await runs.start(retried % ", no_retry_on: [service.unavailable]")
    assert (await letter(final)).failure.attempts == 1


async def test_function_is_asked_for_the_selected_parts(runs: Runs) -> None:
    """`select` travels with the call of a function, so that the rest never enters history."""
    handle = await runs.start("  - {id: one, type: function, config: {handler: fetchAll}, select: [kept]}")
    await handle.result()
    assert runs.services.functions[0].select == ("kept",)


async def test_cancelled_loop_is_over_before_it_is_undone(runs: Runs) -> None:
    """Items on their way when a run is cancelled have ended when the undo of their step begins."""
    runs.services.answers["item"] = [asyncio.Event()]
    handle = await runs.start(
        f"""
  - id: loop
    type: api
    for_each: {{times: 3, concurrency: 3}}
    config: {{service: s, method: item}}
    {UNDONE % "loop"}
""",
        skipping=False,
    )
    await entered(runs, "item")
    await handle.cancel()
    assert isinstance(await end(handle), CancelledError)
    assert runs.services.operations() == ["item", "item", "item", "undo-loop"]
