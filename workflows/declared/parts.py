"""One part of a large for_each, in a run of its own."""

from typing import cast

from temporalio import workflow

from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import ItemsRequest, ItemsResult
from towpath.contracts.declared.within import Sending
from towpath.engine.checks.inputs import secret_inputs
from towpath.engine.checks.loading import load_plan
from towpath.engine.language.plan import PlanNode
from towpath.engine.run.each import Gathered, allowed
from towpath.engine.run.evaluation import Evaluation, RunFacts
from towpath.engine.run.within import plan_within, recall_names
from towpath.functions.library import PURE
from workflows.declared.performing_groups import undo_items
from workflows.declared.record import titles
from workflows.declared.repeating import Batch, Repeating, Stop, loop_of
from workflows.declared.run import DeclaredRun
from workflows.declared.steering import Steering
from workflows.declared.temporal_effects import TemporalEffects
from workflows.kit.steps import Steps


async def perform_part(request: ItemsRequest, stop: Stop) -> ItemsResult:
    """All items of the part, or as many as begin before too many of them fail."""
    plan, around = load_plan(request.run.digest, request.run.definition), request.run.within
    plan = plan if around is None else plan_within(plan, around.groups) or plan
    node = plan.node(request.step)
    facts = RunFacts(
        id=request.owner if around is None else around.run_id,
        started_at=request.started_at or workflow.info().start_time,
        secrets=request.run.secrets,
        event=request.names["event"],
        trigger=request.run.trigger,
        salt=request.salt,
        language=request.run.language,
    )
    inputs, outputs = cast("JsonObject", request.names["inputs"]), cast("JsonObject", request.names["steps"])
    named = secret_inputs(plan)
    evaluation = Evaluation(facts, inputs, dict(outputs), PURE, lambda: str(workflow.uuid4()), named)
    recall_names(evaluation, request.names)
    at = request.visit or node.id
    evaluation.places = {node.id: at}
    if request.now is not None:
        evaluation.moments[at] = request.now
    steps = Steps(plan.definition.header.id, {node.id: titles(plan)[node.id]}, None)
    variants = {at: request.variant} if request.variant else {}
    run = DeclaredRun(request.run, plan, evaluation, steps, TemporalEffects(), request.owner, variants)
    run.budget = request.budget
    run.inside |= request.inside
    run.approvers[at] = None
    if request.undo:
        return await _undo(run, node, request)
    repeating = Repeating(run, Steering(run))
    count, numbers = len(request.items), request.indexes
    may_fail = allowed(loop_of(node), count) if request.may_fail is None else request.may_fail
    if request.may_fail is None and loop_of(node).on_item_error == "collect":
        may_fail = count
    batch = Batch(
        request.items,
        numbers or range(request.first, request.first + count),
        request.concurrency,
        may_fail,
        stop,
    )
    gathered = Gathered([None] * count)
    begun = await repeating.window(node, batch, gathered, range(count))
    return ItemsResult(
        results=tuple(gathered.results),
        failed=gathered.failed,
        failure=gathered.failure,
        begun=begun,
        failed_at=tuple(place for place in gathered.left() if place < begun),
        cost=steps.cost,
        effects=run.doubts.is_open(at),
        inside=_others(run, request),
        left=run.left,
        asked=at in run.approvers,
        approvers=None if (people := run.approvers.get(at)) is None else tuple(sorted(people)),
    )


def _others(run: DeclaredRun, request: ItemsRequest) -> dict[str, Sending]:
    """What runs of items sent that are not told of yet."""
    return {key: sending for key, sending in run.inside.items() if request.inside.get(key) is not sending}


async def _undo(run: DeclaredRun, node: PlanNode, request: ItemsRequest) -> ItemsResult:
    run.left |= request.undo
    found = await undo_items(run, node, request.undo, request.concurrency)
    return ItemsResult(
        results=(),
        inside=_others(run, request),
        left=run.left,
        undone=tuple(found.done),
        not_undone=tuple(found.left),
    )
