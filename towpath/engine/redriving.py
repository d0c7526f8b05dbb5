"""What a redrive with another version of a definition may keep: outputs of steps that are still the same."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from towpath.engine.loading import digest
from towpath.engine.plan import Plan


def kept_outputs(
    old: Plan, new: Plan, completed: Mapping[str, JsonValue]
) -> tuple[dict[str, JsonValue], dict[str, str]]:
    """Outputs to seed the new run with, and why others are done again.

    A step that changed is done again, and so is everything that comes after it.
    """
    kept: dict[str, JsonValue] = {}
    again: dict[str, str] = {}
    redone: set[int] = set()
    for index in new.order:
        node = new.nodes[index]
        changed = node.id in old.by_id and _hash(old, node.id) != _hash(new, node.id)
        follows = any(need in redone for need in node.needs)
        if changed or follows:
            redone.add(index)
        if node.id not in completed:
            continue
        if changed:
            again[node.id] = "the step changed"
        elif follows:
            again[node.id] = "a step before it is done again"
        else:
            kept[node.id] = completed[node.id]
    again |= dict.fromkeys((step for step in completed if step not in new.by_id), "the step is gone")
    return kept, again


def _hash(plan: Plan, step: str) -> str:
    node = plan.node(step)
    if node.step is None:
        return ""
    written: dict[str, Any] = node.step.model_dump(mode="json", by_alias=True, exclude={"description", "needs"})
    return digest(written)
