"""The graph of a definition for people: as an indented text, and as Mermaid."""

from collections.abc import Iterator

from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.language.steps import ForEach, Group, HumanTaskConfig
from towpath.engine.language.turns import items_around

SHAPES = {
    "condition": ("{", "}"),
    "human-task": ("[/", "/]"),
    "wait": ("([", "])"),
    "wait-any": ("([", "])"),
    "group": ("((", "))"),
}


def text_graph(plan: Plan) -> list[str]:
    """A line for each step: what it is, what it waits for, and the branch it is in; then the longest chain."""
    header = plan.definition.header
    lines = [f"{header.id}@{header.version}" + (f": {header.name}" if header.name else "")]
    for entry in _tops(plan):
        lines.extend(_lines(plan, entry, 1))
    chain = longest_chain(plan)
    return [*lines, "", f"Longest chain ({len(chain)} steps): {' → '.join(chain)}"]


def longest_chain(plan: Plan) -> list[str]:
    """Ids of the longest path through the graph, by number of steps."""
    best: dict[int, list[int]] = {}
    for index in plan.order:
        node = plan.nodes[index]
        before = [best[need] for need in _sources(plan, node) if need in best]
        chain = max(before, key=len, default=list[int]())
        best[index] = chain if node.anonymous or node.kind == "runs" else [*chain, index]
    longest = max(best.values(), key=len, default=list[int]())
    return [plan.nodes[index].id for index in longest]


def mermaid(plan: Plan) -> str:
    """A flowchart; compensations are dotted, branches are labelled."""
    lines = ["flowchart TD"]
    for node in plan.nodes:
        if not node.anonymous and node.kind != "runs":
            kind = "group" if node.step is None else node.step.type
            begin, end = SHAPES.get(kind, ("[", "]"))
            rules = "".join(f", {word}" for word in _offered(node)) if node.group is None else _rules(node, node.group)
            lines.append(f'  {_name(node)}{begin}"{_label(node.id)}<br/>{kind}{rules}"{end}')
    for node in plan.nodes:
        if node.group is not None and node.group.for_each is not None and not items_around(plan, node.index):
            lines.extend(_boxes(plan, node, 1))
    for node in plan.nodes:
        if node.anonymous or node.kind == "runs":
            continue
        for source, label in _edges(plan, node):
            arrow = f"-- {_label(label)} -->" if label else "-->"
            lines.append(f"  {_name(source)} {arrow} {_name(node)}")
        lines.extend(_ways_on(plan, node))
        if node.step is not None and node.step.compensate is not None:
            lines.append(f'  {_name(node)}_undo["undo {_label(node.id)}"]')
            lines.append(f"  {_name(node)} -.-> {_name(node)}_undo")
    return "\n".join(lines)


def _boxes(plan: Plan, node: PlanNode, depth: int) -> list[str]:
    """A box around what is done for each item of a group."""
    loop, indent = None if node.group is None else node.group.for_each, "  " * depth
    within = depth if loop is None else depth + 1
    inner = [line for member in node.members for line in _boxes(plan, plan.nodes[member], within)]
    if loop is None:
        return inner if node.anonymous or node.kind == "runs" else [f"{indent}{_name(node)}", *inner]
    title = f"{_label(node.id)}: for {_label(_each(loop))}"
    return [f'{indent}subgraph {_name(node)}_items["{title}"]', *inner, f"{indent}end"]


def _ways_on(plan: Plan, node: PlanNode) -> Iterator[str]:
    """Where a step with `back_to` leads."""
    cycle = node.cycle
    if cycle is not None:
        begin = plan.nodes[cycle.begin]
        target = plan.nodes[begin.members[0]] if begin.anonymous and begin.members else begin
        yield f"  {_name(node)} -. back, up to {cycle.most} visits .-> {_name(target)}"
        if cycle.exhausted is not None:
            yield f"  {_name(node)} -. exhausted .-> {_name(plan.nodes[cycle.exhausted])}"


def _tops(plan: Plan) -> Iterator[PlanNode]:
    return (node for node in plan.nodes if node.parent is None)


def _lines(plan: Plan, node: PlanNode, depth: int) -> list[str]:
    indent = "  " * depth
    if node.group is not None:
        found = [f"{indent}{'together' if node.anonymous else node.id}{_rules(node, node.group)}"]
        handlers = {member for members in node.branches.values() for member in members}
        for member in node.members:
            if plan.nodes[member].kind != "runs" and member not in handlers:
                found.extend(_lines(plan, plan.nodes[member], depth + 1))
        return [*found, *_branches(plan, node, depth)]
    found = [f"{indent}{node.id} ({_kind(node)}){_waits(plan, node)}"]
    return [*found, *_branches(plan, node, depth)]


def _branches(plan: Plan, node: PlanNode, depth: int) -> Iterator[str]:
    for name, members in node.branches.items():
        yield f"{'  ' * depth}  {name}:" + ("" if members else " nothing")
        for member in members:
            yield from _lines(plan, plan.nodes[member], depth + 2)


def _rules(node: PlanNode, group: Group) -> str:
    join = "" if node.wanted is None else f", goes on after {node.wanted}"
    turns = "" if group.max_concurrency is None else f", at most {group.max_concurrency} at a time"
    items = "" if group.for_each is None else f", for {_each(group.for_each)}"
    return items + join + turns + (", more for each that is done" if group.each_done else "")


def _kind(node: PlanNode) -> str:
    step = node.step
    if step is None:
        return "group"
    extra = [_each(step.for_each)] if step.for_each else []
    extra += ["undoable"] if step.compensate is not None else []
    extra += ["only when …"] if step.when is not None else []
    extra += _offered(node)
    if step.back_to is not None:
        then = "" if step.exhausted is None else f", then {step.exhausted}"
        extra.append(f"back to {step.back_to}, up to {step.max} visits{then}")
    return ", ".join([step.type, *extra])


def _offered(node: PlanNode) -> list[str]:
    """Of a human task: when it is open, whether the run waits for it, and how often it is submitted."""
    task = node.config
    if not isinstance(task, HumanTaskConfig):
        return []
    found = ["only while …"] if task.enabled_while is not None else []
    return [*found, *(["optional"] if task.optional else []), *(["repeatable"] if task.repeatable else [])]


def _waits(plan: Plan, node: PlanNode) -> str:
    names = sorted({source.id for source, _ in _edges(plan, node)})
    return f" after {', '.join(names)}" if names else ""


def _edges(plan: Plan, node: PlanNode) -> Iterator[tuple[PlanNode, str]]:
    """What a node waits for, groups without a name left out, and the branch where it is the first of one."""
    seen: set[int] = set()
    waiting = list(node.needs)
    while waiting:
        need = waiting.pop(0)
        if need in seen:
            continue
        seen.add(need)
        source = plan.nodes[need]
        if source.anonymous or source.kind == "runs":
            waiting.extend(source.members or source.needs)
        else:
            yield source, ""
    if node.guard is not None and not node.needs:
        yield plan.nodes[node.guard[0]], node.guard[1]


def _sources(plan: Plan, node: PlanNode) -> Iterator[int]:
    for need in node.needs:
        yield need
        if plan.nodes[need].is_open:
            yield from plan.nodes[need].members
    if node.guard is not None:
        yield node.guard[0]


def _name(node: PlanNode) -> str:
    return f"n{node.index}"


def _label(text: str) -> str:
    return text.replace('"', "'").replace("<", "‹").replace(">", "›")


def _each(loop: ForEach) -> str:
    if loop.on_event is not None:
        return f"each event {loop.on_event}"
    return f"each of {'many' if loop.times is None else loop.times}"
