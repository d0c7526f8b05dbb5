"""Prometheus and Alertmanager around the stand-in shop where they are installed, else a small watcher."""

import asyncio
import json
import shutil
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import httpx

from towpath import private
from towpath.local.processes import begin, spawn
from towpath.local.server import LOOPBACK, free_port
from towpath.local.stack import ROOT, RunningStandIns, answers
from towpath.local.tokens import bearer
from towpath.outside.client import http_client

PROGRAMS = ("prometheus", "prometheus-alertmanager")
READY_SECONDS = 30
RULES = ROOT / "definitions" / "incident" / "alerts.yaml"
WATCH_SECONDS = 0.5
ANSWER_SECONDS = 5.0
THRESHOLD = 0.05
NEVER = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Shop:
    """The stand-ins, and the token of their control."""

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MonitoringStack:
    """Where metrics are asked for. `real` says that Prometheus and Alertmanager themselves run."""

    prometheus_url: str
    real: bool


def installed() -> bool:
    """Whether both programs are there: Debian's packages `prometheus` and `prometheus-alertmanager`."""
    return all(shutil.which(program) for program in PROGRAMS)


@asynccontextmanager
async def monitoring(
    standins: RunningStandIns, webhook: str, token: str, state: Path
) -> AsyncGenerator[MonitoringStack]:
    """Watches the shop, and sends alerts to `webhook` as Alertmanager does, with the bearer token.

    Without the programs the stand-in's own Prometheus API serves the metrics, and a watcher sends the same body.
    """
    if installed():
        async with _real(standins, webhook, token, state) as url:
            yield MonitoringStack(url, real=True)
        return
    watching = asyncio.create_task(watch_shop(Shop(standins.url, standins.token), webhook, token))
    try:
        yield MonitoringStack(f"{standins.url}/prometheus", real=False)
    finally:
        watching.cancel()


@asynccontextmanager
async def _real(standins: RunningStandIns, webhook: str, token: str, state: Path) -> AsyncGenerator[str]:
    folder = state / "monitoring"
    # What they remember is of another shop: its alerts would count as told already.
    shutil.rmtree(folder, ignore_errors=True)
    private.make_folder(folder)
    _write(folder / "alertmanager.yml", alertmanager_config(webhook, token))
    async with AsyncExitStack() as up:
        alertmanager = await begin(up, partial(_alertmanager, folder))
        _write(folder / "prometheus.yml", prometheus_config(standins.url, alertmanager))
        yield f"http://{LOOPBACK}:{await begin(up, partial(_prometheus, folder))}"


@asynccontextmanager
async def _alertmanager(folder: Path) -> AsyncGenerator[int]:
    """Its port."""
    port = free_port()
    line = [
        "prometheus-alertmanager",
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--cluster.listen-address=",
    ]
    async with spawn("alertmanager", line, log=folder / "alertmanager.log") as child:
        await child.ready(answers(f"http://{LOOPBACK}:{port}/-/ready"), READY_SECONDS)
        yield port


@asynccontextmanager
async def _prometheus(folder: Path) -> AsyncGenerator[int]:
    """Its port."""
    port = free_port()
    line = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={LOOPBACK}:{port}",
    ]
    async with spawn("prometheus", line, log=folder / "prometheus.log") as child:
        await child.ready(answers(f"http://{LOOPBACK}:{port}/-/ready"), READY_SECONDS)
        yield port


def prometheus_config(standins_url: str, alertmanager_port: int) -> dict[str, Any]:
    """Scrapes the shop every second, evaluates the shipped rules, and sends alerts to Alertmanager."""
    target = httpx.URL(standins_url)
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"{LOOPBACK}:{alertmanager_port}"]}]}]},
        "scrape_configs": [
            {
                "job_name": "shop",
                "metrics_path": "/shop/metrics",
                "honor_labels": True,
                "static_configs": [{"targets": [f"{target.host}:{target.port}"]}],
            }
        ],
    }


def alertmanager_config(webhook: str, token: str) -> dict[str, Any]:
    """One group a service, told after a second; what is resolved is told as well."""
    return {
        "route": {
            "receiver": "incidents",
            "group_by": ["service"],
            "group_wait": "1s",
            "group_interval": "2s",
            "repeat_interval": "1h",
        },
        "receivers": [
            {
                "name": "incidents",
                "webhook_configs": [
                    {
                        "url": webhook,
                        "send_resolved": True,
                        "http_config": {"authorization": {"type": "Bearer", "credentials": token}},
                    }
                ],
            }
        ],
    }


def _write(path: Path, config: dict[str, Any]) -> None:
    """JSON is YAML; the token in it is nobody else's to read."""
    private.write(path, json.dumps(config, indent=2).encode())


async def watch_shop(shop: Shop, webhook: str, token: str) -> NoReturn:
    """Looks at each service's share of errors, and sends what Alertmanager would when it crosses the threshold."""
    firing: dict[str, str] = {}
    async with http_client(httpx.Timeout(ANSWER_SECONDS)) as http:
        while True:
            world = await http.get(f"{shop.url}/_standins/world", headers=bearer(shop.token))
            for service in world.raise_for_status().json():
                is_high = await _errors(http, shop.url, service) > THRESHOLD
                if is_high != (service in firing):
                    began = firing.pop(service, None) or _now()
                    if is_high:
                        firing[service] = began
                    body = webhook_body(service, began, resolved=not is_high)
                    await http.post(webhook, json=body, headers=bearer(token))
            await asyncio.sleep(WATCH_SECONDS)


async def _errors(http: httpx.AsyncClient, standins_url: str, service: str) -> float:
    query = f'sum(rate(http_requests_total{{service="{service}",code=~"5.."}}[10s]))'
    answer = await http.get(f"{standins_url}/prometheus/api/v1/query", params={"query": query})
    result = answer.json()["data"]["result"]
    return float(result[0]["value"][1]) if result else 0.0


def webhook_body(service: str, began: str, *, resolved: bool) -> dict[str, Any]:
    """A delivery of one alert, as Alertmanager's webhook version 4 sends it."""
    status = "resolved" if resolved else "firing"
    labels = {"alertname": "HighErrorRate", "service": service, "severity": "critical"}
    annotations = {"summary": f"{service} fails more than {THRESHOLD:.0%} of its requests"}
    alert = {
        "status": status,
        "labels": labels,
        "annotations": annotations,
        "startsAt": began,
        "endsAt": _now() if resolved else NEVER,
        "generatorURL": "",
        "fingerprint": f"standin-{service}",
    }
    return {
        "version": "4",
        "groupKey": f'{{}}:{{service="{service}"}}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "incidents",
        "groupLabels": {"service": service},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": "",
        "alerts": [alert],
    }


def _now() -> str:
    return datetime.now(UTC).isoformat()
