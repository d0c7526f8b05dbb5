"""The demo of incidents: a bad deployment that is rolled back, and an overload while the kill switch is on."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.core.run import RunRecord
from towpath.contracts.core.wire import JsonObject, effect_key
from towpath.contracts.incident.incident import Acknowledge, Acknowledged, IncidentRequest, IncidentResult, IncidentView
from towpath.contracts.incident.process import INCIDENT
from towpath.contracts.incident.remediation import SetSwitch
from towpath.control import reviews
from towpath.control.remediation import RemediationControl
from towpath.local.demo.scene import LOOK_SECONDS, POLL_SECONDS, Scene, Told, until
from towpath.local.stack import ROOT
from towpath.policy.incident.notices import action_end
from towpath.views.live import RunView, Watched

STORY_SECONDS = 300
ENGINEER, LEAD = "sora", "ines"
FOLDERS = ("actions", "incident", "runbooks")
QUICKER = (("[1m]", "[5s]"), ("every: 10s", "every: 1s"), ("hold: 1m", "hold: 3s"), ("hold: 30s", "hold: 3s"))
Handle = WorkflowHandle[Any, IncidentResult]


@dataclass(frozen=True, slots=True)
class ByHand:
    """What the engineer asks of the platform where the run may not: a path, and its body."""

    path: str
    body: JsonObject
    what: str


@dataclass(slots=True)
class Story:
    """One fault of the shop, the run that its alert begins, and the panel that shows it."""

    service: str
    fault: str
    by_hand: ByHand
    watched: Watched
    handle: Handle | None = None
    result: IncidentResult | None = None
    seen: set[str] = field(default_factory=set[str])
    mended: bool = False


def quicker_definitions(folder: Path) -> Path:
    """A copy of the shipped actions and metrics that looks at seconds where those look at a minute."""
    for name in FOLDERS:
        shutil.copytree(ROOT / "definitions" / name, folder / name, dirs_exist_ok=True)
    for path in folder.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        for usual, quick in QUICKER:
            text = text.replace(usual, quick)
        path.write_text(text, encoding="utf-8")
    return folder.resolve()


async def show(scene: Scene) -> Told:
    """Two incidents, their timelines, a post-mortem, and what the receivers saw."""
    if scene.alerting is None:
        raise RuntimeError("nothing watches the shop")
    scene.console.print(f"  alerts and metrics from {scene.alerting.in_words}", soft_wrap=True, markup=False)
    scene.console.print("  rates and verifications look at seconds here, at a minute as shipped")
    stories = await Incidents(scene).run()
    effects = (await scene.http.get("/_standins/effects")).json()
    return Told(
        report=[*await post_mortem(stories[0], scene), *report(stories, scene, effects)],
        runs=[summarise(story) for story in stories],
        well=all(story.result is not None and story.result.group.firing == 0 for story in stories),
    )


class Incidents:
    """The stories. The alerts are fired by what watches the shop; people use the doors that people have."""

    def __init__(self, scene: Scene) -> None:
        self._client = scene.client
        self._http = scene.http
        self._console = scene.console
        self._stamp = scene.stamp
        self._control = RemediationControl(scene.client)
        deployment = ByHand("/platform/deployments/rollback", {"service": "checkout"}, "rolls it back by hand")
        scaling = ByHand(
            "/platform/services/scale", {"service": "search", "instances": 6}, "scales it to 6 instances by hand"
        )
        self._stories = [
            Story("checkout", "bad-deployment", deployment, Watched("1 bad deployment")),
            Story("search", "overload", scaling, Watched("2 kill switch on")),
        ]

    async def run(self) -> Sequence[Story]:
        """Raises TimeoutError when a story does not come to its end."""
        rolled_back, stopped = self._stories
        with RunView(self._console, [story.watched for story in self._stories]) as view:
            async with asyncio.timeout(STORY_SECONDS):
                watching = asyncio.create_task(self._watch(view))
                try:
                    await asyncio.gather(self._respond(rolled_back, view), self._stopped(stopped, view))
                finally:
                    watching.cancel()
                    await self._switch(on=False, reason="the demo is over")
            await self._read_all()
        return self._stories

    async def _stopped(self, story: Story, view: RunView) -> None:
        """As soon as the first fault is mended: nothing may be done any more, whatever rules and people say."""
        await until(self._is_mended)
        await self._switch(on=True, reason="no changes during the audit")
        view.remark(story.watched, f"{LEAD} turned the kill switch on: no changes during the audit")
        await self._respond(story, view)

    async def _respond(self, story: Story, view: RunView) -> None:
        began = datetime.now(UTC)
        order = await self._http.post("/_standins/world", json={"service": story.service, "fault": story.fault})
        order.raise_for_status()
        view.remark(story.watched, f"fault in {story.service}: {story.fault}; the alert fires in some seconds")
        story.handle = await until(lambda: self._begun(story, began))
        ended = asyncio.create_task(story.handle.result())
        try:
            await until(lambda: self._is_paged(story))
            await self._acknowledge(story.handle, story, view)
            while not ended.done():
                await self._decide(story.handle, story, view)
                await self._take_over(story.handle, story, view)
                await asyncio.wait({ended}, timeout=POLL_SECONDS)
            story.result = ended.result()
        finally:
            ended.cancel()
        view.remark(story.watched, f"alerts resolved: {story.result.outcome}")

    async def _begun(self, story: Story, since: datetime) -> Handle | None:
        """The run that the alert of this fault began."""
        request = IncidentRequest(group_key=f'{{}}:{{service="{story.service}"}}')
        name = INCIDENT.workflow_id(request, b"")
        try:
            found = await self._client.get_workflow_handle(name).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        if found.status is not WorkflowExecutionStatus.RUNNING and found.start_time < since:
            return None
        return self._client.get_workflow_handle(name, run_id=found.run_id, result_type=IncidentResult)

    async def _is_paged(self, story: Story) -> bool | None:
        if story.handle is None:
            return None
        known: IncidentView = await story.handle.query("incident", result_type=IncidentView)
        return bool(known.paging.pages) or None

    async def _acknowledge(self, handle: Handle, story: Story, view: RunView) -> None:
        taken = await handle.execute_update("acknowledge", Acknowledge(by=ENGINEER), result_type=Acknowledged)
        view.remark(story.watched, f"{taken.by} was paged and acknowledged: nobody else is called")

    async def _decide(self, handle: Handle, story: Story, view: RunView) -> None:
        """Approve what the run asks for."""
        task = await reviews.find_review(self._client, handle.id)
        if task is None or reviews.closed(task) or task.task in story.seen:
            return
        story.seen.add(task.task)
        view.remark(story.watched, f"task for {task.team}: {task.title}")
        for reason in task.reasons:
            view.remark(story.watched, f"  {reason}")
        await asyncio.sleep(LOOK_SECONDS)
        decision = Decision(verdict=Verdict.APPROVE, reviewer=ENGINEER, reason="it fits what I see", task=task.task)
        await reviews.decide(self._client, handle.id, decision)
        view.remark(story.watched, f"{ENGINEER} approved it")

    async def _take_over(self, handle: Handle, story: Story, view: RunView) -> None:
        """What the run leaves to people, a person does."""
        record: RunRecord = await handle.query("status", result_type=RunRecord)
        if record.status != "handed-over" or story.mended:
            return
        story.mended = True
        await asyncio.sleep(LOOK_SECONDS)
        body = dict(story.by_hand.body)
        if story.fault == "bad-deployment":
            listed = await self._http.get("/platform/deployments", params={"service": story.service})
            body["deployment"] = listed.json()["deployments"][0]["id"]
        headers = {"Authorization": f"Bearer {ENGINEER}", "Idempotency-Key": effect_key(handle.id, self._stamp)}
        answer = await self._http.post(story.by_hand.path, json=body, headers=headers)
        answer.raise_for_status()
        view.remark(story.watched, f"it is left to people: {ENGINEER} {story.by_hand.what}")

    async def _is_mended(self) -> bool | None:
        story = self._stories[0]
        if story.handle is None:
            return None
        world = (await self._http.get("/_standins/world")).json()
        return not world[story.service]["open_faults"] or None

    async def _switch(self, *, on: bool, reason: str) -> None:
        await self._control.move(SetSwitch(by=LEAD, reason=reason), on=on)

    async def _watch(self, view: RunView) -> None:
        while True:
            await self._read_all()
            view.refresh()
            await asyncio.sleep(POLL_SECONDS)

    async def _read_all(self) -> None:
        for story in self._stories:
            if story.handle is not None:
                story.watched.record = await story.handle.query("status", result_type=RunRecord)


def report(stories: Sequence[Story], scene: Scene, effects: dict[str, Any]) -> list[Any]:
    """Ends of the runs, the timeline of those without a post-mortem, and what the receivers saw."""
    lines: list[Any] = []
    for story in stories:
        if story.result is None or story.handle is None:
            continue
        lines += ["", f"{story.watched.title}: {story.result.outcome}, level {story.result.severity.level}"]
        if story is stories[0]:
            lines += [f"  {action_end(action)}" for action in story.result.actions]
        else:
            lines += [f"  {entry.at:%H:%M:%S} {entry.what}" for entry in story.result.timeline]
        page = scene.page(story.handle.id, story.handle.run_id or "")
        lines.append(f"  {story.result.cost.in_words}; {page}")
    changes = {story.service: effects["platform"][story.service]["changes"] for story in stories}
    told = "; ".join(f"{service}: {', '.join(made) or 'none'}" for service, made in changes.items())
    resolved = sum(page["state"] == "resolved" for page in effects["pages"])
    lines += [
        "",
        f"Seen by the receivers: {len(effects['pages'])} pages, {resolved} of them resolved; changes of the platform: "
        f"{told}; {len(effects['tasks'])} follow-up tasks; {len(effects['applied_twice'])} effects applied twice.",
    ]
    return lines


async def post_mortem(story: Story, scene: Scene) -> list[Any]:
    """The draft that the run archived; it holds the timeline, too."""
    if story.result is None or story.result.post_mortem is None:
        return []
    text = (await scene.artefacts.read(story.result.post_mortem)).decode()
    return ["", f"{story.watched.title}: its post-mortem", *(f"  {line}".rstrip() for line in text.splitlines())]


def summarise(story: Story) -> dict[str, Any]:
    """One story for machines."""
    return {
        "process": INCIDENT.name,
        "story": story.watched.title,
        "workflow_id": story.handle.id if story.handle else None,
        "run_id": story.handle.run_id if story.handle else None,
        "result": story.result,
    }
