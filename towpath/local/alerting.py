"""The way of alerts on the local stack: the shop, what watches it, and the receiver that begins incidents."""

import asyncio
import secrets
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from temporalio.client import Client

from towpath.config.incident_files import inventory_services
from towpath.control.intake import AlertIntake
from towpath.control.receiver import PATH, Receiver
from towpath.local.monitoring import monitoring
from towpath.local.server import LOOPBACK
from towpath.local.stack import ROOT, RunningStandIns


@dataclass(frozen=True, slots=True)
class Alerting:
    """Where alerts are taken, and where metrics are asked for. `real`: Prometheus and Alertmanager themselves run."""

    webhook: str
    prometheus_url: str
    real: bool

    @property
    def in_words(self) -> str:
        if self.real:
            return f"Prometheus at {self.prometheus_url} and Alertmanager, as Debian packages them"
        return "a watcher and the stand-in's Prometheus API (Prometheus and Alertmanager are not installed)"


@asynccontextmanager
async def alerting(client: Client, standins: RunningStandIns, state: Path) -> AsyncGenerator[Alerting]:
    """Watches the shop of the stand-ins; its alerts begin incidents, by a receiver with a token of its own."""
    token = secrets.token_urlsafe(24)
    listener = socket.create_server((LOOPBACK, 0), backlog=128)
    app = Receiver(AlertIntake(client, inventory_services(ROOT / "definitions")), token).app()
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=5)
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    webhook = f"http://{LOOPBACK}:{listener.getsockname()[1]}{PATH}"
    try:
        async with monitoring(standins, webhook, token, state) as watched:
            yield Alerting(webhook, watched.prometheus_url, watched.real)
    finally:
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """Leaves the process's signals to those who started the stack."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield
