"""Checks of groups, and of tasks that are offered beside other steps: what they ask for must mean something there."""

from collections.abc import Callable, Iterator

from towpath.engine.checks.flow import Flow
from towpath.engine.expression.template import CompiledExpression, Template, compile_condition, compile_template
from towpath.engine.expression.values import MAX_TEXT, ExpressionError
from towpath.engine.language.copying import BRANCH, written_name
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.language.reads import texts_of
from towpath.engine.language.source import Source
from towpath.engine.language.steps import HumanTaskConfig, WaitAnyConfig
from towpath.engine.language.turns import items_around, limits_of
from towpath.engine.language.vocabulary import ONCE_ONLY

NEARLY = MAX_TEXT - 512


def check_groups(source: Source, plan: Plan) -> None:
    limits = limits_of(plan)
    for node in plan.nodes:
        most = None if node.group is None else node.group.max_concurrency
        working = sum((node.index, most) in limit for limit in limits.values())
        if most is not None and working <= most:
            what = f"it has {working} steps that take turns: {most} at a time limits nothing"
            mend = "leave it out; wait, wait-any and human-task take no turn"
            source.report((*node.path, "max_concurrency"), "group.no-effect", what, mend, key=True, severity="warning")
        if node.group is not None and node.group.each_done:
            _each_done(source, plan, node)
        if node.group is not None and node.group.for_each is not None:
            _each_item(source, plan, node)
        if node.branch is not None:
            _names(source, node)
            _lengths(source, node)


def _each_item(source: Source, plan: Plan, group: PlanNode) -> None:
    """Its members begin with their item and end with it."""
    if group.anonymous:
        what = "what it gives for each item is read by its id, and it has none"
        source.report((*group.path, "for_each"), "group.for-each", what, "add id: … to it", key=True)
    for node in plan.nodes:
        is_inside = group.index in items_around(plan, node.index)
        for need in node.step.needs or () if node.step is not None else ():
            other = plan.by_id.get(plan.seen_as(need, node.index))
            if other is None or is_inside == (group.index in items_around(plan, other)):
                continue
            if is_inside:
                what = f"{need} is outside of {group.id}, and is done before its first item begins, or not at all"
                mend = f"leave it out, and let {group.id} stand after {need}"
            else:
                what, mend = f"{need} is done for each item of {group.id}", f"write needs: [{group.id}]"
            source.report((*node.path, "needs"), "needs.across", what, mend)


def _each_done(source: Source, plan: Plan, node: PlanNode) -> None:
    if node.wanted is not None:
        what = "each_done runs for each member, and this group goes on before all have ended"
        source.report((*node.path, "join"), "group.each-done", what, "leave join out", key=True)
    for member in (plan.nodes[index] for index in plan.own_members(node)):
        if member.anonymous:
            what = "each_done knows a member by its id, and this group has none"
            source.report(member.path, "group.each-done", what, "add id: … to it")


def _names(source: Source, node: PlanNode) -> None:
    """Inside each_done, `branch` is the member."""
    step = node.step
    loop = None if step is None else step.for_each
    places: list[tuple[Path, str, str]] = [] if loop is None else [(("for_each", "as"), "for-each.name", loop.as_)]
    for index, entry in enumerate([] if step is None else step.catch):
        places.append((("catch", index, "as"), "catch.name", written_name(entry.as_ or "")))
    for place, code, name in places:
        if name == BRANCH:
            what = f"{name!r} means something already"
            source.report((*node.path, *place), code, what, "choose another name: inside each_done it is the member")


def _lengths(source: Source, node: PlanNode) -> None:
    """A long text may become too long by what stands for `branch` in it."""
    conditions = texts_of([None if node.step is None else node.step.when, node.written.get("if")])
    long = [text for text in conditions if len(text) > NEARLY and not _fits(text, compile_condition)]
    long += [text for text in texts_of(node.written) if len(text) > NEARLY and not _fits(text, compile_template)]
    if long:
        what = "a text has no room for the longer names of what it reads here"
        source.report(node.path, "expression.limit", what, "make it shorter, or compute parts of it in a set before")


def _fits(text: str, read: Callable[[str], CompiledExpression | Template]) -> bool:
    try:
        found = read(text)
    except ExpressionError:
        return False
    expressions = found.expressions if isinstance(found, Template) else (found,)
    return all(reference.path[0] != BRANCH for expression in expressions for reference in expression.references)


def check_offers(source: Source, plan: Plan) -> None:
    for node in plan.nodes:
        config = node.config
        if isinstance(config, WaitAnyConfig):
            for name, choice in config.on.items():
                place = (*node.path, "config", "on", name, "human-task")
                for field in () if choice.human_task is None else _given(choice.human_task):
                    what = f"{field} is for a human task that is a step, and this one is a choice of a race"
                    _report(source, (*place, field), what, "leave it out: the race withdraws it")
        if isinstance(config, HumanTaskConfig):
            _offered(source, plan, node, config)
            if config.repeatable:
                _repeatable(source, (*node.path, "config"), config)


def _offered(source: Source, plan: Plan, node: PlanNode, config: HumanTaskConfig) -> None:
    place = (*node.path, "config")
    if node.step is not None and node.step.for_each is not None:
        for field in _given(config):
            what = f"{field} is for one task, and a for_each asks once for each item"
            _report(source, (*place, field), what, "leave for_each out")
    elif config.optional and len(plan.order) == len(plan.nodes) and not _has_company(plan, node):
        what = "the run does not wait for it, and nothing runs beside it: it would be withdrawn as soon as it is open"
        _report(source, (*place, "optional"), what, "put it into a parallel with the steps that it goes with")


def _repeatable(source: Source, place: Path, config: HumanTaskConfig) -> None:
    for field, why in ONCE_ONLY.items():
        if field in config.model_fields_set:
            what = f"{field} is for a task that a decision ends, and a repeatable one is submitted any number of times"
            source.report((*place, field), "task.repeatable", what, f"leave it out: {why}", key=True)
    if config.enabled_while is None and not config.optional and "deadline" not in config.model_fields_set:
        what = "nothing says when it ends: no decision does"
        mend = "add enabled_while: …, optional: true, or its own deadline: …"
        source.report((*place, "repeatable"), "task.repeatable", what, mend, key=True)


def _given(config: HumanTaskConfig) -> Iterator[str]:
    if config.enabled_while is not None:
        yield "enabled_while"
    if config.optional:
        yield "optional"
    if config.repeatable:
        yield "repeatable"


def _has_company(plan: Plan, node: PlanNode) -> bool:
    """Whether another step may run at the same time."""
    flow = Flow(plan)
    return any(
        other.kind == "step"
        and other.index != node.index
        and items_around(plan, other.index) == items_around(plan, node.index)
        and not flow.settled_before(other.index, node.index)
        and not flow.settled_before(node.index, other.index)
        for other in plan.nodes
    )


def _report(source: Source, path: Path, what: str, mend: str) -> None:
    source.report(path, "task.offer", what, mend, key=True)
