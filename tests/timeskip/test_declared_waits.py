"""Steps of definitions that wait, on a clock that skips: times, human tasks, deadlines, alerts."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.declared import Handle, Runs, record, serve, states, steps
from tests.waiting import until
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.review import DecidedReview, Decision, ReviewTask, Verdict
from towpath.contracts.declared.run import CloudEvent, DeclaredOutcome
from towpath.control import reviews

TASK = """
  - id: task
    type: human-task
    config:
      assignee: compliance-team
      title: look at it
      deadline: 24h
      remind: [6h, 12h]
      escalate: [{after: 20h, to: compliance-leads}]
%s
  - {id: after, type: set, config: {by: "{{ steps.task.by }}", data: "{{ steps.task.data }}"}}
"""


@pytest_asyncio.fixture(loop_scope="session")
async def runs(env: WorkflowEnvironment) -> AsyncIterator[Runs]:
    async with serve(env) as serving:
        yield serving


async def decide(handle: Handle, reviewer: str, verdict: Verdict = Verdict.APPROVE, **fields: Any) -> DecidedReview:
    decision = Decision.model_validate({"verdict": verdict, "reviewer": reviewer, "reason": "seen", **fields})
    return await handle.execute_update("decide", decision, result_type=DecidedReview)


async def refusal(handle: Handle, reviewer: str, **fields: Any) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await decide(handle, reviewer, **fields)
    cause = refused.value.cause
    assert isinstance(cause, ApplicationError)
    return str(cause.type)


async def opened(runs: Runs, handle: Handle) -> ReviewTask:
    """The task, once its team was told."""
    await runs.services.house.entered["notify_team"].wait()
    task = await handle.query("review", result_type=ReviewTask)
    assert task is not None
    return task


async def test_days_pass_in_order(runs: Runs) -> None:
    """Waiting for a time and until a moment takes exactly that on the run's clock."""
    handle = await runs.start(
        """
  - {id: week, type: wait, config: {for: "{{ duration('6d') + 24h }}"}}
  - {id: later, type: wait, config: {until: "{{ run.started_at + 10d }}"}}
  - {id: spent, type: set, config: {days: "{{ seconds(now() - run.started_at) / 86400 }}"}}
"""
    )
    result = await handle.result()
    spent = result.outputs["spent"]
    assert isinstance(spent, dict) and round(float(str(spent["days"])), 3) == 10


async def test_task_reminds_escalates_and_expires(runs: Runs) -> None:
    """Nobody decides: reminded twice, escalated, and failed at the deadline, which is its default."""
    handle = await runs.start(TASK % "")
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError) and cause.type == "review.expired"
    titles = [(team, title.partition(":")[0]) for team, title in runs.services.notices()]
    assert titles == [
        ("compliance-team", "Task"),
        ("compliance-team", "Task still open"),
        ("compliance-team", "Task still open"),
        ("compliance-leads", "Task escalated"),
        ("compliance-team", "Review closed"),
    ]


async def test_each_reminder_is_news(runs: Runs) -> None:
    """Two reminders have two keys: a receiver that knows keys takes the second for a new notice."""
    handle = await runs.start(TASK % "")
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    keys = [notice.key for notice in runs.services.house.asked("notify_team")]
    assert len(keys) == len(set(keys)) == 5


@pytest.mark.parametrize(
    ("policy", "outcome", "state"),
    [("approve", DeclaredOutcome.COMPLETED, "completed"), ("reject", DeclaredOutcome.REJECTED, "pending")],
)
async def test_deadline_decides_by_policy(runs: Runs, policy: str, outcome: DeclaredOutcome, state: str) -> None:
    """At the deadline the task approves or rejects when it says so; a rejection ends the run without a fallback."""
    handle = await runs.start(TASK % f"      on_timeout: {policy}")
    result = await handle.result()
    assert result.outcome is outcome and (await states(handle))["after"] == state


async def test_only_the_right_people_decide(runs: Runs) -> None:
    """Strangers, the excluded and incomplete forms are refused; two people make a quorum, one person twice does not."""
    handle = await runs.start(
        TASK
        % """
      quorum: 2
      exclude: ["{{ inputs.author }}"]
      candidates: [guest]
      form: {type: object, required: [ticket], properties: {ticket: {type: string}}}
""",
        {"author": "noor"},
        skipping=False,
        more="inputs: {author: {type: string}}",
    )
    await opened(runs, handle)
    assert await refusal(handle, "stranger") == "review.unknown_reviewer"
    assert await refusal(handle, "noor", data={"ticket": "T-1"}) == "review.role_not_allowed"
    assert await refusal(handle, "dana") == "review.form"
    await decide(handle, "dana", data={"ticket": "T-1"})
    assert await refusal(handle, "dana", data={"ticket": "T-1"}) == "review.already_decided"
    await decide(handle, "guest", data={"ticket": "T-2"})
    result = await handle.result()
    assert result.outputs["after"] == {"by": "guest", "data": {"ticket": "T-2"}}


