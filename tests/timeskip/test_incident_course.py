"""Every way through incident-response, from the first alert to its end."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import WorkflowEnvironment

from tests.fakes.house import refused, unavailable
from tests.fakes.incident import (
    DIAGNOSIS,
    DISABLE,
    OVERLOADED,
    PLAN,
    RESTART,
    SICK,
    WELL,
    FakeIncident,
    alert,
    diagnosis_of,
    firing,
    request,
    resolved,
    undone_by,
    unverified,
    verified_by,
)
from tests.timeskip.incident import (
    Incidents,
    approve,
    record_of,
    reject,
    serve_incidents,
    step_of,
    task_of,
    told,
    view_of,
)
from towpath.contracts.core.process import DEAD_LETTER_QUEUE, PENDING_ASSIGNEES, SEVERITY, STATUS, SUBJECT
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.core.run import DeadLetter, StepState
from towpath.contracts.incident.incident import IncidentFailure, IncidentOutcome
from towpath.contracts.incident.remediation import ActionState, KillSwitch, Verify
from towpath.control import reviews
from towpath.temporal.attributes import search_key

LONG = timedelta(hours=3)
Prepare = Callable[[FakeIncident], object]


@pytest_asyncio.fixture(loop_scope="session")
async def incidents(env: WorkflowEnvironment) -> AsyncIterator[Incidents]:
    async with serve_incidents(env, FakeIncident()) as serving:
        yield serving


async def test_approved_rollback_resolves_the_incident(incidents: Incidents) -> None:
    """Alerts, analysis, diagnosis, plan, an approved rollback that is verified, and the criteria hold: resolved."""
    handle = await incidents.start(skipping=False)
    await approve(handle)
    await incidents.env.fast_forward(handle, LONG)
    result = await handle.result()
    world = incidents.world

    assert result.outcome is IncidentOutcome.RESOLVED
    assert [(action.action, action.state) for action in result.actions] == [
        ("rollback-deployment", ActionState.VERIFIED)
    ]
    assert result.actions[0].decision is not None and result.actions[0].decision.reviewer == "sora"
    assert world.operations() == ["rollbackDeployment"]
    assert result.severity.level == 4 and result.analysis is not None and result.analysis.dropped == 1
    assert [task.tracker_id for task in result.follow_ups] == ["task-1", "task-1"]
    assert result.post_mortem is not None and result.degraded == {}
    assert world.names().index("page") < world.names().index("ask")
    assert {change.action for change in world.asked("change_page")} == {"resolve"}
    attributes = (await handle.describe()).typed_search_attributes
    assert (attributes.get(search_key(SEVERITY)), attributes.get(search_key(SUBJECT))) == (4, "checkout")


async def test_keys_name_the_incident_and_the_step(incidents: Incidents) -> None:
    """Two incidents of one group share no key, so neither page nor action of the second is taken for the first's."""
    handle = await incidents.start(skipping=False)
    await approve(handle)
    await incidents.env.fast_forward(handle, LONG)
    await handle.result()
    (call,) = [call for call in incidents.world.asked("call_service") if call.operation == "rollbackDeployment"]

    assert call.key == f"{handle.id}/{handle.first_execution_run_id}/action/1"
    assert incidents.world.asked("page")[0].key.startswith(f"{handle.id}/{handle.first_execution_run_id}/page/")


