"""Two incidents of one service, a real server and platform: an action is done once, and the second incident is told."""

from typing import Any
from uuid import uuid4

from tests.integration.commands import starter
from tests.integration.conftest import House
from tests.integration.incidents import (
    BEGAN,
    Handle,
    applied_actions,
    approve,
    break_shop,
    environment,
    incident,
    open_task,
    shop,
    until_view,
)
from tests.waiting import until
from towpath.config.incident_files import inventory_services
from towpath.contracts.incident.alerts import AlertmanagerWebhook
from towpath.contracts.incident.incident import IncidentView
from towpath.contracts.incident.remediation import ActionState
from towpath.control.intake import AlertIntake
from towpath.local.monitoring import webhook_body
from towpath.local.stack import ROOT

ACTING = "is acting on checkout: one action at a time"


async def begin(house: House, group: str, *, resolved: bool = False) -> Handle:
    """The incident of an alert group about checkout."""
    body = webhook_body("checkout", BEGAN, resolved=resolved)
    body["groupKey"] = group
    services = inventory_services(ROOT / "definitions")
    taken = await AlertIntake(house.client, services).take(AlertmanagerWebhook.model_validate(body))
    return incident(house, taken.workflow_id)


async def notices(house: House, workflow_id: str) -> list[str]:
    """What operations was told in Slack about an incident."""
    messages: list[Any] = (await house.http.get("/_standins/messages")).json()["slack"]
    return [text for text in map(str, messages) if workflow_id in text]


def is_refused(view: IncidentView) -> bool:
    return bool(view.actions) and view.actions[0].state is ActionState.REFUSED


async def is_told(house: House, handle: Handle, acting: Handle) -> None:
    """By its record, by the command line, and in Slack."""
    view = await until_view(handle, is_refused)
    code, shown, problems = await starter(house, "incident", "show", handle.id)

    assert ACTING in view.actions[0].note and acting.id in view.actions[0].note
    assert (code, problems) == (0, "") and ACTING in " ".join(shown.split())
    await until(lambda: notices(house, handle.id), lambda told: any(ACTING in text for text in told))


async def one_acts(house: House, groups: tuple[str, str]) -> tuple[Handle, Handle]:
    """Two incidents of one service; the first is approved, and the platform holds what it does."""
    await break_shop(house, "checkout", "bad-deployment")
    first, second = [await begin(house, group) for group in groups]
    await open_task(house, second.id)
    fault = await house.fault(service="platform", operation="rollbackDeployment", hold=True)
    await approve(house, first.id)
    await until(lambda: house.hits(fault), lambda hits: hits == 1)
    return first, second


async def test_two_incidents_approved_together(bare_house: House) -> None:
    """Both have an approved rollback of one deployment, and the platform holds the first: the second is refused."""
    house, groups = bare_house, (uuid4().hex, uuid4().hex)
    async with house.worker(env=environment(house)):
        first, second = await one_acts(house, groups)
        await approve(house, second.id)
        await is_told(house, second, first)
        await house.lift()
        await until_view(first, lambda view: view.actions[0].state is ActionState.VERIFIED)

    assert len(await applied_actions(house)) == 1
    assert (await shop(house, "checkout"))["changes"] == ["rollbackDeployment"]


async def test_worker_killed_between_the_two(bare_house: House) -> None:
    """kill -9 while the first acts: the next worker still knows whose the target is, and the action is done once."""
    house, groups = bare_house, (uuid4().hex, uuid4().hex)
    async with house.worker(env=environment(house)) as worker:
        first, second = await one_acts(house, groups)
        await worker.kill()
    async with house.worker(env=environment(house)):
        await approve(house, second.id)
        await is_told(house, second, first)
        await house.lift()
        await until_view(first, lambda view: view.actions[0].state is ActionState.VERIFIED)
        results = [(await begin(house, group, resolved=True)).result() for group in groups]
        ended = [await result for result in results]

    assert [result.actions[0].state for result in ended] == [ActionState.VERIFIED, ActionState.REFUSED]
    assert len(await applied_actions(house)) == 1
    assert (await shop(house, "checkout"))["changes"] == ["rollbackDeployment"]