async def test_a_quorum_out_of_reach_fails_at_once(runs: Runs) -> None:
    """One of two is excluded and nobody else is asked: the step fails as it opens, and says who could decide."""
    began = datetime.now(UTC)
    handle = await runs.start(
        "  - {id: task, type: human-task, config: {assignee: compliance-team, quorum: 2, exclude: [noah]}}"
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError) and cause.type == "review.quorum"
    assert "it takes 2 people, and only dana may decide for compliance-team" in str(cause)
    ended = (await record(handle)).ended_at
    assert ended is not None and ended - began < timedelta(hours=1)


@pytest.mark.parametrize("more", ["", "on_timeout: escalate"])
async def test_a_quorum_out_of_reach_escalates_at_once(runs: Runs, more: str) -> None:
    """The next team is asked as it opens, and not days later; both decide."""
    handle = await runs.start(
        TASK % f"      quorum: 2\n      {more}",
        skipping=False,
    )
    task = await until(
        lambda: handle.query("review", result_type=ReviewTask), lambda task: task is not None and task.escalated
    )
    assert task is not None and not task.reminded
    await decide(handle, "dana")
    await decide(handle, "lee")
    assert (await handle.result()).outcome is DeclaredOutcome.COMPLETED


async def test_the_losing_decision_is_told_who_won(runs: Runs) -> None:
    """The first decision ends the run. The second hears that it was decided, and by whom."""
    handle = await runs.start("  - {id: task, type: human-task, config: {assignee: compliance-team}}", skipping=False)
    await opened(runs, handle)
    client = runs.env.client
    approve = Decision(verdict=Verdict.APPROVE, reviewer="dana", reason="seen")
    reject = Decision(verdict=Verdict.REJECT, reviewer="noah", reason="not seen")
    await reviews.decide(client, handle.id, approve)
    await handle.result()
    for late in (reject, approve.model_copy(update={"reviewer": "kim", "task": "task"})):
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await reviews.decide(client, handle.id, late)
        assert reviews.refusal(refused.value) is FailureCode.REVIEW_ALREADY_DECIDED
        assert "approve by dana" in str(refused.value.cause)


async def test_decisions_at_the_same_moment_have_one_winner(runs: Runs) -> None:
    """Of ten that are sent at once, one counts, and nine hear so: none gets an error of the wire."""
    people = [f"kim-{number}" for number in range(10)]
    handle = await runs.start(
        f"  - {{id: task, type: human-task, config: {{assignee: compliance-team, candidates: [{', '.join(people)}]}}}}",
        skipping=False,
    )
    await opened(runs, handle)

    async def send(person: str) -> FailureCode | None:
        try:
            await reviews.decide(
                runs.env.client, handle.id, Decision(verdict=Verdict.APPROVE, reviewer=person, reason="seen")
            )
        except WorkflowUpdateFailedError as error:
            return reviews.refusal(error)
        return FailureCode.UNEXPECTED

    ends = await asyncio.gather(*map(send, people))
    await handle.result()
    assert sorted(map(str, ends)) == sorted(["unexpected", *["review.already_decided"] * 9])


async def test_a_decision_after_the_deadline_is_told_so(runs: Runs) -> None:
    """The run has ended; whoever comes late hears that the task expired."""
    handle = await runs.start(TASK % "")
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await reviews.decide(
            runs.env.client, handle.id, Decision(verdict=Verdict.APPROVE, reviewer="dana", reason="seen")
        )
    assert reviews.refusal(refused.value) is FailureCode.REVIEW_EXPIRED
    assert "nobody decided until " in str(refused.value.cause) and "the run failed at " in str(refused.value.cause)


async def test_rejection_can_let_the_run_go_on(runs: Runs) -> None:
    """`on_reject: continue` gives the decision as output; a rejection needs a reason."""
    handle = await runs.start(TASK % "      on_reject: continue", skipping=False)
    await opened(runs, handle)
    assert await refusal(handle, "dana", verdict=Verdict.REJECT, reason=" ") == "review.reason_required"
    await decide(handle, "dana", Verdict.REJECT)
    result = await handle.result()
    task = result.outputs["task"]
    assert isinstance(task, dict) and (task["decision"], task["reason"]) == ("reject", "seen")


async def test_event_out_of_time(runs: Runs) -> None:
    """An event that does not come fails its step, or gives nothing where the step says so."""
    late = await runs.start("  - {id: hold, type: wait, config: {event: x.y, within: 3d}}")
    with pytest.raises(WorkflowFailureError) as failed:
        await late.result()
    assert isinstance(failed.value.cause, ApplicationError) and failed.value.cause.type == "event.timeout"
    patient = await runs.start("  - {id: hold, type: wait, config: {event: x.y, within: 3d, on_timeout: continue}}")
    assert (await patient.result()).outputs == {"hold": None}


