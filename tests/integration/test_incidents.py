"""Incidents from a real alert to their end: a fault in the shop, people, killed workers, a storm."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.commands import starter, starter_json
from tests.integration.conftest import House, open_house
from tests.integration.incidents import (
    TOKEN,
    applied_actions,
    approve,
    break_shop,
    deliver,
    environment,
    incident,
    open_task,
    receiving,
    resolved_body,
    shop,
    storm,
    tell,
    until_view,
)
from tests.waiting import until
from towpath.contracts.core.process import STATUS
from towpath.contracts.incident.incident import IncidentOutcome, IncidentView
from towpath.contracts.incident.process import INCIDENT, group_name
from towpath.contracts.incident.remediation import ActionState
from towpath.local.monitoring import monitoring
from towpath.temporal.attributes import search_key


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def staffed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A stack with a worker that serves incidents, shared by the module."""
    folder = tmp_path_factory.mktemp("incidents")
    async with open_house(folder) as opened, opened.worker(env=environment(opened), log=folder / "worker.log"):
        yield opened


async def test_fault_fires_an_alert_and_is_resolved(bare_house: House) -> None:
    """A bad deployment, a real alert, the receiver, a page, the diagnosis, an approved rollback, and it is over."""
    house = bare_house
    async with (
        receiving(house) as url,
        monitoring(house.standins, url, TOKEN, house.folder) as watching,
        house.worker(env=environment(house, TOWPATH_PROMETHEUS_URL=watching.prometheus_url)),
    ):
        await break_shop(house, "checkout", "bad-deployment")
        workflow_id = await until(lambda: running(house, "checkout"), bool)
        await approve(house, workflow_id)
        result = await incident(house, workflow_id).result()

    assert result.outcome is IncidentOutcome.RESOLVED
    assert [(one.action, one.state) for one in result.actions] == [("rollback-deployment", ActionState.VERIFIED)]
    assert result.diagnosis is not None and result.diagnosis.hypotheses[0].category == "deployment"
    assert result.degraded == {}
    effects = await house.effects()
    assert effects["applied_twice"] == [] and (await shop(house, "checkout"))["open_faults"] == []


async def running(house: House, service: str) -> str:
    query = f"ProcessName = '{INCIDENT.name}' AND ProcessSubject = '{service}' AND ExecutionStatus = 'Running'"
    async for run in house.client.list_workflows(query):
        return run.id
    return ""


@pytest.mark.parametrize("after_effect", [False, True], ids=["before-the-effect", "after-the-effect"])
async def test_worker_killed_in_the_middle_of_an_action(bare_house: House, after_effect: bool) -> None:
    """kill -9 while the rollback is on its way: the next worker finishes it, and it took effect once."""
    house = bare_house
    async with house.worker(env=environment(house)) as worker:
        await break_shop(house, "checkout", "bad-deployment")
        fault = await house.fault(
            service="platform", operation="rollbackDeployment", hold=True, after_effect=after_effect, times=1
        )
        handle = await tell(house, "checkout")
        await approve(house, handle.id)
        await until(lambda: house.hits(fault), lambda hits: hits == 1)
        await worker.kill()
    await house.lift()
    async with house.worker(env=environment(house)):
        await until_view(handle, lambda view: bool(view.actions) and view.actions[0].state is ActionState.VERIFIED)
        await tell(house, "checkout", resolved=True)
        result = await handle.result()

    assert result.outcome is IncidentOutcome.RESOLVED
    assert len(await applied_actions(house)) == 1
    assert (await shop(house, "checkout"))["changes"].count("rollbackDeployment") == 1


