"""What every part of the demo is given, how its stories are shown, and what it tells at its end."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx
from rich.console import Console
from temporalio.client import Client, WorkflowHandle

from towpath.contracts.core.review import Decision, ReviewTask, Verdict
from towpath.contracts.core.run import RunRecord
from towpath.control import reviews
from towpath.control.temporal import link
from towpath.integrations.storage.artefacts import ArtefactStore
from towpath.local.alerting import Alerting
from towpath.local.stack import LocalStack
from towpath.views.live import RunView, WatchedRun

POLL_SECONDS = 0.1
LOOK_SECONDS = 1.0
"""How long a person needs to see what happened before the story goes on."""
STORY_SECONDS = 300
ValueT = TypeVar("ValueT")
EndT = TypeVar("EndT")


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

    async def effects(self) -> Mapping[str, Any]:
        """What the stand-ins received."""
        return (await self.http.get("/_standins/effects")).json()


@dataclass(frozen=True, slots=True)
class Told:
    """How a part ended. `details` are for a terminal, `brief` stands for them elsewhere; `runs` is for machines."""

    report: Sequence[Any]
    runs: Sequence[dict[str, Any]]
    well: bool
    """Whether it ended as it should."""
    details: Sequence[Any] = ()
    brief: Sequence[Any] = ()


@dataclass(slots=True, kw_only=True)
class Story(Generic[EndT]):
    """One run that is shown, and how it ended."""

    title: str
    handle: WorkflowHandle[Any, EndT] | None = None
    result: EndT | None = None
    watched: WatchedRun = field(init=False)

    def __post_init__(self) -> None:
        self.watched = WatchedRun(self.title)

    @property
    def run_id(self) -> str:
        return "" if self.handle is None else self.handle.result_run_id or self.handle.run_id or ""

    def page(self, scene: Scene) -> str:
        return "" if self.handle is None else scene.page(self.handle.id, self.run_id)

    def for_machines(self, process: str, **more: Any) -> dict[str, Any]:
        about = {"process": process, "story": self.title, "workflow_id": self.handle.id if self.handle else None}
        return {**about, "run_id": self.run_id or None, **more, "result": self.result}


class Stage:
    """Stories side by side: each step of their runs is shown as it happens, and what people do about it."""

    def __init__(self, scene: Scene, stories: Sequence[Story[Any]]) -> None:
        self._scene = scene
        self._stories = stories
        self._view = RunView(scene.console, [story.watched for story in stories], brief=True)

    async def play(self, script: Coroutine[Any, Any, Any]) -> None:
        """Raises TimeoutError when it does not come to its end."""
        with self._view:
            async with asyncio.timeout(STORY_SECONDS):
                watching = asyncio.create_task(self._watch())
                try:
                    await script
                finally:
                    watching.cancel()
                    with suppress(asyncio.CancelledError):
                        await watching
            await self._read()

    def say(self, story: Story[Any], text: str) -> None:
        self._view.remark(story.watched, text)

    async def look(self) -> None:
        """Show everything that has happened, so that what is said next comes after it."""
        await self._read()
        self._view.refresh()

    async def task_of(self, story: Story[Any], handle: WorkflowHandle[Any, Any]) -> ReviewTask:
        """The human task that the run opens; there is time to read it."""
        task = await until(lambda: reviews.find_review(self._scene.client, handle.id))
        await self.look()
        await self.show_task(story, task)
        return task

    async def show_task(self, story: Story[Any], task: ReviewTask) -> None:
        self.say(story, f"task for {task.team}: {task.title}")
        reasons = task.reasons if self._scene.console.is_terminal else ("; ".join(task.reasons),)
        for reason in reasons:
            self.say(story, f"  {reason}")
        await asyncio.sleep(LOOK_SECONDS)

    async def approve(self, story: Story[Any], task: ReviewTask, reviewer: str, reason: str) -> None:
        decision = Decision(verdict=Verdict.APPROVE, reviewer=reviewer, reason=reason, task=task.task or None)
        await reviews.decide(self._scene.client, task.workflow_id, decision)
        self.say(story, f"{reviewer} approved it: {reason}")

    async def order_fault(self, **fault: Any) -> int:
        """Its number, for `lift_fault`."""
        answer = await self._scene.http.post("/_standins/faults", json=fault)
        answer.raise_for_status()
        return answer.json()["id"]

    async def lift_fault(self, number: int) -> None:
        await self._scene.http.delete("/_standins/faults", params={"id": number})

    async def _watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(POLL_SECONDS)

    async def _read(self) -> None:
        for story in self._stories:
            if story.handle is not None:
                story.watched.record = await story.handle.query("status", result_type=RunRecord)


Part = Callable[[Scene], Awaitable[Told]]
"""One process shown. Raises TimeoutError when it does not come to its end."""


async def together(*scripts: Coroutine[Any, Any, None]) -> None:
    """All at once, to the end of the last."""
    await asyncio.gather(*scripts)


async def until(read: Callable[[], Awaitable[ValueT | None]]) -> ValueT:
    """The first value that is there."""
    while True:
        value = await read()
        if value is not None:
            return value
        await asyncio.sleep(POLL_SECONDS)
