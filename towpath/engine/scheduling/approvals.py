"""Which approvals a change of a step by hand would pass by."""

from collections.abc import Container, Iterable

from towpath.engine.language.plan import Plan, PlanNode, waits_for
from towpath.engine.language.steps import HumanTaskConfig, WaitAnyConfig
from towpath.engine.run.actions import SETTLED, State
from towpath.engine.scheduling.progress import Progress

IN_ITEMS = "{} asks people in the runs of its items, and who may decide all of it is known when these have ended"
"""Why nobody may pass by what a group asks."""


def asks_people(node: PlanNode) -> bool:
    """Whether the step waits for the decision of a person."""
    return bool(tasks_of(node))


def tasks_of(node: PlanNode) -> list[HumanTaskConfig]:
    """What the step asks people, be it in a race or, of a group with items, in each of them."""
    config = node.config
    if node.inner is not None:
        return [task for member in node.inner.nodes for task in tasks_of(member)]
    if isinstance(config, HumanTaskConfig):
        return [config]
    if isinstance(config, WaitAnyConfig):
        return [choice.human_task for choice in config.on.values() if choice.human_task is not None]
    return []


def approvals_touched(plan: Plan, step: str, *, decided: bool = False) -> list[str]:
    """Ids of the steps that ask people and that a change of `step` passes by, in the order of the document.

    That are the step itself, those before it, and those whose approval guards a later step that `step` feeds as well.
    Not those that `step` comes before, for their people see what it became; unless they have `decided`.
    """
    asking = [node for node in plan.nodes if asks_people(node)]
    if not asking:
        return []
    after, changed = _followers(plan), plan.by_id[step]
    fed = _after(after, changed) | {changed}

    def passed_by(node: PlanNode) -> bool:
        if node.index == changed:
            return True
        return decided if node.index in fed else not fed.isdisjoint(_after(after, node.index))

    return [node.id for node in asking if passed_by(node)]


def tasks_passed_by(
    progress: Progress, step: str, opened: Iterable[str], known: Container[str] = ()
) -> tuple[list[str], str | None]:
    """Of the tasks that were opened, by place (`STEP` or `STEP/CHOICE`), those that a change of the step passes by; and
    the first approval of which nobody knows yet who may give it. One that was not needed is passed by nobody. In a
    cycle, what was asked in an earlier visit is another task. `known` are groups, by place, of whose items it is known
    who decides: they are among the tasks once all of their items have ended.
    """
    places = list(opened)
    found: list[str] = []
    for guard in approvals_touched(progress.plan, step):
        now = progress.visits.place(guard)
        own = [place for place in places if place.partition("/")[0] == now]
        if now in known and progress.run_of(guard).state in SETTLED:
            own.append(now)
        if not own and progress.run_of(guard).state is not State.SKIPPED:
            return [], guard
        found.extend(own)
    return found, None


def approvals_dropped(old: Plan, new: Plan) -> list[str]:
    """Ids of the steps of `old` that ask people, and that `new` does not ask alike, or no longer before all that they
    guarded.
    """
    before, after = _followers(old), _followers(new)

    def stands(asking: PlanNode) -> bool:
        if asking.id not in new.by_id or asking.written != new.node(asking.id).written:
            return False
        guarded = {old.nodes[index].id for index in _after(before, asking.index)}
        still = _after(after, new.by_id[asking.id])
        return all(new.by_id[step] in still for step in guarded if step in new.by_id)

    return [node.id for node in old.nodes if asks_people(node) and not stands(node)]


def _followers(plan: Plan) -> list[list[int]]:
    """What waits for each node."""
    followers: list[list[int]] = [[] for _ in plan.nodes]
    for node in plan.nodes:
        for need in waits_for(plan.nodes, node):
            followers[need].append(node.index)
    return followers


def _after(followers: list[list[int]], index: int) -> set[int]:
    """All nodes that wait for a node in any way, by however many steps."""
    found: set[int] = set()
    waiting = list(followers[index])
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting.extend(followers[current])
    return found
