"""Nobody passes an approval by another door: an operator's change of a step needs whoever may approve it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.declared import Handle, Runs, record, serve, states
from tests.waiting import until
from towpath.contracts.core.run import RunRecord
from towpath.contracts.declared.run import CloudEvent, DeclaredOutcome, Edit
from towpath.control.reviews import refusal

GUARDED = """
  - {id: price, type: wait, config: {event: priced}}
  - id: sides
    parallel:
      - id: approve
        type: human-task
        config:
          {assignee: compliance-team, deadline: 9d, exclude: [minjun], escalate: [{after: 8d, to: compliance-leads}]%s}
      - {id: rate, type: wait, config: {event: rated}}
  - {id: hold, type: wait, config: {event: go}}
  - {id: charge, type: api, config: {service: billing, method: setUpSubscription, params: {}}}
"""
APPROVAL = {"decision": "approve"}


@pytest_asyncio.fixture(loop_scope="session")
async def runs(env: WorkflowEnvironment) -> AsyncIterator[Runs]:
    async with serve(env) as serving:
        yield serving


async def at_approval(runs: Runs, more: str = "") -> Handle:
    """A run whose approval is open."""
    handle = await runs.start(GUARDED % more, skipping=False)
    await handle.signal("event", CloudEvent(id="1", type="priced"))
    await until(lambda: handle.query("review"), lambda task: task is not None)
    return handle


async def end(handle: Handle) -> None:
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()


async def edit(handle: Handle, verb: str, step: str, by: str, value: Any = None) -> str:
    """What is refused, by its code; empty when it counted."""
    change = Edit(step=step, by=by, reason="seen", value=value)
    try:
        await handle.execute_update(verb, change, result_type=RunRecord)
    except WorkflowUpdateFailedError as error:
        return str(refusal(error))
    return ""


@pytest.mark.parametrize("verb", ["skip", "set_output"])
@pytest.mark.parametrize("step", ["approve", "rate", "hold", "charge"])
@pytest.mark.parametrize(
    ("by", "refused"),
    [
        ("mallory", "review.unknown_reviewer"),
        ("noah", "review.role_not_allowed"),
        ("lee", "review.unknown_reviewer"),
        ("minjun", "review.role_not_allowed"),
        ("dana", ""),
    ],
)
async def test_changes_need_an_approver(runs: Runs, verb: str, step: str, by: str, refused: str) -> None:
    """The task itself, what it guards, and what feeds what it guards: strangers, trainees, people of a team that is
    not asked yet, and those who are excluded change none of them.
    """
    handle = await at_approval(runs)
    before = (await record(handle)).edits
    assert await edit(handle, verb, step, by, APPROVAL if verb == "set_output" else None) == refused
    assert (len((await record(handle)).edits) > len(before)) == (refused == "")
    await end(handle)


async def test_what_comes_before_an_approval_is_open_to_operators(runs: Runs) -> None:
    """Its people see what the step became."""
    handle = await runs.start(GUARDED % "", skipping=False)
    assert await edit(handle, "set_output", "price", "ops", {"eur": 5}) == ""
    await end(handle)


@pytest.mark.parametrize("step", ["approve", "charge"])
async def test_an_approval_that_is_not_open_yet_is_not_passed(runs: Runs, step: str) -> None:
    """Nobody is known who may decide it, so nobody may."""
    handle = await runs.start(GUARDED % "", skipping=False)
    assert await edit(handle, "skip", step, "dana") == "review.not_open"
    await end(handle)


async def test_nobody_decides_in_another_name(runs: Runs) -> None:
    """The output of a human task is a decision of whoever sets it."""
    handle = await at_approval(runs)
    forged = {"decision": "approve", "by": "dana", "at": "2026-11-30T12:00:00Z"}
    assert await edit(handle, "set_output", "approve", "kim", forged) == "review.role_not_allowed"
    assert await edit(handle, "set_output", "approve", "dana", {"approved": True}) == "step.input"
    assert await edit(handle, "set_output", "approve", "dana", forged) == ""
    for kind in ("rated", "go"):
        await handle.signal("event", CloudEvent(id=kind, type=kind))
    result = await handle.result()
    assert result.outcome is DeclaredOutcome.COMPLETED
    decided = result.outputs["approve"]
    assert isinstance(decided, dict) and (decided["by"], decided["reason"]) == ("dana", "seen")


async def test_a_rejection_by_its_output_is_one(runs: Runs) -> None:
    """It ends the run as a rejection does, and nothing is charged."""
    handle = await at_approval(runs)
    assert await edit(handle, "set_output", "approve", "dana", {"decision": "reject"}) == ""
    assert (await handle.result()).outcome is DeclaredOutcome.REJECTED
    assert runs.services.operations() == []


async def test_one_person_does_not_decide_for_two(runs: Runs) -> None:
    """With a quorum, nobody skips the task; its output counts as one voice."""
    handle = await at_approval(runs, ", quorum: 2, candidates: [kim]")
    assert await edit(handle, "skip", "approve", "dana") == "review.role_not_allowed"
    assert await edit(handle, "set_output", "approve", "dana", APPROVAL) == ""
    assert (await states(handle))["approve"] == "running"
    assert await edit(handle, "set_output", "approve", "dana", APPROVAL) == "review.already_decided"
    assert await edit(handle, "set_output", "approve", "kim", APPROVAL) == ""
    # The team is told that the task is closed before the step ends.
    await until(lambda: states(handle), lambda found: found["approve"] == "completed")
    await end(handle)


async def test_an_approval_that_was_not_needed_guards_nothing(runs: Runs) -> None:
    """In the branch that was not taken nobody is asked, and operators go on."""
    steps = """
  - id: risky
    type: condition
    config: {if: "false", then: [{id: approve, type: human-task, config: {assignee: compliance-team}}]}
  - {id: hold, type: wait, config: {event: go}}"""
    handle = await runs.start(steps, skipping=False)
    await until(lambda: states(handle), lambda found: found.get("hold") == "running")
    assert await edit(handle, "skip", "hold", "ops") == ""
    assert (await handle.result()).outcome is DeclaredOutcome.COMPLETED


async def test_a_race_with_a_person_is_decided_by_its_people(runs: Runs) -> None:
    """An operator gives it no output, and only an approver skips it."""
    steps = """
  - id: first
    type: wait-any
    config: {on: {paid: {event: paid}, person: {human-task: {assignee: compliance-team, deadline: 9d}}}}"""
    handle = await runs.start(steps, skipping=False)
    await until(lambda: handle.query("review"), lambda task: task is not None)
    chosen = {"chosen": "person", "value": {"decision": "approve", "by": "dana"}}
    assert await edit(handle, "set_output", "first", "dana", chosen) == "review.role_not_allowed"
    assert await edit(handle, "skip", "first", "ops") == "review.unknown_reviewer"
    assert await edit(handle, "skip", "first", "dana") == ""
