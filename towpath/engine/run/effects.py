"""Which steps leave something outside, and so may have to be undone when nobody knows how they ended."""

from collections.abc import Container

from towpath.engine.language.http_step import HttpConfig
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.steps import FunctionConfig

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""HTTP methods without an effect."""
_NO_EFFECT = frozenset({"claude", "wait", "wait-any", "condition", "set", "human-task", "queue", "raise"})


def has_effect(node: PlanNode, pure: Container[str]) -> bool:
    """Whether a step can do anything to the world. `pure` are the functions that are evaluated in the run itself."""
    step, config = node.step, node.config
    if node.inner is not None:
        return any(has_effect(member, pure) for member in node.inner.nodes)
    if step is None or step.type in _NO_EFFECT:
        return False
    if isinstance(config, HttpConfig):
        return config.method not in READING
    return not (isinstance(config, FunctionConfig) and config.handler in pure)