async def test_action_that_does_not_help_is_rolled_back_in_reverse(incidents: Incidents) -> None:
    """Verify fails: what was applied is undone, the latest first, but no suspected version comes back unasked; people
    are paged although somebody has it.
    """
    plan = PLAN.model_copy(update={"immediate": [*PLAN.immediate, DISABLE]})
    incidents.world.texts["plan-actions"] = [plan.model_dump_json()]
    incidents.world.catalogue = unverified(incidents.world.catalogue, "rollback-deployment")
    incidents.world.cures = {}
    handle = await incidents.start(skipping=False)
    await approve(handle)
    await task_of(handle, "action-2")
    again = Decision(verdict=Verdict.APPROVE, reviewer="sora", reason="later", task="action-1")
    with pytest.raises(WorkflowUpdateFailedError) as late:
        await reviews.decide(incidents.env.client, handle.id, again)
    assert "already decided: approve by sora at " in str(late.value.cause)
    await approve(handle, "action-2")
    await incidents.env.fast_forward(handle, timedelta(minutes=20))
    view = await view_of(handle, lambda view: any(action.state == "rolled-back" for action in view.actions[1:]))
    await told(handle, resolved())
    result = await handle.result()

    assert incidents.world.operations() == ["rollbackDeployment", "setFeature", "setFeature"]
    assert [action.state for action in view.actions] == [ActionState.APPLIED, ActionState.ROLLED_BACK]
    assert "a version that may be the cause" in view.actions[0].note
    assert result.outcome is IncidentOutcome.RESOLVED
    assert any(page.key.endswith("/page/action") for page in incidents.world.asked("page"))
    assert ("operations", "Incident handed over") in incidents.world.notices()


@pytest.mark.parametrize(("breaks", "state"), [(False, ActionState.VERIFIED), (True, ActionState.FAILED)])
async def test_what_holds_at_the_last_look_gets_the_rest_of_its_hold(
    incidents: Incidents, breaks: bool, state: ActionState
) -> None:
    """Nobody looked before the last moment, as when the worker was down: an action that works is not rolled back."""
    seldom = Verify(condition="metrics.error_rate < 0.02", every=timedelta(minutes=4), hold=timedelta(minutes=2))
    incidents.world.catalogue = verified_by(incidents.world.catalogue, "rollback-deployment", seldom)
    incidents.world.cures = {}
    handle = await incidents.start(skipping=False)
    await approve(handle)
    await view_of(handle, lambda view: bool(view.actions) and view.actions[0].state is ActionState.RUNNING)
    await incidents.env.fast_forward(handle, timedelta(minutes=4, seconds=30))
    incidents.world.metrics = dict(WELL)
    await incidents.env.fast_forward(handle, timedelta(minutes=1))
    incidents.world.metrics = dict(SICK) if breaks else dict(WELL)
    await incidents.env.fast_forward(handle, timedelta(minutes=5))
    view = await view_of(handle, lambda view: view.actions[0].ended_at is not None)
    incidents.world.metrics = dict(WELL)
    await told(handle, resolved())
    await incidents.env.fast_forward(handle, LONG)
    await handle.result()

    assert view.actions[0].state is state


async def test_failed_rollback_is_told(incidents: Incidents) -> None:
    """A rollback that fails for good is in the record, and in the page."""
    incidents.world.cures = {}
    incidents.world.catalogue = undone_by(incidents.world.catalogue, "disable-feature", "redeploy")
    incidents.world.texts["plan-actions"] = [PLAN.model_copy(update={"immediate": [DISABLE]}).model_dump_json()]
    incidents.world.fail("redeploy", refused())
    handle = await incidents.start(skipping=False)
    await approve(handle)
    await incidents.env.fast_forward(handle, timedelta(minutes=20))
    view = await view_of(handle, lambda view: any(action.state == "rollback-failed" for action in view.actions))
    await told(handle, resolved())
    await handle.result()

    assert "rolling back failed" in view.actions[0].note


async def test_overload_is_scaled_out_by_rules_alone(incidents: Incidents) -> None:
    """An action that the catalogue calls automatic runs without a person where its precondition holds."""
    incidents.world.metrics = dict(OVERLOADED)
    incidents.world.cures = {"scaleService": {**WELL, "request_rate": 160.0}}
    result, handle = await incidents.ended()

    assert result.outcome is IncidentOutcome.RESOLVED
    assert [(action.number, action.action, action.state) for action in result.actions] == [
        (0, "scale-out", ActionState.VERIFIED)
    ]
    assert "find_reviewers" not in incidents.world.names()
    assert (await step_of(handle, "auto-remediation")).state is StepState.COMPLETED