async def test_early_event_is_kept(runs: Runs) -> None:
    """An event that comes before its step waits is not lost, and counts once however often it is delivered."""
    handle = await runs.start(
        """
  - {id: pause, type: wait, config: {event: go}}
  - {id: first, type: wait, config: {event: x.y, filter: "{{ event.data.n }} > 1"}}
  - {id: second, type: wait, config: {event: x.y, within: 1h, on_timeout: continue}}
""",
        skipping=False,
    )
    for number in (1, 2, 2):
        await handle.signal("event", CloudEvent(id=f"e-{number}", type="x.y", data={"n": number}))
    await handle.signal("event", CloudEvent(id="go", type="go"))
    result = await handle.result()
    first, second = result.outputs["first"], result.outputs["second"]
    assert isinstance(first, dict) and isinstance(second, dict) and (first["id"], second["id"]) == ("e-2", "e-1")


async def test_event_cancels_the_run(runs: Runs) -> None:
    """`cancel_on` ends the run: what waits is cancelled and what was done is undone."""
    handle = await runs.start(
        """
  - id: reserve
    type: api
    config: {service: orders, method: reserveStock}
    compensate: {type: api, config: {service: orders, method: releaseStock}}
  - {id: hold, type: wait, config: {event: never}}
""",
        skipping=False,
        more='cancel_on: {event: order.withdrawn, correlate: "{{ run.id }}"}',
    )
    await until(lambda: states(handle), lambda found: found["hold"] == "running")
    await handle.signal("event", CloudEvent(id="w", type="order.withdrawn", subject=handle.id))
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert runs.services.operations() == ["reserveStock", "releaseStock"]
    assert await states(handle) == {"reserve": "undone", "hold": "cancelled"}


async def test_alert_fires_while_the_run_goes_on(runs: Runs) -> None:
    """`execution_time > 5m` tells operations while the run still waits, once."""
    handle = await runs.start(
        "  - {id: hold, type: wait, config: {for: 20m}}",
        more='monitoring: {alerts: [{condition: "execution_time > 300s", channel: slack}]}',
    )
    await handle.result()
    assert runs.services.notices() == [("ops-team", "Alert: execution_time > 300s")]
    notice = runs.services.house.asked("notify_team")[0]
    assert "Running now: hold" in notice.text


async def test_race_between_a_person_and_the_clock(runs: Runs) -> None:
    """Of a human task and a time the first is chosen; the task is withdrawn with the choice."""
    handle = await runs.start(
        """
  - id: race
    type: wait-any
    config:
      on:
        person: {human-task: {assignee: compliance-team, deadline: 9d}}
        clock: {after: 2d}
"""
    )
    result = await handle.result()
    assert result.outputs == {"race": {"chosen": "clock", "value": None}}
    assert (await record(handle)).waiting is None


async def test_group_takes_the_first_and_cancels_the_rest(runs: Runs) -> None:
    """`join: any` goes on with the first success; the loser is cancelled and its wait withdrawn."""
    handle = await runs.start(
        """
  - parallel:
      - {id: slow, type: wait, config: {for: 30d}}
      - {id: fast, type: wait, config: {for: 1h}}
    id: race
    join: any
  - {id: spent, type: set, config: {hours: "{{ seconds(now() - run.started_at) / 3600 }}"}}
"""
    )
    result = await handle.result()
    assert result.outputs["race"] == {"completed": ["fast"]}
    found = await steps(handle)
    assert found["slow"].state == "cancelled" and found["slow"].note == "by the race: first: fast"
    started, ended = found["fast"].started_at, found["spent"].ended_at
    assert started is not None and ended is not None and ended - started < timedelta(hours=2)


async def test_a_task_is_not_there_before_its_reviewers_are_known(runs: Runs) -> None:
    """Whoever asks meanwhile hears that no review is open, not that somebody is no reviewer; two of one team open."""
    house = runs.services.house
    house.held["find_reviewers"] = asyncio.Event()
    with runs.env.with_time_skipping_disabled():
        handle = await runs.start("""
  - parallel:
      - {id: a, type: human-task, config: {assignee: compliance-team, deadline: 1d}}
      - {id: b, type: human-task, config: {assignee: compliance-team, deadline: 1d}}""")
    await house.entered["find_reviewers"].wait()
    early = await handle.query("review", result_type=ReviewTask)
    refused = await refusal(handle, "dana")
    house.held["find_reviewers"].set()
    await until(lambda: handle.query("reviews", result_type=list[ReviewTask]), lambda tasks: len(tasks) == 2)
    for task in ("a", "b"):
        await decide(handle, "dana", task=task)
    result = await handle.result()

    assert early is None and refused == "review.not_open"
    assert result.outcome is DeclaredOutcome.COMPLETED
