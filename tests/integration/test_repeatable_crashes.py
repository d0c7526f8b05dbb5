"""kill -9 of the worker around a task that is submitted any number of times: no submission is lost or doubled."""

import asyncio
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowUpdateFailedError

from tests.integration.commands import starter
from tests.integration.conftest import House
from tests.integration.definitions import Handle, document, start, until_state
from tests.waiting import until
from towpath.contracts.core.review import DecidedReview, Decision, Verdict
from towpath.contracts.declared.run import CloudEvent, DeclaredOutcome, Edit
from towpath.control import reviews
from towpath.engine.language.shapes import as_list, as_object

NOTES = """
id: notes
version: "1.0.0"
steps:
  - parallel:
      - {id: packed, type: wait, config: {event: test.packed}}
      - {id: sent, type: wait, config: {event: test.sent}}
      - id: notes
        type: human-task
        config:
          assignee: compliance-team
          repeatable: true
          enabled_while: "run.steps.packed?.status != 'completed'"
      - id: ideas
        type: human-task
        config: {assignee: compliance-team, repeatable: true, optional: true}
"""
WORDS = ("first", "second", "third")
ORDERS = list(permutations(WORDS))


def note(reason: str, task: str = "notes") -> Decision:
    verdict = Verdict.REJECT if reason == "second" else Verdict.APPROVE
    return Decision(verdict=verdict, reviewer="dana", reason=reason, task=task, data={"word": reason})


async def _submit(handle: Handle, decision: Decision, name: str = "") -> DecidedReview:
    """Named, so that it may be sent again; a worker may be missing for a while."""
    name = name or f"{decision.task}/{decision.reason}"
    return await handle.execute_update("decide", decision, id=name, result_type=DecidedReview)


async def _happens(handle: Handle, event: str) -> None:
    await handle.signal("event", CloudEvent(id=event, type=f"test.{event}", source="test"))


def _said(output: Any) -> list[str]:
    runs = [as_object(run) or {} for run in as_list((as_object(output) or {})["runs"]) or []]
    assert all((run["decision"] == "reject") == (run["reason"] == "second") for run in runs)
    assert all(run["data"] == {"word": run["reason"]} and run["by"] == "dana" for run in runs)
    return [str(run["reason"]) for run in runs]


async def test_worker_killed_between_submissions(bare_house: House) -> None:
    """One run for each order of three submissions. The first is made before the worker dies; the second while there is
    none, twice; the third on the next one, which dies as well; after the end, nothing counts.
    """
    async with bare_house.worker() as worker:
        runs = await asyncio.gather(*(start(bare_house, document(NOTES), {}) for _ in ORDERS))
        for handle in runs:
            await until(lambda handle=handle: handle.query("reviews"), lambda tasks: len(tasks) == 2)
        firsts = [
            await reviews.decide(bare_house.client, handle.id, note(order[0]))
            for handle, order in zip(runs, ORDERS, strict=True)
        ]
        await asyncio.gather(*(reviews.decide(bare_house.client, run.id, note("idea", "ideas")) for run in runs))
        await worker.kill()
    waiting = [
        asyncio.ensure_future(_submit(handle, note(order[1]), name))
        for handle, order in zip(runs, ORDERS, strict=True)
        for name in ("", "", "another")
    ]
    async with bare_house.worker() as worker:
        answers = [decided.at for decided in await asyncio.gather(*waiting)]
        assert [len(set(answers[index : index + 3])) for index in range(0, len(answers), 3)] == [1] * len(runs)
        again = [await _submit(handle, note(order[0])) for handle, order in zip(runs, ORDERS, strict=True)]
        assert again == firsts
        await asyncio.gather(
            *(_submit(handle, note(order[2])) for handle, order in zip(runs, ORDERS, strict=True)),
        )
        code, listed, _ = await starter(bare_house, "review", "list")
        counted = [
            sum(f"({count})" in line for line in listed.splitlines()) for count in ("3 submissions", "1 submission")
        ]
        assert (code, counted) == (0, [len(runs), len(runs)])
        await worker.kill()
    for handle in runs:
        await _happens(handle, "packed")
    async with bare_house.worker():
        await _too_late(runs)
        for handle in runs:
            await _happens(handle, "sent")
        results = [await handle.result() for handle in runs]
    assert [result.outcome for result in results] == [DeclaredOutcome.COMPLETED] * len(runs)
    assert [_said(result.outputs["notes"]) for result in results] == [list(order) for order in ORDERS]
    assert [_said(result.outputs["ideas"]) for result in results] == [["idea"]] * len(runs)
    assert (await bare_house.effects())["applied_twice"] == []


async def _too_late(runs: list[Handle]) -> None:
    """Whoever comes after the end is refused, by each of the doors."""
    edit = Edit(step="notes", by="dana", reason="late", value={"decision": "approve"})
    for handle in runs:
        await until_state(handle, "notes", "completed")
        for update, given in (("decide", note("late")), ("set_output", edit), ("skip", edit)):
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await handle.execute_update(update, given, id=uuid4().hex)
            assert reviews.refusal(refused.value) == ("review.not_open" if update == "decide" else "step.input")
