"""What a redrive may keep: outputs of steps that are still the same, and what was sent for those done again."""

from collections.abc import Container, Iterable, Mapping
from typing import Any

from pydantic import JsonValue

from towpath.contracts.declared.within import Sending
from towpath.engine.checks.loading import digest
from towpath.engine.language.plan import Plan
from towpath.engine.scheduling.approvals import approvals_touched
from towpath.engine.scheduling.visits import step_of


def kept_outputs(
    old: Plan, new: Plan, completed: Mapping[str, JsonValue], given: Iterable[str] = ()
) -> tuple[dict[str, JsonValue], dict[str, str]]:
    """Outputs to seed the new run with, and why others are done again.

    A step that changed is done again, and so is everything that comes after it. People are asked again when something
    changed that they approved, also when its output is among those `given` by hand.
    """
    approvals = _asked_again(old, new, {step_of(place) for place in given})
    places: dict[str, list[str]] = {}
    for place in completed:
        places.setdefault(step_of(place), []).append(place)
    kept: dict[str, JsonValue] = {}
    again: dict[str, str] = {}
    redone: set[int] = set()
    for index in new.order:
        node = new.nodes[index]
        changed = node.id in old.by_id and _hash(old, node.id) != _hash(new, node.id)
        follows = any(need in redone for need in node.needs)
        if changed or follows or node.id in approvals:
            redone.add(index)
        for place in places.get(node.id, ()):
            if changed:
                again[place] = "the step changed"
            elif follows:
                again[place] = "a step before it is done again"
            elif node.id in approvals:
                again[place] = "what it approves was changed by hand"
            else:
                kept[place] = completed[place]
    for place in [place for place in kept if place != step_of(place)]:
        if _is_in_other_visit(new, new.by_id[step_of(place)], redone):
            del kept[place]
            again[place] = "a step before it is done again"
    again |= dict.fromkeys((place for place in completed if step_of(place) not in new.by_id), "the step is gone")
    return kept, again


def _is_in_other_visit(new: Plan, index: int, redone: Container[int]) -> bool:
    """Whether a later visit of a step comes after something that is done again: all of its cycle comes before it."""
    cycles = [node.cycle for node in new.cycles(index) if node.cycle is not None]
    return any(inside in redone for cycle in cycles for inside in range(cycle.begin, cycle.end))


def _asked_again(old: Plan, new: Plan, given: Container[str]) -> set[str]:
    """Steps that ask people, and whose approval is not of what the new run would do."""
    changed = [
        node.id
        for node in new.nodes
        if node.step is not None
        and (node.id in given or node.id not in old.by_id or _hash(old, node.id) != _hash(new, node.id))
    ]
    return {approval for step in changed for approval in approvals_touched(new, step, decided=True)}


def sent_again(old: Plan, new: Plan, sending: Sending, kept: Container[str]) -> tuple[Sending, dict[str, str]]:
    """What the new run is to know of what was sent, and what it will send for each step that is done again.

    Whoever changes what a step sends has decided that it is to be sent, also where the old one stands.
    """
    steps, told = dict(sending.steps), dict[str, str]()
    for step, sent in sending.steps.items():
        if step in kept or step_of(step) not in new.by_id:
            continue
        if _hash(old, step_of(step), SENT_FIELDS) != _hash(new, step_of(step), SENT_FIELDS):
            steps[step] = sent.model_copy(update={"stands": False, "config": None})
            told[step] = "anew, under another key: the step changed"
            if sent.stands:
                told[step] += "; what was sent before stands, or may"
        elif sent.stands:
            told[step] = "as before, under the same key: that stands, or may"
        else:
            told[step] = "as before, under the same key, or under another one where its inputs have changed"
    return sending.model_copy(update={"steps": steps}), told


SENT_FIELDS = {"type", "config", "for_each"}


def _hash(plan: Plan, step: str, fields: set[str] | None = None) -> str:
    """Of a step as written, or of some of its fields."""
    node = plan.node(step)
    if node.step is None:
        return ""
    written: dict[str, Any] = node.step.model_dump(
        mode="json", by_alias=True, include=fields, exclude={"description", "needs"}
    )
    if node.branch is not None:
        written["branch"] = plan.nodes[node.branch].id
    return digest(written)
