"""How runs of definitions end when something else comes meanwhile: a cancellation, a lost answer, a failed check."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.declared import Handle, Runs, record, serve, states, steps
from towpath.contracts.declared import PauseRequest
from towpath.contracts.failure import FailureCode, HouseError
from towpath.contracts.run import DeadLetter

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