@pytest.mark.parametrize(
    ("model", "needed"), [("claude-sonnet-5-5", False), ("offline-stand-in", True), ("gpt-x", True)]
)
async def test_answers_of_other_models_are_never_automatic(incidents: Incidents, model: str, needed: bool) -> None:
    """An action that needs no approval needs one when the plan is not from a known model of Claude."""
    incidents.world.model = model
    incidents.world.texts["diagnose-incident"] = [diagnosis_of("capacity")]
    incidents.world.texts["plan-actions"] = [PLAN.model_copy(update={"immediate": [RESTART]}).model_dump_json()]
    incidents.world.cures = {"restartInstance": {**WELL, "memory_used": 0.4}}
    handle = await incidents.start(skipping=False)
    if needed:
        await approve(handle)
    await incidents.env.fast_forward(handle, LONG)
    result = await handle.result()

    assert [action.state for action in result.actions] == [ActionState.VERIFIED]
    assert (result.actions[0].decision is not None) is needed


async def test_resolved_by_itself_is_not_remediated(incidents: Incidents) -> None:
    """Alerts that are resolved before anything was done end the incident, and the page."""
    incidents.world.hold("ask")
    handle = await incidents.start(skipping=False)
    await incidents.world.house.entered["ask"].wait()
    await told(handle, resolved())
    incidents.world.release("ask")
    result = await handle.result()

    assert result.outcome is IncidentOutcome.FALSE_ALARM
    assert incidents.world.operations() == []
    assert [change.action for change in incidents.world.asked("change_page")] == ["resolve"]
    assert (await record_of(handle)).ended_at is not None


async def test_resolved_while_an_approval_is_open(incidents: Incidents) -> None:
    """The task is closed, nothing is applied, and a late approval is refused."""
    handle = await incidents.start(skipping=False)
    await task_of(handle)
    await told(handle, resolved())
    result = await handle.result()

    assert result.outcome is IncidentOutcome.FALSE_ALARM
    assert [action.state for action in result.actions] == [ActionState.NOT_NEEDED]
    assert incidents.world.operations() == []
    assert (await handle.describe()).typed_search_attributes.get(search_key(PENDING_ASSIGNEES)) is None


async def test_rejected_action_is_handed_over(incidents: Incidents) -> None:
    """A rejection stops the plan; people have the incident until its alerts are resolved."""
    handle = await incidents.start(skipping=False)
    await reject(handle)
    view = await view_of(handle, lambda view: bool(view.actions) and view.actions[0].state is ActionState.REFUSED)
    await record_of(handle, lambda record: record.status == "handed-over")
    await told(handle, resolved())
    result = await handle.result()

    assert "rejected by sora" in view.actions[0].note
    assert result.outcome is IncidentOutcome.RESOLVED and incidents.world.operations() == []


async def test_nobody_does_anything(incidents: Incidents) -> None:
    """Nobody acknowledges, approves or resolves: every level was called, and the incident ends handed over."""
    result, _ = await incidents.ended()
    calls = [page.level for page in incidents.world.asked("page") if page.key.rpartition("/")[2].isdigit()]

    assert result.outcome is IncidentOutcome.HANDED_OVER
    assert list(dict.fromkeys(calls)) == [1, 2, 3, 4]
    assert ("operations-leads", "Incident") in incidents.world.notices()
    assert incidents.world.asked("change_page") == []
    assert [action.state for action in result.actions] == [ActionState.REFUSED]


@pytest.mark.parametrize("name", ["fetch_logs", "fetch_metrics", "list_deployments", "find_similar", "find_runbooks"])
async def test_what_cannot_be_had_is_stated(incidents: Incidents, name: str) -> None:
    """One source that does not answer takes nothing away but what only it knows, and the result says so."""
    incidents.world.fail(name, *[refused() for _ in range(9)])
    handle = await incidents.start(skipping=False)
    await view_of(handle, lambda view: view.plan is not None)
    await told(handle, resolved())
    result = await handle.result()

    assert len(result.degraded) == 1 and result.diagnosis is not None and "page" in incidents.world.names()


