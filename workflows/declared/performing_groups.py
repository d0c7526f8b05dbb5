"""A group with `for_each`: the members of each item are done in a run of its own, a child of this one, and undone in
another one when this run fails.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace

from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError, is_cancelled_exception

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.wire import JsonObject, clip
from towpath.contracts.declared.run import DeclaredFailure, DeclaredOutcome, DeclaredRequest, DeclaredResult
from towpath.contracts.declared.within import Left
from towpath.engine.language.plan import PlanNode
from towpath.engine.run.actions import Completed, Failed, Outcome
from towpath.engine.run.each import Gathered
from towpath.engine.run.within import event_read, inputs_read, within, within_undo
from towpath.engine.scheduling.leaving import ItemsUndone
from towpath.temporal.failures import failure_of
from workflows.declared.performing import failed_run, left_nothing, letter_of
from workflows.declared.run import DeclaredRun, StepJob
from workflows.kit.task import HumanTask


async def perform_members(job: StepJob) -> Outcome:
    """The members of one item. What a run of them sent that failed is sent alike when it is begun again."""
    run, sends = job.run, job.run.evaluation.has_effect(job.node)
    try:
        if not sends:
            return await _members(job)
        with run.doubts.sending(job.at, job.name):
            outcome = await _members(job)
    except WorkflowAlreadyStartedError:
        message = clip(f"the run {job.key} is open already")
        return Failed(Failure(code=FailureCode.CHILD_FAILED, message=message, unknown=sends), unknown=sends)
    if isinstance(outcome, Failed) and not outcome.unknown:
        run.doubts.clear(job.at, job.name)
    return outcome


async def _members(job: StepJob) -> Outcome:
    child = await job.run.effects.start_run(_request(job), job.key, _summary(job.run, job.name), outlives=False)
    try:
        result = await child.ended(lambda: job.run.why_cancelled(job.at))
    except ChildWorkflowError as error:
        if is_cancelled_exception(error):
            # A run that is cancelled undoes by itself what it did.
            job.run.doubts.clear(job.at, job.name)
            job.run.approvers.pop(job.at, None)
            raise
        return _failed(job, error.cause or error)
    job.run.steps.add_cost(job.node.id, result.cost)
    job.run.asked(job.at, result.approvers)
    if result.left is not None:
        job.run.left[job.name] = result.left
    if result.outcome is DeclaredOutcome.REJECTED:
        return _rejected(job, result)
    return Completed(result.outputs)


def _summary(run: DeclaredRun, name: str) -> str:
    step, _, index = name.rpartition("/")
    return f"{run.title(step.partition('~')[0])}: item {index}"


def _failed(job: StepJob, cause: BaseException) -> Failed:
    failed, letter = failed_run(cause), letter_of(cause)
    if failed is None:
        job.run.approvers.pop(job.at, None)
    else:
        job.run.asked(job.at, failed.approvers)
        job.run.inside |= {} if failed.sending is None else {job.key: failed.sending}
    if letter is not None:
        job.run.steps.add_cost(job.node.id, letter.cost)
    failure = failure_of(cause)
    if left_nothing(cause) or not job.run.evaluation.has_effect(job.node):
        return Failed(failure.model_copy(update={"unknown": False}))
    return _staying(job, failure, () if letter is None else letter.not_undone)


def _rejected(job: StepJob, result: DeclaredResult) -> Failed:
    failure = Failure(code=FailureCode.CHILD_FAILED, message="a person rejected it")
    return _staying(job, failure, result.not_undone) if result.not_undone else Failed(failure)


def _staying(job: StepJob, failure: Failure, steps: tuple[str, ...]) -> Failed:
    """An item that failed, and of which something stays, or may."""
    job.run.left[job.name] = Left(stays=steps or ("",))
    stays = f"; not undone: {', '.join(steps)}" if steps else ""
    told = failure.model_copy(update={"message": clip(f"{failure.message}{stays}"), "unknown": True})
    return Failed(told, unknown=True)


def _request(job: StepJob) -> DeclaredRequest:
    """The definition is the same, so its digest pins what the members are."""
    run, evaluation = job.run, job.run.evaluation
    own, node, budget = run.request, job.node, run.steps.budget_left(run.budget)
    return own.model_copy(
        update={
            **_NOTHING,
            "inputs": inputs_read(node, evaluation),
            "event": event_read(node, evaluation),
            "earlier": run.inside.get(job.key),
            "within": within(node, evaluation, own.within, job.names, job.name, budget),
        }
    )


def approvers_of(run: DeclaredRun, tasks: Iterable[HumanTask]) -> tuple[str, ...] | None:
    """Who may decide all that an item asked people, for the run around it; None when it asked nobody."""
    if run.request.within is None:
        return None
    asked = [task.deciders() for task in tasks]
    asked += [set(people) for people in run.approvers.values() if people is not None]
    return tuple(sorted(asked[0].intersection(*asked[1:]))) if asked else None


def for_parent(failure: DeclaredFailure) -> DeclaredFailure:
    """What a run that failed tells. An item is begun again by its parent, which has its definition already."""
    if failure.request.within is None:
        return failure
    request = failure.request.model_copy(update={"definition": {}, "inputs": {}})
    return failure.model_copy(update={"request": request, "completed": {}})


def owner_of(request: DeclaredRequest) -> str | None:
    """What the keys of a run are made of that undoes an item; None for any other run."""
    return None if request.within is None else request.within.owner or None


_NOTHING: JsonObject = {"seed": {}, "resume": None, "redrive_of": None, "discard": None, "items": {}}


async def undo_items(run: DeclaredRun, node: PlanNode, items: Mapping[str, Left], concurrency: int) -> ItemsUndone:
    """Undo what items left: the last of them first, a few at once, each in a run of its own."""
    turns, found = asyncio.Semaphore(concurrency), ItemsUndone()

    async def one(name: str, left: Left) -> None:
        async with turns:
            await _undo_item(run, node, name, left, found)

    await asyncio.gather(*(asyncio.ensure_future(one(name, items[name])) for name in reversed([*items])))
    return found


async def _undo_item(run: DeclaredRun, node: PlanNode, name: str, left: Left, found: ItemsUndone) -> None:
    found.left.extend(f"{name}/{step}".rstrip("/") for step in left.stays)
    if not left.undo:
        return
    key, own, budget = run.key(name), run.request, run.steps.budget_left(run.budget)
    given = within_undo(node, run.evaluation, own.within, left, budget, key)
    inputs = inputs_read(node, run.evaluation)
    update = {**_NOTHING, "inputs": inputs, "event": None, "earlier": left.sending, "within": given}
    try:
        child = await run.effects.start_run(
            own.model_copy(update=update), f"{key}/undo", f"{_summary(run, name)}, undo", outlives=False
        )
        result = await child.ended(lambda: run.why_cancelled(name))
    except (ChildWorkflowError, WorkflowAlreadyStartedError):
        found.left.extend(f"{name}/{undo.place}" for undo in left.undo)
        return
    found.done.extend(f"{name}/{step}" for step in result.undone)
    found.left.extend(f"{name}/{step}" for step in result.not_undone)
    if result.left is not None and result.left.sending is not None:
        run.inside[key] = result.left.sending
    rest = tuple(undo for undo in left.undo if undo.place in result.not_undone)
    if rest or left.stays:
        run.left[name] = left.model_copy(update={"undo": rest})
    else:
        del run.left[name]


def tell_items(run: DeclaredRun, node: PlanNode, gathered: Gathered) -> None:
    """How far a group is, for people."""
    if node.inner is not None:
        failed = f", {gathered.failed} failed" if gathered.failed else ""
        note = f"{len(gathered.done)} of {len(gathered.results)} items done{failed}"
        run.steps.remark(node.id, f"{note}; {_where(run, run.evaluation.place(node.id))}")


def with_runs(run: DeclaredRun, node: PlanNode, place: str, outcome: Outcome) -> Outcome:
    """The outcome of a group, with where its items are."""
    if node.inner is None or not isinstance(outcome, Completed) or not outcome.output:
        return outcome
    return replace(outcome, note=f"{outcome.note}; {_where(run, place)}")


def _where(run: DeclaredRun, place: str) -> str:
    return f"the run of an item is {run.key(f'{place}/INDEX')}"
