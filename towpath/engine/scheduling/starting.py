"""How a step begins: with its config and items as they are at that moment, or, where nothing goes out, with its end."""

from towpath.engine.language.plan import PlanNode
from towpath.engine.run.actions import Outcome, Start
from towpath.engine.run.evaluation import Evaluation
from towpath.engine.run.sending import Sent


def begin_step(node: PlanNode, sent: Sent, evaluation: Evaluation) -> Start | Outcome:
    """What is to be started, or the outcome of a pure step. Raises StepError."""
    step = node.step
    if step is None:
        raise TypeError(node.id)
    if step.for_each is not None:
        return Start(node.id, items=sent.items(node, evaluation), visit=evaluation.places.get(node.id, ""))
    config = sent.config(node, evaluation)
    if evaluation.is_pure(node):
        return evaluation.perform(node, config)
    key = None if step.cache is None else str(evaluation.value(step.cache.key, "cache.key"))
    return Start(node.id, config, cache_key=key, visit=evaluation.places.get(node.id, ""))
