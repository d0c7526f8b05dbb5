"""The local stack: embedded Temporal, stand-ins and one worker as child processes, with the settings that join them."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from towpath.contracts.core.process import CLAUDE_QUEUE
from towpath.control.ui import noted
from towpath.local.processes import ROOT, Child, ChildEndedError, ChildFailedError, begin, spawn
from towpath.local.server import DEFAULT_PORT, DEFAULT_UI_PORT, LOOPBACK, TemporalServer, free_port, temporal_server
from towpath.local.state import StateFolder
from towpath.local.tokens import STANDINS_FILE, STANDINS_SETTING, bearer, keep_token, new_token
from towpath.outside.client import http_client
from towpath.registry import processes

DEFAULT_METRICS_PORT = 9464
USUAL_PORTS = {"temporal": DEFAULT_PORT, "ui": DEFAULT_UI_PORT, "metrics": DEFAULT_METRICS_PORT}
STANDINS_SECONDS = 20
WORKER_SECONDS = 40
ANSWER_SECONDS = 5.0
"""A cold import of everything on a busy machine; usually it is ready in 3 s."""
OFFLINE_KEY = "offline-stand-in"


@dataclass(frozen=True, slots=True)
class RunningStandIns:
    """`token` opens their control: faults on order, and what they received."""

    url: str
    smtp_port: int
    process: Child
    token: str = field(default="", repr=False)

    @property
    def control(self) -> dict[str, str]:
        """The headers of requests to `/_standins`."""
        return bearer(self.token)


@dataclass(frozen=True, slots=True)
class LocalStack:
    """Addresses of what runs. `offline` tells that Claude's answers come from the stand-in."""

    server: TemporalServer
    standins: RunningStandIns
    worker: Child
    new_worker: Callable[[], AbstractAsyncContextManager[Child]]
    """Starts another worker like it, which is not ready yet."""
    metrics_url: str
    offline: bool
    moved_ports: Mapping[str, int]
    """Usual ports that were in use, by name, and what was taken instead."""

    @property
    def addresses(self) -> Mapping[str, str]:
        return {
            "Temporal": self.server.address,
            "UI": self.server.ui_url,
            "metrics": self.metrics_url,
            "stand-ins": self.standins.url,
        }


Surroundings = Callable[[TemporalServer, RunningStandIns], AbstractAsyncContextManager[Mapping[str, str]]]
"""What else is up before the worker is, and the worker's settings that follow from it."""


def _nothing_else(_: TemporalServer, __: RunningStandIns) -> AbstractAsyncContextManager[Mapping[str, str]]:
    return nullcontext({})


@asynccontextmanager
async def local_stack(
    state: StateFolder, *, offline: bool = True, around: Surroundings = _nothing_else
) -> AsyncGenerator[LocalStack]:
    """Everything up and ready; ended in reverse order. State is kept in the folder. Raises ChildFailedError.

    With `offline` the worker asks the stand-in for Claude, whatever key is set; without, it asks Claude with that key.
    Commands given in the same folder find the UI while it is up.
    """
    async with AsyncExitStack() as up:
        server = await begin(up, partial(_begin_server, state))
        standins = await up.enter_async_context(stand_ins(log=state.logs / "standins.log"))
        keep_token(state.path / STANDINS_FILE, standins.token)
        env = await up.enter_async_context(around(server, standins))
        up.enter_context(noted(server.address, server.ui_url))
        begun = await begin(up, partial(_begin_first_worker, server, standins, env, offline, state.logs / "worker.log"))
        stack = LocalStack(
            server=server,
            standins=standins,
            worker=begun.worker,
            new_worker=begun.another,
            metrics_url=f"http://{LOOPBACK}:{begun.metrics_port}/metrics",
            offline=offline,
            moved_ports=_moved(temporal=server.port, ui=server.ui_port, metrics=begun.metrics_port),
        )
        state.note(stack.addresses)
        yield stack


