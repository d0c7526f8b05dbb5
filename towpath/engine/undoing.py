"""Which steps of a run that ends are undone, and how: those that were done, and those of which nobody knows."""

from collections.abc import Mapping

from towpath.engine.actions import State, StepRun, Undo
from towpath.engine.evaluation import Evaluation, StepError
from towpath.engine.expression.values import Value
from towpath.engine.plan import PlanNode
from towpath.engine.steps import Step

NOBODY_KNOWS = "it may have happened, and has neither check nor compensate"


def is_undoable(node: PlanNode, run: StepRun, evaluation: Evaluation) -> bool:
    """Whether a step has an effect to be undone, or told of. One that is known to have failed has none, also when its
    default output went on for it.
    """
    if node.step is None:
        return False
    if node.step.compensate is not None:
        return run.unknown or (run.state is State.COMPLETED and run.failure is None)
    return run.unknown and evaluation.has_effect(node)


def asks_check(step: Step, *, unknown: bool) -> bool:
    """Whether the check says what is to be undone. It speaks of one effect: several are undone without asking it."""
    return unknown and step.check is not None and step.for_each is None and step.type != "multi-channel"


def undo_of(node: PlanNode, run: StepRun, outputs: Mapping[str, Value], evaluation: Evaluation) -> Undo | str:
    """How an undoable step is undone, or why it cannot be."""
    step = node.step
    has_check = step is not None and asks_check(step, unknown=run.unknown)
    if step is None or step.compensate is None:
        return Undo(node.id, None, run.unknown) if has_check else NOBODY_KNOWS
    try:
        output = outputs.get(node.id, run.partial)
        config = evaluation.value(step.compensate.config, f"{node.id}.compensate", output=output)
    except StepError as error:
        return Undo(node.id, None, run.unknown) if has_check else error.failure.message
    return Undo(node.id, config, run.unknown)
