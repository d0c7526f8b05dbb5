"""Acting needs proof: what nobody can tell is not undone, and nobody is asked for what is forbidden."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio import activity
from temporalio.testing import WorkflowEnvironment

from tests.fakes.incident import OVERLOADED, SICK, WELL, FakeIncident, request, resolved
from tests.timeskip.incident import Incidents, approve, record_of, serve_incidents, task_of, told, view_of
from towpath.contracts.incident.remediation import ActionState, ActionUses, MetricValues, ReadMetrics

LONG = timedelta(hours=1)


class UnsteadyIncident(FakeIncident):
    """After the rollback each fifth look has no data (`gap`), or each third look is bad (`flap`)."""

    mode = "gap"
    looks = 0

    @activity.defn(name="read_metrics")
    async def read_metrics(self, given: ReadMetrics) -> MetricValues:
        await self.enter("read_metrics", given)
        if "rollbackDeployment" not in self.operations():
            return MetricValues(values=dict(self.metrics))
        self.looks += 1
        if self.mode == "gap" and self.looks % 5 == 0:
            return MetricValues(values={})
        return MetricValues(values=dict(SICK if self.mode == "flap" and self.looks % 3 == 0 else WELL))


@pytest_asyncio.fixture(loop_scope="session")
async def incidents(env: WorkflowEnvironment) -> AsyncIterator[Incidents]:
    async with serve_incidents(env, FakeIncident()) as serving:
        yield serving


@pytest.mark.parametrize(
    ("mode", "state", "note"),
    [
        ("gap", ActionState.VERIFIED, "error_rate 0.001"),
        ("flap", ActionState.APPLIED, "nobody can tell whether it helped"),
    ],
)
async def test_gaps_and_single_bad_looks_are_no_failure(
    env: WorkflowEnvironment, mode: str, state: ActionState, note: str
) -> None:
    """An action is not rolled back for want of data, nor for one look among good ones; people are told of the rest."""
    world = UnsteadyIncident()
    world.mode = mode
    async with serve_incidents(env, world) as incidents:
        handle = await incidents.start(skipping=False)
        await approve(handle)
        await env.fast_forward(handle, timedelta(minutes=20))
        view = await view_of(handle, lambda view: view.actions[0].ended_at is not None)
        await told(handle, resolved())
        await handle.result()

    assert view.actions[0].state is state and note in view.actions[0].note
    assert world.operations() == ["rollbackDeployment"]
    settled = world.asked("settle_action")
    assert [one.verified for one in settled] == [state is ActionState.VERIFIED]


@pytest.mark.parametrize(
    ("uses", "busy", "why"),
    [
        ({"rollback-deployment": ActionUses(last_hour=2)}, {}, "its limit is 2"),
        ({}, {"checkout": "incident-response/other"}, "incident-response/other is acting on checkout"),
    ],
    ids=["limit", "busy"],
)
async def test_nobody_is_asked_for_what_is_forbidden(
    incidents: Incidents, uses: dict[str, ActionUses], busy: dict[str, str], why: str
) -> None:
    """Beyond its limit, or while another incident acts on the service, no approval is opened: people are told why."""
    incidents.world.uses, incidents.world.busy = uses, busy
    handle = await incidents.start(skipping=False)
    await record_of(handle, lambda record: record.status == "handed-over")
    view = await view_of(handle)
    await told(handle, resolved())
    await handle.result()

    assert [action.state for action in view.actions] == [ActionState.REFUSED] and why in view.actions[0].note
    assert "Approval wanted" not in {title for _, title in incidents.world.notices()}
    assert incidents.world.operations() == []


async def test_automatic_action_that_has_not_earned_it_is_left_to_people(incidents: Incidents) -> None:
    """Metrics speak for it, but it was verified 18 times of 20: nothing is done without a person."""
    incidents.world.metrics = dict(OVERLOADED)
    incidents.world.uses = {"scale-out": ActionUses(judged=20, verified=18)}
    handle = await incidents.start(asked=request(hold_open=LONG), skipping=False)
    await task_of(handle)
    view = await view_of(handle)
    await told(handle, resolved())
    await handle.result()

    assert incidents.world.operations() == []
    assert any("left to people" in entry.what and "18 of 20" in entry.what for entry in view.timeline)


async def test_a_reservation_names_its_target(incidents: Incidents) -> None:
    """What is reserved is held for the service and this incident, and settled at its end."""
    handle = await incidents.start(skipping=False)
    await approve(handle)
    await incidents.env.fast_forward(handle, timedelta(minutes=10))
    await view_of(handle, lambda view: view.actions[0].ended_at is not None)
    await told(handle, resolved())
    await handle.result()
    (reserved,), (settled,) = incidents.world.asked("reserve_action"), incidents.world.asked("settle_action")

    assert (reserved.target, reserved.incident) == ("checkout", handle.id)
    assert (settled.key, settled.verified) == (reserved.key, True)
