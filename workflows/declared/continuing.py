"""What a run that goes on in a new history hands over to it, beside its schedule."""

from datetime import datetime
from typing import TYPE_CHECKING, cast

from pydantic import JsonValue
from temporalio import workflow

from towpath.contracts.core.run import Cost, StepRecord
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import DeclaredRequest
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.turns import PATIENT
from towpath.engine.scheduling.progress import Progress

if TYPE_CHECKING:
    from workflows.declared.driver import Driver


def began(request: DeclaredRequest) -> datetime:
    """When the run began, in whatever history that was."""
    given = None if request.resume is None else request.resume.get("began")
    return workflow.info().start_time if given is None else datetime.fromisoformat(str(given))


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
    }


def take_over(driver: "Driver", resume: JsonObject) -> None:
    """Go on from there. Earlier versions handed over less: such a run begins to number its events anew."""
    driver.paused = resume.get("paused") is True
    driver.run.inbox.take_over(resume)
    records = [StepRecord.model_validate(found) for found in cast("list[JsonValue]", resume.get("steps", []))]
    driver.steps.restore(Cost.model_validate(resume["cost"]), began(driver.request), records)
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
    if any(node.step is not None and node.step.type in PATIENT for node in others):
        return True
    return any(map(_lasts, others)) and workflow.patched("goes-on-beside-2026-11")


def _lasts(node: PlanNode) -> bool:
    """The run of another definition, a poll, or a loop over events."""
    step = node.step
    if step is None:
        return False
    is_open = step.for_each is not None and step.for_each.on_event is not None
    return is_open or step.type == "workflow" or node.written.get("poll") is not None


def is_whole(resume: JsonObject | None) -> bool:
    """Whether an earlier part of the run has told its story so far."""
    return resume is not None and "told" in resume