@pytest.mark.parametrize("place", [("loki", "query_range"), ("claude", "DiagnosisAnswer"), ("pagerduty", "enqueue")])
async def test_worker_killed_anywhere_else(bare_house: House, place: tuple[str, str]) -> None:
    """kill -9 while logs, a diagnosis or a page are on their way: the incident goes on with another worker."""
    house, (service, operation) = bare_house, place
    async with house.worker(env=environment(house)) as worker:
        await break_shop(house, "checkout", "bad-deployment")
        fault = await house.fault(service=service, operation=operation, hold=True, times=1)
        handle = await tell(house, "checkout")
        await until(lambda: house.hits(fault), lambda hits: hits >= 1)
        await worker.kill()
    await house.lift()
    async with house.worker(env=environment(house)):
        await open_task(house, handle.id)
        await tell(house, "checkout", resolved=True)
        result = await handle.result()

    assert result.outcome is IncidentOutcome.FALSE_ALARM
    assert (await house.effects())["applied_twice"] == []


def all_received(view: IncidentView) -> bool:
    return view.group.received == 50 and view.plan is not None


async def test_storm_of_a_thousand_alerts(staffed: House) -> None:
    """A thousand alerts in twenty groups through the receiver: twenty incidents, none lost, and all come to an end."""
    bodies = storm(groups=20, each=50)
    async with receiving(staffed) as url:
        runs = await deliver(url, bodies)
        handles = [incident(staffed, run) for run in runs]
        views = await asyncio.gather(*(until_view(handle, all_received) for handle in handles))
        await deliver(url, [resolved_body(body) for body in bodies])
        results = await asyncio.gather(*(handle.result() for handle in handles))

    assert len(runs) == 20 and sum(view.group.received for view in views) == 1_000
    assert all(result.group.resolved == 50 for result in results)


async def test_people_work_by_the_command_line(staffed: House) -> None:
    """List, show, acknowledge, reject, and the post-mortem of what has ended."""
    house = staffed
    group = group_name('{}:{service="catalog"}')
    await break_shop(house, "catalog", "bad-deployment")
    handle = await tell(house, "catalog")
    task = await open_task(house, handle.id)
    listed = await starter_json(house, "incident", "list", "--service", "catalog")
    taken = await starter_json(house, "incident", "acknowledge", handle.id, "--as", "sora", "--note", "looking")
    code, _, problems = await starter(house, "incident", "approve", handle.id, "--as", "mallory")
    rejected = await starter_json(
        house, "incident", "reject", handle.id, "--as", "sora", "--reason", "we fix forward", "--task", task.task
    )
    shown = await starter_json(house, "incident", "show", handle.id)
    await tell(house, "catalog", resolved=True)
    await handle.result()
    _, text, _ = await starter(house, "incident", "show", handle.id, "--post-mortem")

    assert [one["workflow_id"] for one in listed] == [handle.id] and listed[0]["level"] == 4
    assert taken["by"] == "sora" and rejected["verdict"] == "reject"
    assert code == 1 and "review.unknown_reviewer" in problems
    assert shown["paging"]["acknowledged"]["note"] == "looking"
    assert text.startswith("# Post-mortem") and "rejected by sora: we fix forward" in text
    assert (await handle.describe()).typed_search_attributes.get(search_key(STATUS)) == "resolved"
    assert handle.id == f"{INCIDENT.name}/{group}"


async def test_kill_switch_by_the_command_line(staffed: House) -> None:
    """While the switch is on, an approved action is refused; afterwards the record says who moved it."""
    house = staffed
    await break_shop(house, "search", "bad-deployment")
    moved = await starter_json(house, "incident", "switch", "on", "--as", "ines", "--reason", "freeze")
    handle = await tell(house, "search")
    await approve(house, handle.id)
    view = await until_view(handle, lambda view: bool(view.actions) and view.actions[0].state is ActionState.REFUSED)
    shown = await starter_json(house, "incident", "switch", "show")
    await starter_json(house, "incident", "switch", "off", "--as", "ines", "--reason", "over")
    await tell(house, "search", resolved=True)
    await handle.result()

    assert moved["on"] is True and shown["switch"]["by"] == "ines"
    assert "kill switch" in view.actions[0].note and "freeze" in view.actions[0].note
    assert (await shop(house, "search"))["open_faults"] == ["bad-deployment"]
