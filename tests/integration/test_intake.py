"""Alerts from Alertmanager's webhook to the runs of their groups: nothing lost, one open run a group."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from tests.integration.conftest import watched_client
from tests.replaying import watched
from towpath.contracts.core.process import SUBJECT
from towpath.contracts.incident.alerts import AlertBatch, AlertmanagerWebhook
from towpath.contracts.incident.process import INCIDENT
from towpath.control.intake import AlertIntake, Taken
from towpath.control.placing import of_run
from towpath.control.receiver import PATH, Receiver
from towpath.local.monitoring import webhook_body
from towpath.local.server import temporal_server
from towpath.policy.incident.deliveries import BATCH
from towpath.temporal.attributes import search_key

BEGAN = "2026-11-25T12:00:00Z"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A server without any worker: what it holds is what was sent."""
    async with temporal_server() as server:
        client, watch = await watched_client(server, tmp_path_factory.mktemp("intake"))
        async with watched(watch):
            yield client


def delivery(group: str, count: int, *, resolved: bool = False, prefix: str = "a") -> AlertmanagerWebhook:
    body = webhook_body(group, BEGAN, resolved=resolved)
    (alert,) = body["alerts"]
    body["alerts"] = [{**alert, "fingerprint": f"{prefix}-{number}"} for number in range(count)]
    return AlertmanagerWebhook.model_validate(body)


async def received(client: Client, workflow_id: str) -> list[str]:
    """Fingerprints of all alerts that the history of a run holds."""
    found: list[str] = []
    async for event in client.get_workflow_handle(workflow_id).fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            payloads = event.workflow_execution_signaled_event_attributes.input.payloads
            (batch,) = await of_run(client, workflow_id).decode(list(payloads), [AlertBatch])
            found += [alert.fingerprint for alert in batch.alerts]
    return found


async def test_storm_makes_one_run_a_group_and_loses_nothing(client: Client) -> None:
    """A thousand alerts in twenty groups, all at once, are twenty runs that hold every alert once."""
    storm, intake = uuid4().hex[:6], AlertIntake(client)
    deliveries = [delivery(f"{storm}-{n % 20}", 5, prefix=f"d{n}") for n in range(200)]

    taken = await asyncio.gather(*(intake.take(webhook) for webhook in deliveries))

    runs = {one.workflow_id for one in taken}
    assert len(runs) == 20
    alerts = [fingerprint for run in runs for fingerprint in await received(client, run)]
    assert len(alerts) == len(set(alerts)) == 1_000


async def test_large_delivery_is_sent_in_parts(client: Client) -> None:
    """More alerts than a signal takes are sent in several."""
    webhook = delivery(uuid4().hex, 2 * BATCH + 1)

    taken = await AlertIntake(client).take(webhook)

    assert await received(client, taken.workflow_id) == [alert.fingerprint for alert in webhook.alerts]


async def test_fat_delivery_is_taken(client: Client) -> None:
    """200 alerts with seven annotations of 1,900 characters are more than Temporal takes at once: parted by bytes."""
    body = webhook_body(uuid4().hex, BEGAN, resolved=False)
    annotations = {f"a{number}": "y" * 1900 for number in range(7)}
    body["alerts"] = [body["alerts"][0] | {"annotations": annotations, "fingerprint": f"f{n}"} for n in range(200)]
    async with door(AlertIntake(client)) as http:
        answer = await http.post(PATH, json=body)

    assert answer.status_code == 200
    assert len(await received(client, answer.json()["workflow_id"])) == 200


async def test_mixed_services_have_an_incident_each(client: Client) -> None:
    """Two services in one group are two runs, each found by its service; the end of one goes to its own."""
    body: dict[str, Any] = {**webhook_body("checkout", BEGAN, resolved=False), "groupLabels": {}}
    body["groupKey"] = uuid4().hex
    alert: dict[str, Any] = body["alerts"][0]
    other: dict[str, Any] = alert | {"labels": alert["labels"] | {"service": "search"}, "fingerprint": "other"}
    intake = AlertIntake(client, frozenset({"checkout", "search"}))
    taken = await intake.take(AlertmanagerWebhook.model_validate(body | {"alerts": [alert, other]}))
    over = [other | {"status": "resolved", "endsAt": "2026-11-25T12:30:00Z"}]
    after = await intake.take(AlertmanagerWebhook.model_validate(body | {"alerts": over}))

    (second,) = taken.others
    described = [await client.get_workflow_handle(one).describe() for one in (taken.workflow_id, second)]
    assert [one.typed_search_attributes.get(search_key(SUBJECT)) for one in described] == ["checkout", "search"]
    assert (after.workflow_id, after.known) == (second, True)


async def test_resolved_alone_begins_nothing(client: Client) -> None:
    """News that an episode is over begins none; while one is open it joins it."""
    group, intake = uuid4().hex, AlertIntake(client)

    before = await intake.take(delivery(group, 1, resolved=True))
    with pytest.raises(RPCError) as caught:
        await client.get_workflow_handle(before.workflow_id).describe()
    await intake.take(delivery(group, 1))
    after = await intake.take(delivery(group, 1, resolved=True))

    assert caught.value.status is RPCStatusCode.NOT_FOUND
    assert (before.known, after.known) == (False, True)
    assert len(await received(client, after.workflow_id)) == 2


@pytest.mark.parametrize("label", ["checkout", "kim@hanbit.example"])
async def test_run_is_found_by_its_service_of_the_inventory(client: Client, label: str) -> None:
    """Lists, which are never encrypted, hold no other word of an alert: a label may be an address."""
    webhook = delivery(f"{label}-{uuid4().hex[:6]}", 1)
    body = webhook.model_dump(mode="json", by_alias=True)
    body["alerts"][0]["labels"]["service"] = body["groupLabels"]["service"] = label
    taken = await AlertIntake(client, frozenset({"checkout"})).take(AlertmanagerWebhook.model_validate(body))

    described = await client.get_workflow_handle(taken.workflow_id).describe()

    assert taken.workflow_id.startswith(f"{INCIDENT.name}/")
    listed = described.typed_search_attributes.get(search_key(SUBJECT))
    assert listed == ("checkout" if label == "checkout" else "unknown")


class Recorded(AlertIntake):
    """An intake that takes everything and asks nobody."""

    def __init__(self, error: RPCError | None = None) -> None:
        self.taken: list[AlertmanagerWebhook] = []
        self._error = error

    async def take(self, webhook: AlertmanagerWebhook) -> Taken:
        if self._error is not None:
            raise self._error
        self.taken.append(webhook)
        return Taken("incident-response/x", len(webhook.alerts))


def door(intake: AlertIntake) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Receiver(intake, "secret").app())
    headers = {"Authorization": "Bearer secret"}
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers)


async def test_receiver_takes_what_alertmanager_sends() -> None:
    """A delivery with the token is taken and told where it went."""
    intake = Recorded()

    async with door(intake) as http:
        answer = await http.post(PATH, json=webhook_body("checkout", BEGAN, resolved=False))

    assert answer.json() == {"workflow_id": "incident-response/x", "alerts": 1, "known": True}
    assert [webhook.group_labels for webhook in intake.taken] == [{"service": "checkout"}]


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic secret"])
async def test_receiver_wants_the_token(header: str) -> None:
    """Without the right token nothing is taken."""
    intake = Recorded()

    async with door(intake) as http:
        body = webhook_body("checkout", BEGAN, resolved=False)
        answer = await http.post(PATH, json=body, headers={"Authorization": header})

    assert (answer.status_code, intake.taken) == (401, [])
