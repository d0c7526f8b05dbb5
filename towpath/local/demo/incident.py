"""The demo of incidents: a bad deployment that is rolled back, and an overload while the kill switch is on."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowExecutionStatus, WorkflowHandle

from towpath.contracts.core.run import RunRecord
from towpath.contracts.core.wire import JsonObject, effect_key
from towpath.contracts.incident.incident import Acknowledge, Acknowledged, IncidentRequest, IncidentResult, IncidentView
from towpath.contracts.incident.process import INCIDENT
from towpath.contracts.incident.remediation import SetSwitch
from towpath.control import reviews
from towpath.control.remediation import RemediationControl
from towpath.control.temporal import if_known
from towpath.local.demo.scene import LOOK_SECONDS, POLL_SECONDS, Scene, Stage, Story, Told, together, until
from towpath.local.stack import ROOT
from towpath.policy.incident.notices import action_end
from towpath.views.wording import count

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


@dataclass(slots=True, kw_only=True)
class IncidentStory(Story[IncidentResult]):
    """One fault of the shop, and the run that its alert begins."""

    service: str
    fault: str
    by_hand: ByHand
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
    draft = await _post_mortem(stories[0], scene)
    file = scene.state / "post-mortem.md"
    await asyncio.to_thread(file.write_text, draft, encoding="utf-8")
    return Told(
        details=[*_indented(f"{stories[0].title}: its post-mortem", draft.splitlines()), *_timeline(stories[1])],
        report=[*report(stories, scene, await scene.effects()), f"The post-mortem of the first: {file}"],
        runs=[story.for_machines(INCIDENT.name) for story in stories],
        well=all(story.result is not None and story.result.group.firing == 0 for story in stories),
    )


class Incidents:
    """The stories. The alerts are fired by what watches the shop; people use the doors that people have."""

    def __init__(self, scene: Scene) -> None:
        self._client = scene.client
        self._http = scene.http
        self._stamp = scene.stamp
        self._control = RemediationControl(scene.client)
        deployment = ByHand("/platform/deployments/rollback", {"service": "checkout"}, "rolls it back by hand")
        scaling = ByHand(
            "/platform/services/scale", {"service": "search", "instances": 6}, "scales it to 6 instances by hand"
        )
        self._stories = [
            IncidentStory(title="1 bad deployment", service="checkout", fault="bad-deployment", by_hand=deployment),
            IncidentStory(title="2 kill switch on", service="search", fault="overload", by_hand=scaling),
        ]
        self._stage = Stage(scene, self._stories)

    async def run(self) -> Sequence[IncidentStory]:
        """Raises TimeoutError when a story does not come to its end."""
        rolled_back, stopped = self._stories
        await self._stage.play(together(self._respond(rolled_back), self._stopped(stopped)))
        return self._stories

    async def _stopped(self, story: IncidentStory) -> None:
        """As soon as the first fault is mended: nothing may be done any more, whatever rules and people say."""
        await until(self._is_mended)
        await self._control.move(SetSwitch(by=LEAD, reason="no changes during the audit"), on=True)
        self._stage.say(story, f"{LEAD} turned the kill switch on: no changes during the audit")
        await self._respond(story)

    async def _respond(self, story: IncidentStory) -> None:
        began = datetime.now(UTC)
        order = await self._http.post("/_standins/world", json={"service": story.service, "fault": story.fault})
        order.raise_for_status()
        self._stage.say(story, f"fault in {story.service}: {story.fault}; the alert fires in some seconds")
        handle = story.handle = await until(lambda: self._begun(story, began))
        ended = asyncio.create_task(handle.result())
        try:
            await until(lambda: self._is_paged(handle))
            await self._acknowledge(handle, story)
            while not ended.done():
                await self._decide(handle, story)
                await self._take_over(handle, story)
                await asyncio.wait({ended}, timeout=POLL_SECONDS)
            story.result = ended.result()
        finally:
            ended.cancel()
        await self._stage.look()
        self._stage.say(story, f"alerts resolved: {story.result.outcome}")

    async def _begun(self, story: IncidentStory, since: datetime) -> Handle | None:
        """The run that the alert of this fault began."""
        request = IncidentRequest(group_key=f'{{}}:{{service="{story.service}"}}')
        name = INCIDENT.workflow_id(request, b"")
        found = await if_known(self._client.get_workflow_handle(name).describe())
        if found is None or (found.status is not WorkflowExecutionStatus.RUNNING and found.start_time < since):
            return None
        return self._client.get_workflow_handle(name, run_id=found.run_id, result_type=IncidentResult)

    async def _is_paged(self, handle: Handle) -> bool | None:
        known: IncidentView = await handle.query("incident", result_type=IncidentView)
        return bool(known.paging.pages) or None

    async def _acknowledge(self, handle: Handle, story: IncidentStory) -> None:
        taken = await handle.execute_update("acknowledge", Acknowledge(by=ENGINEER), result_type=Acknowledged)
        self._stage.say(story, f"{taken.by} was paged and acknowledged: nobody else is called")

    async def _decide(self, handle: Handle, story: IncidentStory) -> None:
        """Approve what the run asks for."""
        task = await reviews.find_review(self._client, handle.id)
        if task is None or reviews.closed(task) or task.task in story.seen:
            return
        story.seen.add(task.task)
        await self._stage.show_task(story, task)
        await self._stage.approve(story, task, ENGINEER, "it fits what I see")

    async def _take_over(self, handle: Handle, story: IncidentStory) -> None:
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
        self._stage.say(story, f"it is left to people: {ENGINEER} {story.by_hand.what}")

    async def _is_mended(self) -> bool | None:
        story = self._stories[0]
        if story.handle is None:
            return None
        world = (await self._http.get("/_standins/world")).json()
        return not world[story.service]["open_faults"] or None


def report(stories: Sequence[IncidentStory], scene: Scene, effects: Mapping[str, Any]) -> list[Any]:
    """Ends of the runs, and what the receivers saw."""
    lines: list[Any] = []
    for story in stories:
        if story.result is None:
            continue
        lines += ["", f"{story.title}: {story.result.outcome}, severity {story.result.severity.level} of 5"]
        lines += [f"  {action_end(action)}" for action in story.result.actions]
        lines.append(f"  {story.result.cost.in_words}; {story.page(scene)}")
    changes = {story.service: effects["platform"][story.service]["changes"] for story in stories}
    told = "; ".join(f"{service}: {', '.join(made) or 'none'}" for service, made in changes.items())
    resolved = sum(page["state"] == "resolved" for page in effects["pages"])
    pages, tasks = count(len(effects["pages"]), "page"), count(len(effects["tasks"]), "follow-up task")
    return [
        *lines,
        "",
        f"Seen by the receivers: {pages}, {resolved} of them resolved; changes of the platform: {told}; {tasks}; "
        f"{count(len(effects['applied_twice']), 'effect')} applied twice.",
    ]


async def _post_mortem(story: IncidentStory, scene: Scene) -> str:
    """The draft that the run archived; it holds the timeline, too."""
    if story.result is None or story.result.post_mortem is None:
        return ""
    return (await scene.artefacts.read(story.result.post_mortem)).decode()


def _timeline(story: IncidentStory) -> list[str]:
    entries = () if story.result is None else story.result.timeline
    return _indented(f"{story.title}: its timeline (UTC)", [f"{entry.at:%H:%M:%S} {entry.what}" for entry in entries])


def _indented(title: str, lines: Sequence[str]) -> list[str]:
    return ["", title, *(f"  {line}".rstrip() for line in lines)]
