"""Which steps a part of a definition reads, so that only their outputs have to travel with it."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from towpath.engine.expression.template import compile_template
from towpath.engine.expression.values import ExpressionError
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.language.shapes import as_list, as_object


def secrets_read(config: Any) -> tuple[str, ...]:
    """Names of the secrets that a part of a definition names itself."""
    found: dict[str, None] = {}
    for text in texts_of(config):
        try:
            expressions = compile_template(text).expressions
        except ExpressionError:
            continue
        for expression in expressions:
            for reference in expression.references:
                if reference.path[0] == "secrets" and len(reference.path) > 1:
                    found[reference.path[1]] = None
    return tuple(found)


def secrets_of(plan: Plan) -> tuple[str, ...]:
    """Names of all secrets that the steps of a plan send."""
    found: dict[str, None] = {}
    for node in plan.steps():
        step = node.step
        parts = [] if step is None else [step.config, *(part.config for part in (step.compensate, step.check) if part)]
        for part in parts:
            found |= dict.fromkeys(secrets_read(part))
    return tuple(found)


def steps_read(node: PlanNode, known: set[str]) -> set[str] | None:
    """Ids of the steps that the config of a step reads; None when it reads `steps` as a whole."""
    return steps_named(
        node.config.model_dump(mode="json") if isinstance(node.config, BaseModel) else node.config, known
    )


def steps_named(config: Any, known: set[str]) -> set[str] | None:
    """The same of any part of a definition."""
    found: set[str] = set()
    for text in texts_of(config):
        try:
            expressions = compile_template(text).expressions
        except ExpressionError:
            continue
        for expression in expressions:
            for reference in expression.references:
                if reference.path[0] != "steps":
                    continue
                if len(reference.path) == 1:
                    return None
                found.add(reference.path[1])
    return found & known


def texts_of(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
            continue
        fields, items = as_object(item), as_list(item)
        waiting.extend(fields.values() if fields is not None else items or [])
