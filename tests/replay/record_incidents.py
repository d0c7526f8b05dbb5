"""Records histories of incident-response against a fake world: `python -m tests.replay.record_incidents`.

A file that exists is kept.
"""

import json
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client, WorkflowFailureError, WorkflowHistory
from temporalio.testing import WorkflowEnvironment

from tests.fakes.house import refused, unavailable
from tests.fakes.incident import BEGAN, OVERLOADED, SICK, WELL, FakeIncident, alert, firing, request, resolved
from tests.timeskip.conftest import time_skipping
from tests.timeskip.incident import Handle, Incidents, approve, serve_incidents, task_of, told, view_of
from towpath.cli.history import without_hosts
from towpath.contracts.core.run import Discard
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.incident.incident import Acknowledge, IncidentRequest
from towpath.contracts.incident.remediation import REMEDIATION_CONTROL, ReserveAction, SetSwitch
from towpath.control.remediation import RemediationControl
from towpath.control.temporal import run_to_end
from workflows.incident.workflow import IncidentResponseWorkflow

FOLDER = Path(__file__).with_name("histories")
Recorded = AsyncGenerator[tuple[str, Handle]]


async def approved(incidents: Incidents) -> Recorded:
    """Acknowledged, a rollback approved and verified, the success criteria hold."""
    handle = await incidents.start(skipping=False)
    await task_of(handle)
    await handle.execute_update(IncidentResponseWorkflow.acknowledge, Acknowledge(by="sora"))
    await approve(handle)
    await incidents.env.fast_forward(handle, timedelta(hours=3))
    yield "approved", handle


async def rolled_back(incidents: Incidents) -> Recorded:
    """An action that does not help is rolled back; people mend it, and the alerts are resolved."""
    incidents.world.cures = {}
    handle = await incidents.start(skipping=False)
    await approve(handle)
    await incidents.env.fast_forward(handle, timedelta(minutes=20))
    await view_of(handle, lambda view: any(action.state == "rolled-back" for action in view.actions))
    await told(handle, resolved())
    yield "rolled-back", handle


async def automatic(incidents: Incidents) -> Recorded:
    """Overload: scaled out by the rules alone."""
    incidents.world.metrics = dict(OVERLOADED)
    incidents.world.cures = {"scaleService": {**WELL, "request_rate": 160}}
    yield "automatic", await incidents.start()


async def proved(incidents: Incidents) -> Recorded:
    """After alerts by their moment and proofs: an automatic action that has not earned it is left to people, who
    approve one that does not help, whose version does not come back; what was left out keeps the incident open.
    """
    world = incidents.world
    world.metrics, world.uses = dict(OVERLOADED), {}
    world.cures = {"rollbackDeployment": {}}
    handle = await incidents.start(skipping=False)
    await approve(handle)
    await incidents.env.fast_forward(handle, timedelta(minutes=30))
    await view_of(handle, lambda view: bool(view.actions) and view.actions[0].ended_at is not None)
    left_out = resolved().model_copy(update={"truncated": 2})
    await told(handle, left_out)
    await view_of(handle, lambda view: view.group.truncated == 2)
    await told(handle, resolved())
    yield "proved", handle


async def by_itself(incidents: Incidents) -> Recorded:
    """Resolved before anything was done."""
    incidents.world.hold("ask")
    handle = await incidents.start(skipping=False)
    await incidents.world.house.entered["ask"].wait()
    await told(handle, resolved())
    incidents.world.release("ask")
    yield "by-itself", handle


async def nobody(incidents: Incidents) -> Recorded:
    """Nobody acknowledges, nobody approves, nothing is resolved: every level is called, and it ends handed over."""
    yield "nobody", await incidents.start()


async def without(incidents: Incidents) -> Recorded:
    """Logs, metrics, Claude, the pager and deployments cannot be had."""
    for name in ("fetch_logs", "fetch_metrics", "ask", "page", "list_deployments"):
        incidents.world.fail(name, *[refused() for _ in range(8)])
    yield "without", await incidents.start(asked=request(hold_open=timedelta(hours=1)))


async def cancelled(incidents: Incidents) -> Recorded:
    """Cancelled while an approval is open."""
    handle = await incidents.start(skipping=False)
    await task_of(handle)
    await handle.cancel()
    yield "cancelled", handle