def _begin_server(state: StateFolder) -> AbstractAsyncContextManager[TemporalServer]:
    """It has the lock of the folder, too: after a kill -9 of this process the folder is free when it has ended."""
    return temporal_server(
        db=state.path / "temporal.db",
        port=free_port(DEFAULT_PORT),
        ui_port=free_port(DEFAULT_UI_PORT),
        log=state.logs / "temporal.log",
        keep=(state.lock,),
    )


@dataclass(frozen=True, slots=True)
class _FirstWorker:
    worker: Child
    another: Callable[[], AbstractAsyncContextManager[Child]]
    metrics_port: int


@asynccontextmanager
async def _begin_first_worker(
    server: TemporalServer, standins: RunningStandIns, env: Mapping[str, str], offline: bool, log: Path
) -> AsyncGenerator[_FirstWorker]:
    port = free_port(DEFAULT_METRICS_PORT)
    settings = {**worker_environment(server.address, standins, port, offline=offline), **env}
    new_worker = partial(_begin_worker, settings, log)
    async with new_worker() as worker:
        try:
            await worker_ready(worker, server.address)
        except ChildEndedError as error:
            if free_port(port) != port:
                raise
            # Nobody took its port, so on another one it would end alike.
            raise ChildFailedError(str(error)) from None
        yield _FirstWorker(worker, new_worker, port)


def _moved(**ports: int) -> dict[str, int]:
    return {name: port for name, port in ports.items() if port != USUAL_PORTS[name]}


@asynccontextmanager
async def stand_ins(log: Path | None = None) -> AsyncGenerator[RunningStandIns]:
    """The stand-ins with their fault control open, on free ports; on others when somebody takes one meanwhile."""
    async with AsyncExitStack() as up:
        yield await begin(up, partial(_begin_stand_ins, log))


@asynccontextmanager
async def _begin_stand_ins(log: Path | None) -> AsyncGenerator[RunningStandIns]:
    port, smtp_port = free_port(), free_port()
    line = [*python("-m", "towpath.standins"), "--port", str(port), "--smtp-port", str(smtp_port), "--faults"]
    url, token = f"http://{LOOPBACK}:{port}", new_token()
    env = {"PYTHONPATH": str(ROOT), STANDINS_SETTING: token}
    async with spawn("stand-ins", line, env=env, log=log) as child:
        await child.ready(answers(f"{url}/health"), STANDINS_SECONDS)
        yield RunningStandIns(url, smtp_port, child, token)


@asynccontextmanager
async def worker_process(
    server: TemporalServer,
    standins: RunningStandIns,
    *,
    metrics_port: int,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    offline: bool = True,
) -> AsyncGenerator[Child]:
    """One worker on the given server and stand-ins, ready to work. `env` overrides its settings."""
    settings = {**worker_environment(server.address, standins, metrics_port, offline=offline), **(env or {})}
    async with _begin_worker(settings, log) as child:
        await worker_ready(child, server.address)
        yield child


def _begin_worker(settings: Mapping[str, str], log: Path | None) -> AbstractAsyncContextManager[Child]:
    return spawn("worker", python(str(ROOT / "worker.py")), env=settings, log=log, worker=True)


async def worker_ready(worker: Child, address: str) -> None:
    """Until Temporal has heard of it on all its queues. Raises ChildFailedError."""
    await worker.ready(_polls(address, worker.pid), WORKER_SECONDS)


