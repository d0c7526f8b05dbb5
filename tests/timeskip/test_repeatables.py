"""A human task that is submitted any number of times: its doors, what people see of it, and its ends."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.declared import Handle, Runs, record, serve, states, steps
from tests.timeskip.test_declared_waits import decide, refusal
from tests.timeskip.test_signed import KEY, door
from tests.waiting import until
from towpath.cli.review import describe
from towpath.contracts.core.review import Decision, ReviewTask, Verdict
from towpath.contracts.core.run import StepRecord
from towpath.contracts.declared.run import CloudEvent, Edit
from towpath.control import reviews
from towpath.engine.language.shapes import as_list, as_object
from towpath.views.explaining import explain

NOTES = """
  - parallel:
      - {id: hold, type: wait, config: {event: over}}
      - {id: rest, type: wait, config: {event: done}}
      - id: notes
        type: human-task
        config:
          assignee: compliance-team
          title: "Notes"
          repeatable: true
          enabled_while: "run.steps.hold?.status != 'completed'"
          candidates: [guest, noor]
          exclude: [noor]
          form: {type: object, required: [n]}
"""


@pytest_asyncio.fixture(loop_scope="session")
async def runs(env: WorkflowEnvironment) -> AsyncIterator[Runs]:
    async with serve(env) as serving:
        yield serving


async def _open(runs: Runs) -> None:
    """Its team is being told, so that its opening is in the history."""
    await runs.services.house.entered["notify_team"].wait()


async def _happens(handle: Handle, event: str) -> None:
    await handle.signal("event", CloudEvent(id=uuid4().hex, type=event, source="test"))


async def _notes(handle: Handle) -> StepRecord:
    return (await steps(handle))["notes"]


async def _task(client: Client, handle: Handle) -> ReviewTask:
    task = await reviews.find_review(client, handle.id, "notes")
    assert task is not None
    return task


def _said(output: Any) -> list[tuple[Any, ...]]:
    runs = [as_object(run) or {} for run in as_list((as_object(output) or {})["runs"]) or []]
    assert all(set(run) == {"decision", "by", "at", "reason", "data"} for run in runs)
    assert [run["at"] for run in runs] == sorted(str(run["at"]) for run in runs)
    return [(run["by"], run["decision"], run["reason"], run["data"]) for run in runs]


async def test_each_submission_passes_the_doors_of_an_approval(runs: Runs) -> None:
    """Strangers, the excluded, forms and rejections without a word are refused; after the end everybody is."""
    handle = await runs.start(NOTES, skipping=False)
    await _open(runs)
    assert await refusal(handle, "stranger") == "review.unknown_reviewer"
    assert await refusal(handle, "noor", data={"n": 1}) == "review.role_not_allowed"
    assert await refusal(handle, "dana") == "review.form"
    assert await refusal(handle, "dana", verdict=Verdict.REJECT, reason=" ") == "review.reason_required"
    await decide(handle, "dana", data={"n": 1})
    await decide(handle, "guest", Verdict.REJECT, reason="wrong")
    edit = Edit(step="notes", by="dana", reason="by hand", value={"decision": "approve", "data": {"n": 2}})
    await handle.execute_update("set_output", edit)
    assert (await states(handle))["notes"] == "running"
    await _happens(handle, "over")
    await until(lambda: states(handle), lambda found: found["notes"] == "completed")
    assert await refusal(handle, "dana", data={"n": 3}) == "review.not_open"
    await _happens(handle, "done")
    assert _said((await handle.result()).outputs["notes"]) == [
        ("dana", "approve", "seen", {"n": 1}),
        ("guest", "reject", "wrong", {}),
        ("dana", "approve", "by hand", {"n": 2}),
    ]


async def test_the_same_counts_once(runs: Runs) -> None:
    """Sent again under its id, under another one, or by another door: the answer is that of the first."""
    handle, client = await runs.start(NOTES, skipping=False), runs.env.client
    await _open(runs)
    note = Decision(verdict=Verdict.APPROVE, reviewer="dana", reason="seen", task="notes", data={"n": 1})
    answers = [await handle.execute_update("decide", note, id=name) for name in ("a", "a", "b")]
    answers += [(await reviews.decide(client, handle.id, note)).model_dump(mode="json") for _ in range(2)]
    assert len({answer["at"] for answer in answers}) == 1
    other = note.model_copy(update={"reason": "once more"})
    assert (await reviews.decide(client, handle.id, other)).reason == "once more"
    assert [one.reason for one in (await _task(client, handle)).submissions] == ["seen", "once more"]
    await _happens(handle, "over")
    await _happens(handle, "done")
    assert len(_said((await handle.result()).outputs["notes"])) == 2


async def test_people_see_how_many_came(runs: Runs) -> None:
    """`status`, `explain`, `review show` and the end of the step count them."""
    handle, client = await runs.start(NOTES, skipping=False), runs.env.client
    await _open(runs)
    assert (await _notes(handle)).waits_for.startswith("waits for submissions by compliance-team (none so far), until ")
    for number in (1, 2):
        await decide(handle, "dana", data={"n": number})
    assert (await _notes(handle)).waits_for.startswith("waits for submissions by compliance-team (2 so far), until ")
    assert "submissions by compliance-team (2 so far)" in "".join(explain(await record(handle)).lines)
    words = describe(await _task(client, handle))
    assert "2 submissions so far" in words and sum("approve by dana" in line for line in words) == 2
    await _happens(handle, "over")
    await until(lambda: _task(client, handle), lambda task: not task.is_open)
    assert "closed: 2 submissions" in describe(await _task(client, handle))
    ended = await until(lambda: _notes(handle), lambda found: found.state == "completed")
    assert ended.note == "2 submissions; it is offered no longer: its enabled_while is false"
    await _happens(handle, "done")
    await handle.result()


async def test_a_large_one_is_refused(runs: Runs) -> None:
    """All that is submitted may be a megabyte; more is refused with words, and small ones still count."""
    handle = await runs.start(NOTES, skipping=False)
    await _open(runs)
    for number in range(3):
        await decide(handle, "dana", data={"n": number, "text": "x" * 300_000})
    assert await refusal(handle, "dana", data={"n": 3, "text": "x" * 300_000}) == "review.full"
    await decide(handle, "dana", data={"n": 4})
    skip = Edit(step="notes", by="dana", reason="enough", value=None)
    await handle.execute_update("skip", skip)
    assert (await states(handle))["notes"] == "skipped"
    await handle.cancel()


async def test_its_deadline_ends_it(runs: Runs) -> None:
    """On the run's clock it is completed with nothing, its team is told, and what comes later is refused."""
    task = "{assignee: compliance-team, repeatable: true, deadline: 2h}"
    handle = await runs.start(f"  - {{id: notes, type: human-task, config: {task}}}\n")
    result = await handle.result()
    assert (
        result.outputs["notes"] == {"runs": []} and (await _notes(handle)).note == "0 submissions; its deadline passed"
    )
    assert [title.partition(":")[0] for _, title in runs.services.notices()] == ["Task", "Review closed"]
    late = Decision(verdict=Verdict.APPROVE, reviewer="dana", task="notes")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await reviews.decide(runs.env.client, handle.id, late)
    assert reviews.refusal(refused.value) == "review.expired"


