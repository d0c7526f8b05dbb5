"""What operators may do to a step of a run in memory, by the rules of the worker: nobody passes an approval by."""

from towpath.engine.language.definition import CaseDecision, CaseOperation
from towpath.engine.language.shapes import as_object
from towpath.engine.language.steps import HumanTaskConfig, WaitAnyConfig
from towpath.engine.run.actions import SETTLED
from towpath.engine.scheduling.approvals import IN_ITEMS, asks_people, tasks_passed_by
from towpath.engine.scheduling.progress import Progress
from towpath.engine.trial.run import TrialRun
from towpath.engine.trial.waits import TrialTask


def refusal(run: TrialRun, progress: Progress, operation: CaseOperation) -> str:
    """Why an operator may not settle the step, if that is so."""
    step = operation.skip or operation.set_output or ""
    if step not in run.plan.by_id:
        return f"{step} is not under way: a step of an item is named when its item has begun, as GROUP/INDEX/STEP"
    node, state = run.plan.node(step), progress.run_of(step).state
    if node.kind != "step":
        return f"{step} is not a single step"
    if state in SETTLED:
        return f"the step {step} is {state} already"
    if progress.stopping is not None:
        return "the run is being ended already"
    return _passed_by(run, progress, operation, step)


def _passed_by(run: TrialRun, progress: Progress, operation: CaseOperation, step: str) -> str:
    """Why the person may not pass by the approvals that the step touches."""
    node = run.plan.node(step)
    if operation.set_output is not None and isinstance(node.config, WaitAnyConfig) and asks_people(node):
        return f"{step} asks people: decide its task, or skip it"
    asked = {} if run.items is None else run.items.asked
    passed, unknown = tasks_passed_by(progress, step, run.tasks, asked)
    if unknown is not None and run.plan.node(unknown).inner is not None:
        return IN_ITEMS.format(unknown)
    if unknown is not None:
        return f"{unknown} guards {step}, and who may decide it is not known before it is open"
    in_items = (task for place in passed if place not in run.tasks for task in asked[place])
    if any(task.problem_of(operation.by) for task in in_items):
        return f"{operation.by} may not decide all that people were asked before it"
    problems = (
        _problem(run.tasks[place], operation)
        if place.partition("/")[0] == progress.visits.place(step)
        else run.tasks[place].problem_of(operation.by)
        for place in passed
        if place in run.tasks
    )
    return next(filter(None, problems), "")


def _problem(task: TrialTask, operation: CaseOperation) -> str:
    """Why the person may not settle the task alone."""
    if operation.set_output is not None:
        said = decision_of(operation)
        return said if isinstance(said, str) else task.refusal(said)
    said = CaseDecision(by=operation.by, verdict="reject", reason=operation.reason)
    return task.problem(said) or ("it takes several people" if task.given.quorum > 1 else "")


def decision_of(operation: CaseOperation) -> CaseDecision | str:
    """What the output of a human task decides, in the operator's own name, or why it is no decision."""
    fields = as_object(operation.output) or {}
    if fields.get("by", operation.by) != operation.by:
        return f"{operation.by} cannot decide in the name of {fields['by']}"
    said, data = fields.get("decision"), as_object(fields.get("data", {}))
    if said not in {"approve", "reject"} or data is None:
        return "the output of a human task is a decision"
    verdict = "approve" if said == "approve" else "reject"
    return CaseDecision(by=operation.by, verdict=verdict, reason=operation.reason, data=data)


def decided_task(run: TrialRun, operation: CaseOperation) -> TrialTask | None:
    """The task that an output by hand decides."""
    step = operation.set_output
    is_task = step is not None and step in run.plan.by_id and isinstance(run.plan.node(step).config, HumanTaskConfig)
    return run.tasks.get(run.evaluation.place(step)) if is_task and step is not None else None
