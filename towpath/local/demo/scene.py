"""What every part of the demo is given, and what it tells at its end."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from rich.console import Console
from temporalio.client import Client

from towpath.control.temporal import link
from towpath.integrations.storage.artefacts import ArtefactStore
from towpath.local.alerting import Alerting
from towpath.local.stack import LocalStack

POLL_SECONDS = 0.1
LOOK_SECONDS = 1.0
"""How long a person needs to see what happened before the story goes on."""
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Scene:
    """The local stack with its doors. `http` reaches the stand-ins; `stamp` makes the ids of this demo its own."""

    client: Client
    stack: LocalStack
    console: Console
    http: httpx.AsyncClient
    stamp: str
    artefacts: ArtefactStore
    state: Path
    alerting: Alerting | None = None
    """What watches the shop; None where no part needs it."""

    def page(self, workflow_id: str, run_id: str) -> str:
        """Address of a run in Temporal's UI."""
        return link(workflow_id, run_id, self.client.namespace, self.stack.server.ui_url)


@dataclass(frozen=True, slots=True)
class Told:
    """How a part ended: `report` is for rich to print, `runs` is for machines. `well`: as it should."""

    report: Sequence[Any]
    runs: Sequence[dict[str, Any]]
    well: bool


Part = Callable[[Scene], Awaitable[Told]]
"""One process shown. Raises TimeoutError when it does not come to its end."""


async def until(read: Callable[[], Awaitable[ResultT | None]]) -> ResultT:
    """The first value that is there."""
    while True:
        value = await read()
        if value is not None:
            return value
        await asyncio.sleep(POLL_SECONDS)
