"""What an item of a group leaves that was done: how each of its steps is undone, should the run around it fail."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.within import Left, Sending, Undo, Within
from towpath.engine.language.plan import PlanNode
from towpath.engine.run.actions import Action, State
from towpath.engine.scheduling.progress import Progress
from towpath.engine.scheduling.undoing import NO_UNDO, keeps_effects

MOST_NAMED = 20
"""So many steps of items are named in the note of their group."""


@dataclass(slots=True)
class ItemsUndone:
    """Names of steps of items, `group/index/step`: those that were undone, and those whose effect stays."""

    done: list[str] = field(default_factory=list[str])
    left: list[str] = field(default_factory=list[str])
    in_doubt: bool = False
    """Whether any item has had an effect, or may have."""


def leavings(progress: Progress, around: Within | None, left: Mapping[str, Left], sending: Sending) -> Left | None:
    """None when nothing is to be undone. `left` is what items of groups in it leave, by their names; `sending` is what
    was sent, which travels without its data.
    """
    if around is None:
        return None
    steps = {name: sent.model_copy(update={"config": None}) for name, sent in sending.steps.items()}
    sending = sending.model_copy(update={"steps": steps})
    if around.undo:
        return Left(sending=sending)
    undos = [_with_items(undo, left) for undo in progress.undoing.remaining()]
    undos = [undo for undo in undos if undo.items or progress.plan.node(undo.step).inner is None]
    if not undos:
        return None
    if not any(undo.unknown for undo in undos):
        return Left(undo=tuple(undos), sending=sending)
    given: JsonObject = {**around.steps, **progress.outputs}
    return Left(undo=tuple(undos), names=dict(progress.evaluation.errors), steps=given, sending=sending)


def of_place(left: Mapping[str, Left], place: str) -> dict[str, Left]:
    """What the items of one group leave."""
    return {name: each for name, each in left.items() if name.startswith(f"{place}/")}


def undo_ends(progress: Progress, node: PlanNode, place: str, undone: ItemsUndone, now: datetime) -> list[Action]:
    """What was to be undone of the items of a group has been, as far as it goes."""
    of = progress.run_at(place)
    if undone.left:
        return progress.left(place, now, ", ".join(undone.left[:MOST_NAMED]), partly=bool(undone.done))
    if undone.done:
        return progress.undone(place, now)
    if of.state is not State.COMPLETED and undone.in_doubt and keeps_effects(node, progress.evaluation):
        return progress.left(place, now, NO_UNDO)
    return progress.undone(place, now, note=of.note or "nothing to undo")


def _with_items(undo: Undo, left: Mapping[str, Left]) -> Undo:
    items = of_place(left, undo.place)
    return undo.model_copy(update={"items": items}) if items else undo