async def test_without_claude_people_take_over(incidents: Incidents) -> None:
    """No analysis and no diagnosis: severity by the rules, no action, people are paged and told."""
    incidents.world.fail("ask", *[refused() for _ in range(9)])
    handle = await incidents.start(skipping=False)
    view = await view_of(handle, lambda view: view.plan is not None)
    await told(handle, resolved())
    result = await handle.result()

    assert result.severity.level == 4 and not result.severity.raised_by_claude
    assert result.actions == () and result.diagnosis is not None and result.diagnosis.insufficient_evidence
    assert set(result.degraded) == {"analysis", "diagnosis"}
    assert "lines like" in (view.analysis.summary if view.analysis else "")


async def test_without_the_pager_the_channel_is_told(incidents: Incidents) -> None:
    """A pager that refuses is in the record; the team's channel knows, and the next level is called all the same."""
    incidents.world.fail("page", *[refused() for _ in range(20)])
    result, _ = await incidents.ended(asked=request(hold_open=timedelta(hours=1)))

    assert "page/1" in result.degraded
    assert ("operations-leads", "Incident") in incidents.world.notices()


async def test_service_outside_of_the_inventory(incidents: Incidents) -> None:
    """A service that nobody entered is never put into a query, and nothing is done to it."""
    strange = alert(labels={"service": 'x"} or vector(1) or up{a="'})
    handle = await incidents.start(firing(strange), request(service=""), skipping=False)
    await view_of(handle, lambda view: view.plan is not None)
    await told(handle, resolved(strange))
    result = await handle.result()

    assert not {"fetch_logs", "fetch_metrics", "list_deployments", "read_metrics"} & set(incidents.world.names())
    assert set(result.degraded) == {"logs", "metrics"} and result.actions == ()


def switched_on(world: FakeIncident) -> None:
    world.switch = KillSwitch(on=True, by="ines", reason="drill")


def no_switch(world: FakeIncident) -> None:
    world.fail("read_switch", *[unavailable() for _ in range(3)])


def at_its_limit(world: FakeIncident) -> None:
    world.refusals["rollback-deployment"] = "ran 2 times in the last hour"


def no_limits(world: FakeIncident) -> None:
    world.fail("reserve_action", *[unavailable() for _ in range(3)])


def no_reviewers(world: FakeIncident) -> None:
    world.fail("find_reviewers", refused())


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        pytest.param(switched_on, "the kill switch is on, by ines: drill", id="kill-switch"),
        pytest.param(no_switch, "could not be read", id="no-kill-switch"),
        pytest.param(at_its_limit, "ran 2 times", id="limit"),
        pytest.param(no_limits, "its limit could not be looked up", id="no-limits"),
        pytest.param(no_reviewers, "nobody approved", id="no-reviewers"),
    ],
)
async def test_guards_refuse(incidents: Incidents, prepare: Prepare, why: str) -> None:
    """What is not allowed, or cannot be asked for, is not carried out; an approval does not change that."""
    prepare(incidents.world)
    handle = await incidents.start(skipping=False)
    if prepare in {switched_on, at_its_limit, no_limits}:
        await approve(handle)
    await incidents.env.fast_forward(handle, timedelta(minutes=2))
    view = await view_of(handle, lambda view: bool(view.actions) and view.actions[0].state is ActionState.REFUSED)
    await told(handle, resolved())
    await handle.result()

    assert why in view.actions[0].note
    assert incidents.world.operations() == []


async def test_precondition_that_no_longer_holds(incidents: Incidents) -> None:
    """An approved action whose reason is gone by then is not needed."""
    handle = await incidents.start(skipping=False)
    await task_of(handle)
    incidents.world.metrics = dict(WELL)
    await approve(handle)
    view = await view_of(handle, lambda view: bool(view.actions) and view.actions[0].state is ActionState.NOT_NEEDED)
    await told(handle, resolved())
    await handle.result()

    assert "error_rate" in view.actions[0].note and incidents.world.operations() == []