async def failed(incidents: Incidents) -> Recorded:
    """The archive cannot be written: paged, told, queued."""
    incidents.world.fail("archive_incident", *[unavailable() for _ in range(3)])
    incidents.world.metrics = dict(SICK)
    yield "failed", await incidents.start(asked=request(hold_open=timedelta(hours=1)))


async def carried(incidents: Incidents) -> Recorded:
    """Begun with alerts that came while the incident before was closing."""
    asked: IncidentRequest = request(carried=(firing(), resolved()))
    yield "carried", await incidents.start(resolved(), asked)


async def late(incidents: Incidents) -> Recorded:
    """An alert fires while the archive is written: the first run, and the next incident that it begins."""
    again = alert(starts_at=BEGAN + timedelta(hours=1))
    incidents.world.fail("archive_incident", unavailable())
    handle = await incidents.start(skipping=False)
    await view_of(handle, lambda view: bool(view.paging.pages))
    await told(handle, resolved())
    await view_of(handle, lambda view: any("ended" in entry.what for entry in view.timeline))
    await told(handle, firing(again))
    await view_of(handle, lambda view: view.group.received == 1 and bool(view.paging.pages))
    await told(handle, resolved(again))
    await handle.result()
    yield "late-first", incidents.run(handle, handle.first_execution_run_id)
    yield "late-next", incidents.run(handle)


async def discarded(incidents: Incidents) -> Recorded:
    """Taken out of its queue."""
    asked = request(discard=Discard(by="sora", reason="handled by hand"))
    yield "discarded", await incidents.start(asked=asked)


async def continued(incidents: Incidents) -> Recorded:
    """A long history goes on in a new one while the success criteria are watched: the first and the last of them."""
    handle = await incidents.start(skipping=False)
    await task_of(handle)
    await handle.execute_update(IncidentResponseWorkflow.acknowledge, Acknowledge(by="sora"))
    await approve(handle)
    for _ in range(4):
        await incidents.env.fast_forward(handle, timedelta(minutes=3))
    await view_of(handle, lambda view: bool(view.actions) and view.actions[0].state == "verified")
    await told(handle, resolved())
    await handle.result()
    yield "continued-first", incidents.run(handle, handle.first_execution_run_id)
    yield "continued-last", incidents.run(handle)


SCENARIOS: Sequence[Callable[[Incidents], Recorded]] = (
    *(
        approved,
        rolled_back,
        automatic,
        proved,
        by_itself,
        nobody,
        without,
        cancelled,
        failed,
        carried,
        late,
        discarded,
    ),
)


async def main(version: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with time_skipping(Path(folder)) as env:
            for scenario in SCENARIOS:
                await record(env, scenario, version)
            async with serve_incidents(env, FakeIncident()):
                write(f"remediation-control-{version}", await control(env.client))
    with tempfile.TemporaryDirectory() as folder:
        async with time_skipping(Path(folder), "limit.historyCount.suggestContinueAsNew=60") as env:
            await record(env, continued, version)


async def record(env: WorkflowEnvironment, scenario: Callable[[Incidents], Recorded], version: str) -> None:
    async with serve_incidents(env, FakeIncident()) as incidents:
        async for name, handle in scenario(incidents):
            with suppress(WorkflowFailureError):
                await handle.result()
            write(f"incident-{name}-{version}", await handle.fetch_history())


async def control(client: Client) -> WorkflowHistory:
    """The record that guards remediation: reserved, refused at its limit, switched on and off."""
    record = RemediationControl(client)
    for number in range(2):
        await record.reserve(ReserveAction(action="recorded", max_per_hour=1, key=EffectKey(f"recorded/{number}")))
    for on in (True, False):
        await record.move(SetSwitch(by="sora", reason="recorded"), on=on)
    return await client.get_workflow_handle(REMEDIATION_CONTROL).fetch_history()


def write(name: str, history: WorkflowHistory) -> None:
    file = FOLDER / f"{name}.json"
    if not file.exists():
        written = {"workflow_id": history.workflow_id, "history": without_hosts(history.to_json_dict())}
        file.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(f"{file.name}: {len(history.events)} events\n")


if __name__ == "__main__":
    run_to_end(main(*(sys.argv[1:] or ["v1"])))
