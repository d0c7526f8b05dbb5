"""Actions and pages whose answers are lost: they are undone, closed or told, and what certainly failed is not."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from tests.fakes.house import refused
from tests.fakes.incident import BEGAN, DISABLE, PLAN, FakeIncident, alert, firing, request, resolved
from tests.timeskip.incident import Incidents, approve, serve_incidents, told, view_of
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.incident.remediation import ActionState

LOST = HouseError(FailureCode.SERVICE_BAD_RESPONSE, "no JSON", final=True)
NEVER_SENT = HouseError(FailureCode.SERVICE_CONNECTION, "refused", final=True, sent=False)


@pytest_asyncio.fixture(loop_scope="session")
async def incidents(env: WorkflowEnvironment) -> AsyncIterator[Incidents]:
    async with serve_incidents(env, FakeIncident()) as serving:
        yield serving


@pytest.mark.parametrize(
    ("error", "state", "asked"),
    [
        (LOST, ActionState.ROLLED_BACK, ["setFeature", "setFeature"]),
        (NEVER_SENT, ActionState.FAILED, ["setFeature"]),
        (refused(), ActionState.FAILED, ["setFeature"]),
    ],
    ids=["lost", "never sent", "refused"],
)
async def test_action_in_doubt_is_rolled_back(
    incidents: Incidents, error: HouseError, state: ActionState, asked: list[str]
) -> None:
    """An action whose answer is lost is rolled back; one that was refused, or never left, is not."""
    incidents.world.texts["plan-actions"] = [PLAN.model_copy(update={"immediate": [DISABLE]}).model_dump_json()]
    incidents.world.fail("setFeature", error)
    handle = await incidents.start(skipping=False)
    await approve(handle)
    view = await view_of(handle, lambda view: any(action.state is state for action in view.actions))
    await told(handle, resolved())
    await handle.result()
    assert incidents.world.operations() == asked and view.actions[0].failure is not None
    assert view.actions[0].failure.unknown is (error is LOST)


async def test_action_in_doubt_of_a_cancelled_run_is_told(incidents: Incidents) -> None:
    """Cancelled while an action is carried out: its answer is not waited for, and people are told that it may be in
    effect.
    """
    incidents.world.hold("call_service")
    handle = await incidents.start(skipping=False)
    await approve(handle)
    await incidents.world.house.entered["call_service"].wait()
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    (action,) = (await view_of(handle)).actions
    assert (action.state, action.note) == (
        ActionState.ROLLBACK_FAILED,
        "nobody knows whether it took effect; not rolled back: the run was cancelled",
    )
    assert ("operations", "Incident") in incidents.world.notices()


@pytest.mark.parametrize(("error", "closed"), [(LOST, True), (refused(), False)], ids=["lost", "refused"])
async def test_page_in_doubt_is_closed(incidents: Incidents, error: HouseError, closed: bool) -> None:
    """A page that may have been sent is resolved at the pager with the incident; one that was refused is not there."""
    incidents.world.fail("page", error)
    handle = await incidents.start(asked=request(hold_open=timedelta(hours=1)), skipping=False)
    view = await view_of(handle, lambda view: "page/1" in view.degraded)
    await told(handle, resolved())
    result = await handle.result()
    first = incidents.world.asked("page")[0].key
    changed = {change.key for change in incidents.world.asked("change_page") if change.action == "resolve"}
    assert (
        (first in changed) is closed and "page/1" in result.degraded and view.degraded["page/1"].startswith("level 1")
    )


async def test_late_critical_of_many_pages(incidents: Incidents) -> None:
    """The sixtieth alert of a first delivery is the critical one: people are paged at level 4."""
    mild = [alert(f"A{number}", labels={"severity": "warning"}) for number in range(59)]
    batch = firing(*mild, alert("last", labels={"severity": "P0"}))
    handle = await incidents.start(batch, skipping=False)
    view = await view_of(handle, lambda view: bool(view.paging.pages))
    await told(handle, resolved(*batch.alerts))
    await handle.result()

    assert view.severity is not None and view.severity.level == 4
    assert "last" in {one.fingerprint for one in view.group.alerts}


async def test_rest_that_was_left_out_keeps_it_open(incidents: Incidents) -> None:
    """All that is known has ended, but more was left out: it stays open until a delivery leaves out nothing."""
    handle = await incidents.start(firing().model_copy(update={"at": BEGAN}), skipping=False)
    await view_of(handle, lambda view: bool(view.paging.pages))
    await told(handle, resolved().model_copy(update={"truncated": 3, "at": BEGAN + timedelta(minutes=5)}))
    view = await view_of(handle, lambda view: view.group.resolved == 1)
    assert (view.group.firing, view.group.truncated) == (0, 3)
    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    await told(handle, resolved().model_copy(update={"at": BEGAN + timedelta(minutes=9)}))

    assert (await handle.result()).group.truncated == 0
