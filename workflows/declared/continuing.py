"""How a run goes on: in a new history, with what it hands over to that beside its schedule; and in the next workflow
task, for Temporal takes one of more than two seconds for a deadlock.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from pydantic import JsonValue
from temporalio import workflow

from towpath.contracts.core.run import Cost, StepRecord
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import DeclaredRequest
from towpath.contracts.declared.within import Left
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.language.turns import is_patient
from towpath.engine.run.actions import Action
from towpath.engine.run.within import enter
from towpath.engine.scheduling.approvals import asks_people
from towpath.engine.scheduling.progress import Progress
from towpath.engine.scheduling.visits import step_of
from workflows.kit.signing import kept_counts

if TYPE_CHECKING:
    from workflows.declared.driver import Driver

MOST_LOOKS = 4_000
"""Looks of the scheduler at a node, some two or three a step: a third of a second on a slow machine."""
PAUSE = timedelta(milliseconds=1)


def began(request: DeclaredRequest) -> datetime:
    """When the run began, in whatever history that was."""
    given = None if request.resume is None else request.resume.get("began")
    return workflow.info().start_time if given is None else datetime.fromisoformat(str(given))


def progress_in(resume: JsonObject) -> JsonObject:
    """The schedule in what a run handed over."""
    return cast("JsonObject", resume["progress"])


def seed_of(plan: Plan, request: DeclaredRequest) -> JsonObject:
    """The outputs that the run begins with. Decisions of people are asked again where nobody vouches for them."""
    asking = {node.id for node in plan.steps() if asks_people(node)}
    decided = {place for place in request.seed if step_of(place) in asking}
    if not decided or kept_counts(request):
        return request.seed
    return {step: output for step, output in request.seed.items() if step not in decided}


def begin_from(driver: "Driver") -> None:
    """What the run has of the one that it redrives or continues, and of the one around it."""
    earlier, around = driver.request.earlier, driver.request.within
    if around is not None:
        enter(driver.progress.evaluation, around)
        driver.run.budget = around.budget
    if earlier is not None:
        is_redrive = driver.request.resume is None or driver.request.redrive_of is not None
        driver.progress.sent.take_over(earlier.steps, is_redrive=is_redrive)
        driver.run.inside |= earlier.inside
        driver.run.left |= earlier.left


def first_actions(driver: "Driver") -> list[Action]:
    """The first steps; or what is to be undone of an item, where that is all."""
    around = driver.request.within
    if around is None or not around.undo:
        return driver.progress.begin(workflow.now())
    driver.run.left |= {name: left for undo in around.undo for name, left in undo.items.items()}
    return driver.progress.unwind(around.undo, workflow.now())


def hand_over(driver: "Driver") -> JsonObject:
    """For `take_over`."""
    return {
        "progress": driver.progress.dump(),
        "paused": driver.paused,
        **driver.run.inbox.dump(),
        "cost": driver.steps.cost.model_dump(mode="json"),
        "began": began(driver.request).isoformat(),
        "steps": [found.model_dump(mode="json") for found in driver.steps.record().steps],
        "edits": list[JsonValue](driver.edits),
        "queued": driver.run.queued,
        "told": list[JsonValue](sorted(driver.alerts.told)),
        "event": list[JsonValue](driver.outbox.last),
        **(
            {"left": {name: left.model_dump(mode="json") for name, left in driver.run.left.items()}}
            if driver.run.left
            else {}
        ),
    }


def take_over(driver: "Driver", resume: JsonObject) -> None:
    """Go on from there. Earlier versions handed over less: such a run begins to number its events anew."""
    driver.paused = resume.get("paused") is True
    driver.run.inbox.take_over(resume)
    records = [StepRecord.model_validate(found) for found in cast("list[JsonValue]", resume.get("steps", []))]
    driver.steps.restore(Cost.model_validate(resume["cost"]), began(driver.request), records)
    driver.run.left.update(
        {name: Left.model_validate(left) for name, left in cast("JsonObject", resume.get("left", {})).items()}
    )
    if not is_whole(resume):
        return
    driver.edits.extend(cast("list[str]", resume["edits"]))
    driver.run.queued = str(resume["queued"])
    driver.alerts.began = began(driver.request)
    driver.alerts.told.update(cast("list[int]", resume["told"]))
    run, number = cast("tuple[str, int]", resume["event"])
    driver.outbox.take_over(run, number)
    driver.mirror.take_over(driver.progress)


def waits_beside(progress: Progress, ended: str) -> bool:
    """Whether another step runs that may last for days, or waits for what comes next: that must not wait for it."""
    others = [progress.plan.node(step) for step in progress.running if step != ended]
    if any(map(is_patient, others)):
        return True
    return any(map(_lasts, others)) and workflow.patched("goes-on-beside-2026-11")


def _lasts(node: PlanNode) -> bool:
    """The run of another definition, those of items, a poll, or a loop over events."""
    step = node.step
    if step is None:
        return False
    if node.inner is not None:
        return True
    is_open = step.for_each is not None and step.for_each.on_event is not None
    return is_open or step.type == "workflow" or node.written.get("poll") is not None


def is_whole(resume: JsonObject | None) -> bool:
    """Whether an earlier part of the run has told its story so far."""
    return resume is not None and "told" in resume


class Pacing:
    """Of one run. What takes no time, as the `set` steps of a cycle, may be very much at one moment: after so many
    looks it goes on in the next workflow task, behind a timer.
    """

    def __init__(self, progress: Progress, apply: Callable[[list[Action]], None]) -> None:
        self._progress = progress
        self._apply = apply
        self._task = -1
        """The length of the history at the task to which the looks belong."""
        self._looks = 0
        self._going_on: asyncio.Task[None] | None = None
        progress.keep_pace(self._may_go_on)

    def _may_go_on(self) -> bool:
        task = workflow.info().get_current_history_length()
        if task != self._task:
            self._task, self._looks = task, 0
        self._looks += 1
        if self._looks <= MOST_LOOKS:
            return True
        if self._going_on is None:
            # A run from before has done all of it in one task.
            if not workflow.patched("paced-2026-11"):
                self._progress.keep_pace(lambda: True)
                return True
            self._going_on = asyncio.ensure_future(self._go_on())
        return False

    async def _go_on(self) -> None:
        await workflow.sleep(PAUSE, summary="very many steps at one moment")
        self._going_on = None
        self._apply(self._progress.go_on(workflow.now()))