async def test_each_one_is_signed(env: WorkflowEnvironment) -> None:
    """With a key, an unsigned submission is refused; a signed one that is sent once more by anybody counts once."""
    async with serve(env, keys=(KEY,)) as serving:
        handle = await serving.start(NOTES, skipping=False)
        await _open(serving)
        assert await refusal(handle, "dana", data={"n": 1}) == "signature.refused"
        signed = door(env, KEY)
        for number in (1, 2, 1):
            note = Decision(verdict=Verdict.APPROVE, reviewer="dana", task="notes", data={"n": number})
            await reviews.decide(signed, handle.id, note)
        assert [one.data["n"] for one in (await _task(signed, handle)).submissions] == [1, 2]
        await _happens(handle, "over")
        await _happens(handle, "done")
        await handle.result()


async def test_a_closed_one_is_in_nobodys_way(runs: Runs) -> None:
    """Who decides without naming a task means the one that is open, and lists have no other."""
    asked = "  - {id: approve, type: human-task, config: {assignee: compliance-team}}\n"
    handle, client = await runs.start(NOTES + asked, skipping=False), runs.env.client
    await _open(runs)
    for event in ("over", "done"):
        await _happens(handle, event)
    await until(lambda: handle.query("reviews"), lambda tasks: len(tasks) == 2)
    shown = await reviews.find_review(client, handle.id)
    assert shown is not None and shown.task == "approve"
    await reviews.decide(client, handle.id, Decision(verdict=Verdict.APPROVE, reviewer="dana"))
    outputs = (await handle.result()).outputs
    assert _said(outputs["notes"]) == [] and (as_object(outputs["approve"]) or {})["by"] == "dana"


async def test_what_comes_after_its_end_is_refused_at_once(runs: Runs) -> None:
    """Also while its team is still being told that it is open: what counted before is kept, and no more comes."""
    runs.services.house.held["notify_team"] = told = asyncio.Event()
    handle = await runs.start(NOTES, skipping=False)
    await _open(runs)
    await decide(handle, "dana", data={"n": 1})
    await _happens(handle, "over")
    await until(lambda: states(handle), lambda found: found["notes"] == "completed")
    assert await refusal(handle, "dana", data={"n": 2}) == "review.not_open"
    told.set()
    await _happens(handle, "done")
    assert _said((await handle.result()).outputs["notes"]) == [("dana", "approve", "seen", {"n": 1})]