async def test_criteria_that_do_not_hold_are_handed_over(incidents: Incidents) -> None:
    """An action was verified, but the service does not stay well: paged again, and handed over."""
    handle = await incidents.start(skipping=False)
    await approve(handle)
    await incidents.env.fast_forward(handle, timedelta(minutes=2))
    await view_of(handle, lambda view: view.actions[0].state is ActionState.VERIFIED)
    incidents.world.metrics = dict(SICK)
    await incidents.env.fast_forward(handle, timedelta(hours=1))
    record = await record_of(handle, lambda record: record.status == "handed-over")
    await told(handle, resolved())
    result = await handle.result()

    (people,) = [step for step in record.steps if step.step == "people"]
    assert people.waiting[0].who == "operations"
    assert any(page.key.endswith("/page/watch") for page in incidents.world.asked("page"))
    assert result.outcome is IncidentOutcome.RESOLVED


async def test_failed_archive_pages_and_queues(incidents: Incidents) -> None:
    """A run that fails pages, tells operations, and lies in the queue with all that it knew."""
    incidents.world.fail("archive_incident", *[unavailable() for _ in range(3)])
    handle = await incidents.start(asked=request(hold_open=timedelta(hours=1)))
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    error = caught.value.cause
    assert isinstance(error, ApplicationError)
    letter, failure = (DeadLetter.model_validate(error.details[0]), IncidentFailure.model_validate(error.details[1]))

    assert (letter.queue, letter.step) == ("failed-incidents", "archive")
    assert (await handle.describe()).typed_search_attributes.get(search_key(DEAD_LETTER_QUEUE)) == "failed-incidents"
    assert failure.request.resume is not None and failure.request.resume.diagnosis is not None
    assert any(page.key.endswith("/page/failure") for page in incidents.world.asked("page"))
    assert ("ops-team", "Incident") in incidents.world.notices()


async def test_redriven_incident_is_archived(incidents: Incidents) -> None:
    """The request of the queue goes on where the run failed: nothing is asked or done again but the end."""
    incidents.world.fail("archive_incident", *[unavailable() for _ in range(3)])
    handle = await incidents.start(asked=request(hold_open=timedelta(hours=1)))
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    failure = IncidentFailure.model_validate(caught.value.cause.details[1])
    asked = len(incidents.world.asked("ask"))
    again, _ = await incidents.ended(firing(), failure.request)

    assert again.post_mortem is not None and len(incidents.world.asked("ask")) == asked
    assert len({archived.key for archived in incidents.world.asked("archive_incident")}) == 2


async def test_cancelled_while_an_action_is_judged(incidents: Incidents) -> None:
    """It was applied and stays, nothing follows, and people are told so."""
    incidents.world.cures = {}
    handle = await incidents.start(skipping=False)
    await approve(handle)
    await view_of(handle, lambda view: bool(view.actions) and view.actions[0].state is ActionState.RUNNING)
    await incidents.env.fast_forward(handle, timedelta(seconds=30))
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    view = await view_of(handle)

    assert isinstance(caught.value.cause, CancelledError)
    assert view.actions[0].state is ActionState.APPLIED and "cancelled" in view.actions[0].note
    assert len({call.key for call in incidents.world.asked("call_service")}) == 1
    assert ("operations", "Incident") in incidents.world.notices()
    assert (await handle.describe()).typed_search_attributes.get(search_key(STATUS)) == "cancelled"


async def test_insufficient_evidence_is_a_proper_answer(incidents: Incidents) -> None:
    """A diagnosis whose evidence does not exist is none: no action is offered, people have it."""
    (first,) = DIAGNOSIS.hypotheses
    nowhere = [evidence.model_copy(update={"reference": "999"}) for evidence in first.evidence]
    made_up = DIAGNOSIS.model_copy(update={"hypotheses": [first.model_copy(update={"evidence": nowhere})]})
    incidents.world.texts["diagnose-incident"] = [made_up.model_dump_json()]
    handle = await incidents.start(skipping=False)
    view = await view_of(handle, lambda view: view.plan is not None)
    await told(handle, resolved())
    result = await handle.result()

    assert view.diagnosis is not None and view.diagnosis.insufficient_evidence
    assert result.actions == () and [given.prompt for given in incidents.world.asked("ask")][-1] == "diagnose-incident"