def worker_environment(
    temporal: str, standins: RunningStandIns, metrics_port: int, *, offline: bool = True
) -> dict[str, str]:
    """Settings of a worker whose whole outside world is the stand-ins, Claude too when offline."""
    url = standins.url
    claude = {"ANTHROPIC_API_KEY": OFFLINE_KEY, "ANTHROPIC_BASE_URL": f"{url}/claude"} if offline else {}
    return {
        **claude,
        "TEMPORAL_ADDRESS": temporal,
        "TOWPATH_EMAIL_CHECK_URL": f"{url}/email-check",
        "TOWPATH_EMAIL_CHECK_TOKEN": "stand-in",
        "TOWPATH_ACCOUNTS_URL": f"{url}/accounts",
        "TOWPATH_ACCOUNTS_TOKEN": "stand-in",
        "TOWPATH_BILLING_URL": f"{url}/billing",
        "TOWPATH_BILLING_TOKEN": "stand-in",
        "TOWPATH_CRM_URL": f"{url}/crm",
        "TOWPATH_CRM_TOKEN": "stand-in",
        "TOWPATH_ORDERS_URL": f"{url}/orders",
        "TOWPATH_ORDERS_TOKEN": "stand-in",
        "TOWPATH_PLATFORM_URL": f"{url}/platform",
        "TOWPATH_PLATFORM_TOKEN": "stand-in",
        "TOWPATH_PROMETHEUS_URL": f"{url}/prometheus",
        "TOWPATH_LOKI_URL": url,
        "TOWPATH_PAGERDUTY_URL": f"{url}/pagerduty",
        "TOWPATH_PAGERDUTY_KEYS": "stand-in-first,stand-in-second",
        "TOWPATH_SLACK_URL": f"{url}/slack/api",
        "TOWPATH_SLACK_TOKEN": "stand-in",
        "TOWPATH_SMTP_HOST": LOOPBACK,
        "TOWPATH_SMTP_PORT": str(standins.smtp_port),
        "TOWPATH_SMTP_TLS": "none",
        "TOWPATH_MAIL_FROM": "Towpath <welcome@towpath.example>",
        **_accounts(url),
        "TOWPATH_PLATFORMS_FOLDER": str(ROOT / "definitions" / "platforms"),
        "TOWPATH_METRICS_ADDRESS": f"{LOOPBACK}:{metrics_port}",
        "TOWPATH_REVIEWERS_FILE": str(ROOT / "reviewers.json"),
        "TOWPATH_INCIDENT_FOLDER": str(ROOT / "definitions"),
        "TOWPATH_CONNECTIONS_FILE": str(ROOT / "connections.json"),
        "TOWPATH_HTTP_ROUTES": json.dumps({"api.emailverify.com": f"{url}/email-check"}),
        "TOWPATH_SECRETS": json.dumps({"EMAIL_CHECK_TOKEN": "stand-in"}),
    }


def _accounts(url: str) -> dict[str, str]:
    """Two accounts on X and LinkedIn, one blog: those that the stand-ins know."""
    x_accounts = {
        "main": {"user_id": "1700000000000000001", "username": "towpath_demo", "token": "FIRST"},
        "second": {"user_id": "1700000000000000002", "username": "towpath_second", "token": "SECOND"},
    }
    authors = {
        "main": {"author": "urn:li:organization:100001", "token": "FIRST"},
        "second": {"author": "urn:li:organization:100002", "token": "SECOND"},
    }
    sites = {"main": {"site": f"{url}/wordpress", "user": "editor", "token": "BLOG"}}
    tokens = {"FIRST": "stand-in", "SECOND": "stand-in-2", "BLOG": "stand in pass word"}
    return {
        "TOWPATH_X_URL": f"{url}/x",
        "TOWPATH_X_ACCOUNTS": json.dumps(x_accounts),
        "TOWPATH_LINKEDIN_URL": f"{url}/linkedin",
        "TOWPATH_LINKEDIN_ACCOUNTS": json.dumps(authors),
        "TOWPATH_WORDPRESS_ACCOUNTS": json.dumps(sites),
        "TOWPATH_PUBLISHING_TOKENS": json.dumps(tokens),
    }


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


async def _polls(address: str, pid: int) -> None:
    """Return as soon as Temporal sees the process poll its queues: its identity begins with its pid."""
    client = await Client.connect(address)
    deciding = [(process.queue, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW) for process in processes().values()]
    for queue, kind in (*deciding, (CLAUDE_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)):
        request = DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
        )
        while True:
            seen = await client.workflow_service.describe_task_queue(request)
            if any(poller.identity.startswith(f"{pid}@") for poller in seen.pollers):
                break
            await asyncio.sleep(0.05)


async def answers(url: str) -> None:
    """Return as soon as `url` answers."""
    async with http_client(httpx.Timeout(ANSWER_SECONDS)) as http:
        while True:
            try:
                if (await http.get(url)).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
