"""Incidents on a real server: a shop with faults, a receiver for alerts, and a catalogue whose times are short."""

import asyncio
import json
import re
import shutil
import sys
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from tests import waiting
from tests.integration.conftest import House
from tests.waiting import until
from towpath.config.incident_files import inventory_services
from towpath.contracts.core.review import Decision, ReviewTask, Verdict
from towpath.contracts.incident.alerts import AlertmanagerWebhook
from towpath.contracts.incident.incident import IncidentResult, IncidentView
from towpath.control.intake import AlertIntake
from towpath.control.receiver import PATH
from towpath.control.reviews import decide, find_review
from towpath.local.monitoring import webhook_body
from towpath.local.processes import spawn
from towpath.local.server import LOOPBACK, free_port
from towpath.local.stack import ROOT, answers

Handle = WorkflowHandle[Any, IncidentResult]
BEGAN = "2026-11-25T12:00:00Z"
TOKEN = "alerts-of-the-test"
QUICK = (
    (re.compile(r"every: \d+s"), "every: 1s"),
    (re.compile(r"hold: \w+"), "hold: 2s"),
    (re.compile(r"within: \w+"), "within: 90s"),
    (re.compile(r"\[1m\]"), "[5s]"),
)
"""What makes the shipped catalogue quick: the same actions, judged sooner."""


def quick_catalogue(folder: Path) -> Path:
    """The shipped files with short times, in a folder of their own."""
    for name in ("actions", "incident", "runbooks"):
        shutil.copytree(ROOT / "definitions" / name, folder / name)
    for path in folder.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        for pattern, short in QUICK:
            text = pattern.sub(short, text)
        path.write_text(text, encoding="utf-8")
    return folder


def environment(house: House, **more: str) -> dict[str, str]:
    """Settings of a worker of incidents."""
    catalogue = house.folder / "catalogue"
    return {
        "TOWPATH_INCIDENT_FOLDER": str(catalogue if catalogue.exists() else quick_catalogue(catalogue)),
        "TOWPATH_ARTEFACT_STORE": str(house.folder / "artefacts"),
        **more,
    }


async def break_shop(house: House, service: str, fault: str) -> None:
    """Order a fault, and wait until metrics and logs show it: an alert comes no sooner."""
    answer = await house.http.post("/_standins/world", json={"service": service, "fault": fault})
    assert answer.status_code == 201, answer.text
    await until(lambda: failing(house, service), lambda share: share > 0.05)
    await until(lambda: logged(house, service), lambda levels: "error" in levels)


async def failing(house: House, service: str) -> float:
    """The share of the service's requests that fail."""
    query = f'sum(rate(http_requests_total{{service="{service}",code=~"5.."}}[5s]))'
    answer = await house.http.get("/prometheus/api/v1/query", params={"query": query})
    found = answer.json()["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


async def logged(house: House, service: str) -> set[str]:
    """Levels of the service's lines of the last minute."""
    now = time.time_ns()
    asked = {"query": f'{{service="{service}"}}', "start": now - 60 * 10**9, "end": now, "limit": 1000}
    answer = await house.http.get("/loki/api/v1/query_range", params=asked)
    return {stream["stream"]["level"] for stream in answer.json()["data"]["result"]}


async def shop(house: House, service: str) -> dict[str, Any]:
    """How a service of the shop stands: version, open faults, changes that were made."""
    return (await house.http.get("/_standins/world")).json()[service]


async def tell(house: House, service: str, *, resolved: bool = False, began: str = BEGAN) -> Handle:
    """One delivery of Alertmanager about a service; the incident that took it."""
    webhook = AlertmanagerWebhook.model_validate(webhook_body(service, began, resolved=resolved))
    taken = await AlertIntake(house.client, inventory_services(ROOT / "definitions")).take(webhook)
    return incident(house, taken.workflow_id)


def incident(house: House, workflow_id: str) -> Handle:
    return house.client.get_workflow_handle(workflow_id, result_type=IncidentResult)


async def view(handle: Handle) -> IncidentView:
    return await handle.query("incident", result_type=IncidentView)


async def until_view(handle: Handle, holds: Callable[[IncidentView], bool]) -> IncidentView:
    return await until(lambda: view(handle), holds)


async def open_task(house: House, workflow_id: str) -> ReviewTask:
    """The approval that the incident waits for, as soon as there is one."""

    async def read() -> ReviewTask | None:
        try:
            return await find_review(house.client, workflow_id)
        except RPCError:
            return None

    return await waiting.open_task(read)


async def approve(house: House, workflow_id: str) -> None:
    task = await open_task(house, workflow_id)
    decision = Decision(verdict=Verdict.APPROVE, reviewer="sora", reason="seen", task=task.task)
    await decide(house.client, workflow_id, decision)


async def applied_actions(house: House) -> list[str]:
    """Keys under which actions took effect at the platform, follow-up tasks left out."""
    effects = await house.effects()
    assert effects["applied_twice"] == []
    mine = [effect["key"] for effect in effects["effects"] if effect["applied"] and effect["service"] == "platform"]
    return [key for key in mine if "/action/" in key]


@asynccontextmanager
async def receiving(house: House, extra: Mapping[str, str] | None = None) -> AsyncGenerator[str]:
    """`starter.py incident receive` as a process; the address for Alertmanager's webhook."""
    port = free_port()
    line = [sys.executable, str(ROOT / "starter.py"), "incident", "receive", "--port", str(port), "--json"]
    env = {**house.environment(), "TOWPATH_ALERTS_TOKEN": TOKEN, **(extra or {})}
    async with spawn("receiver", line, env=env, log=house.folder / f"receiver-{port}.log") as child:
        await child.ready(answers(f"http://{LOOPBACK}:{port}/health"), 30)
        yield f"http://{LOOPBACK}:{port}{PATH}"


def storm(groups: int, each: int) -> list[dict[str, Any]]:
    """Deliveries about services that nobody knows, ten alerts in each, in the order in which groups take turns."""
    name = uuid4().hex[:6]
    bodies: list[dict[str, Any]] = []
    for start in range(0, each, 10):
        for group in range(groups):
            body = webhook_body(f"storm-{name}-{group}", BEGAN, resolved=False)
            (alert,) = body["alerts"]
            body["alerts"] = [alert | {"fingerprint": f"{group}-{number}"} for number in range(start, start + 10)]
            bodies.append(body)
    return bodies


def resolved_body(body: dict[str, Any]) -> dict[str, Any]:
    """The same delivery, resolved."""
    copy = json.loads(json.dumps(body))
    copy["status"] = "resolved"
    for alert in copy["alerts"]:
        alert["status"] = "resolved"
    return copy


async def deliver(url: str, bodies: list[dict[str, Any]]) -> set[str]:
    """Send deliveries as Alertmanager does, ten at a time; the runs that took them."""
    turns = asyncio.Semaphore(10)
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as http:

        async def send(body: dict[str, Any]) -> str:
            async with turns:
                answer = await http.post(url, json=body)
                assert answer.status_code == 200, answer.text
                return answer.json()["workflow_id"]

        return set(await asyncio.gather(*(send(body) for body in bodies)))
