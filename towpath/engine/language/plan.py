"""Definition to plan: one graph of nodes with their needs, joins and guards. No layers: a step waits for its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from towpath.engine.language.copying import EACH_DONE, copy_entries, ids_of, reads_of
from towpath.engine.language.definition import Monitoring
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.model import Model
from towpath.engine.language.reading import Definition, Entry, GroupEntry, StepEntry
from towpath.engine.language.steps import EACH_GROUP, Catch, EachGroupConfig, Group, JoinCount, Step

NodeKind = Literal["step", "condition", "group", "runs"]
MOST_NODES = 5_000


@dataclass(frozen=True, slots=True)
class Cycle:
    """Where a step with `back_to` leads: the nodes from `begin` to `end` are done again, the step as the last of them.

    When its visits are used up, `passed` are skipped and `exhausted` runs, which is skipped otherwise.
    """

    begin: int
    end: int
    most: int
    passed: tuple[int, ...] = ()
    exhausted: int | None = None


@dataclass(slots=True)
class PlanNode:
    """One node. `needs` are indexes. `listed`: it stands in a list's order, so it also runs when its need was skipped.

    `guard` is the condition, or what catches, whose branch it is in; `parent` what it is part of. `wanted` is
    how many completed needs start it: None for all. Of a copy, `copy` is the end of its id and `branch` the member that
    it follows; `followers` are the copies that follow a member. A node of the kind `runs` needs copies and has their
    outputs. `ways` are the ends of cycles after which it runs: the other end skips it. Of a group with `for_each` that
    is one step, `inner` is what is done for one item, and `reads` are all that this reads.
    """

    index: int
    id: str
    kind: NodeKind
    path: Path
    step: Step | None = None
    config: Model | dict[str, Any] | None = None
    group: Group | None = None
    needs: list[int] = field(default_factory=list[int])
    unknown: list[str] = field(default_factory=list[str])
    wanted: int | None = None
    listed: bool = True
    guard: tuple[int, str] | None = None
    parent: int | None = None
    members: list[int] = field(default_factory=list[int])
    branches: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    copy: str = ""
    branch: int | None = None
    followers: list[int] = field(default_factory=list[int])
    cycle: Cycle | None = None
    ways: tuple[tuple[int, str], ...] = ()
    inner: "Plan | None" = field(default=None, repr=False, compare=False)
    reads: tuple[tuple[str, ...], ...] = ()
    _written: dict[str, Any] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def written(self) -> Mapping[str, Any]:
        """The config by the names of the document. Made once: every run and every item reads it."""
        if self._written is None:
            self._written = written(self.config)
        return self._written

    @property
    def is_open(self) -> bool:
        """Whether what needs it waits for steps inside it as well: of a branch, or those that handle its error."""
        return self.kind == "condition" or bool(self.branches)

    @property
    def catches(self) -> Sequence[Catch]:
        """The errors that it handles: its own, or those of the steps in it."""
        if self.group is not None:
            return self.group.catch
        return self.step.catch if self.step is not None and self.kind == "step" else ()

    @property
    def anonymous(self) -> bool:
        return self.group is not None and self.group.id is None


@dataclass(frozen=True, slots=True)
class Plan:
    """The graph of a definition. `dependents` are the reverse of `needs`. `order` is topological, empty on a cycle."""

    definition: Definition
    nodes: tuple[PlanNode, ...]
    by_id: Mapping[str, int]
    dependents: tuple[tuple[int, ...], ...]
    duplicates: tuple[tuple[str, Path], ...]
    order: tuple[int, ...]
    is_cut: bool = False
    """Whether it would have too many nodes, and copies are left out."""
    within: str = ""
    """The group with `for_each` of which it is one item."""

    def node(self, step: str) -> PlanNode:
        return self.nodes[self.by_id[step]]

    def written_node(self, step: str) -> PlanNode:
        """As the document has a step: of copies the first one."""
        node = self.node(step)
        return self.nodes[node.needs[0]] if node.kind == "runs" and node.needs else node

    def steps(self) -> Iterator[PlanNode]:
        return (node for node in self.nodes if node.step is not None)

    def own_members(self, node: PlanNode) -> list[int]:
        """Members of a group as the document has them, without what follows each of them."""
        members = [self.nodes[index] for index in node.members]
        return [member.index for member in members if member.kind != "runs" and member.guard == node.guard]

    def seen_as(self, step: str, reader: int | None) -> str:
        """The id of the node that a text of the document means by a step, where `reader` may be a copy."""
        copy = "" if reader is None else self.nodes[reader].copy
        while copy:
            if step + copy in self.by_id:
                return step + copy
            copy = copy[: copy.rindex("[")]
        return step

    def guards(self, index: int) -> list[tuple[int, str]]:
        """The branches that a node is in, the innermost first."""
        found: list[tuple[int, str]] = []
        current: int | None = index
        while current is not None:
            node = self.nodes[current]
            found.extend(node.ways)
            if node.guard is not None:
                found.append(node.guard)
            current = node.parent
        return found

    def cycles(self, index: int) -> list[PlanNode]:
        """The steps that go back over a node, the innermost first."""
        around = [node for node in self.nodes if node.cycle is not None and node.cycle.begin <= index < node.cycle.end]
        return sorted(around, key=lambda node: node.index - node.cycle.begin if node.cycle is not None else 0)


def written(config: Model | dict[str, Any] | None) -> dict[str, Any]:
    """A config as JSON, by the names of the document."""
    return config.model_dump(mode="json", by_alias=True) if isinstance(config, Model) else dict(config or {})


def make_plan(definition: Definition, *, is_run: bool = False, within: str = "") -> Plan:
    """The plan; cycles and unknown ids are told by its `order` and by `unknown` of its nodes.

    `is_run`: a group with `for_each` is one step, whose members are a plan of their own. Else they are nodes like all.
    """
    builder = _Builder(definition if is_run else None)
    builder.add_list(definition.entries, None, None)
    builder.resolve()
    nodes = builder.nodes
    dependents: list[list[int]] = [[] for _ in nodes]
    for node in nodes:
        for need in node.needs:
            dependents[need].append(node.index)
    return Plan(
        definition,
        tuple(nodes),
        builder.by_id,
        tuple(map(tuple, dependents)),
        tuple(builder.duplicates),
        tuple(_topological(nodes)),
        builder.is_cut,
        within,
    )


def as_run(plan: Plan) -> Plan:
    """The plan of a checked definition as a run does it."""
    has_items = any(node.group is not None and node.group.for_each is not None for node in plan.nodes)
    return make_plan(plan.definition, is_run=True) if has_items else plan


def _of_one_item(definition: Definition, entry: GroupEntry, name: str) -> Plan:
    """What is done for one item of a group: the group itself, without what belongs to the whole run."""
    header = definition.header.model_copy(
        update={"outputs": None, "output": None, "cancel_on": None, "monitoring": Monitoring(), "tests": []}
    )
    group = entry.group.model_copy(update={"id": name, "for_each": None})
    one = replace(definition, header=header, triggers=(), entries=(replace(entry, group=group),), fallback=())
    return make_plan(one, is_run=True, within=name)


class _Builder:
    def __init__(self, definition: Definition | None) -> None:
        """`definition` is there where groups with `for_each` are steps."""
        self._definition = definition
        self._item_after: int | None = None
        """After what the items of a group begin whose members are nodes: none of its members begins before."""
        self.nodes: list[PlanNode] = []
        self.by_id: dict[str, int] = {}
        self.duplicates: list[tuple[str, Path]] = []
        self.is_cut = False
        self._copy: tuple[str, int | None] = ("", None)

    def add_list(
        self, entries: tuple[Entry, ...], parent: int | None, guard: tuple[int, str] | None, before: int | None = None
    ) -> list[int]:
        """Entries in order: each waits for the one before."""
        found: list[int] = []
        for entry in entries:
            before = self.add(entry, before, parent, guard)
            found.append(before)
        for place, entry in enumerate(entries):
            if isinstance(entry, StepEntry) and entry.step.back_to is not None:
                self._cycle(entry.step, found, place)
        return found

    def _cycle(self, step: Step, entries: list[int], place: int) -> None:
        """Only what stands in its own list before it is gone back to; what else is written, the checks tell."""
        names = {self.nodes[index].id: at for at, index in enumerate(entries)}
        first, last = names.get(step.back_to or ""), names.get(step.exhausted or "")
        if step.max is None or first is None or first >= place:
            return
        own, after = entries[place], entries[place + 1 :]
        end = after[0] if after else len(self.nodes)
        if last is None or last <= place:
            self.nodes[own].cycle = Cycle(entries[first], end, step.max)
            return
        passed = entries[place + 1 : last]
        self.nodes[own].cycle = Cycle(entries[first], end, step.max, tuple(passed), entries[last])
        for index in passed:
            self.nodes[index].ways += ((own, "goes on"),)
        self.nodes[entries[last]].ways += ((own, "exhausted"),)

    def add(self, entry: Entry, before: int | None, parent: int | None, guard: tuple[int, str] | None) -> int:
        if isinstance(entry, GroupEntry):
            if self._definition is not None and entry.group.for_each is not None:
                return self._each_group(self._definition, entry, before, parent, guard)
            return self._group(entry, before, parent, guard)
        return self._step(entry, before, parent, guard)

    def _node(self, kind: NodeKind, name: str, path: Path) -> PlanNode:
        copy, branch = self._copy
        node = PlanNode(len(self.nodes), name, kind, path, copy=copy, branch=branch)
        self.nodes.append(node)
        if name in self.by_id:
            self.duplicates.extend([] if copy else [(name, path)])
        else:
            self.by_id[name] = node.index
        return node

    def _group(self, entry: GroupEntry, before: int | None, parent: int | None, guard: tuple[int, str] | None) -> int:
        node = self._node("group", self._group_name(entry), entry.path)
        node.group, node.parent, node.guard, node.wanted = entry.group, parent, guard, _wanted(entry.group)
        outer = self._item_after
        self._item_after = outer if entry.group.for_each is None or before is None else before
        for member in entry.members:
            node.members.append(self.add(member, before, node.index, guard))
        added = self._each_done(entry, node)
        self._item_after = outer
        node.needs = [*node.members, *added]
        node.members.extend(added)
        self._branches(entry, node)
        for name in ids_of(entry.each_done):
            node.members.append(self._runs(name, len(entry.members), node))
        return node.index

    def _group_name(self, entry: GroupEntry) -> str:
        return entry.group.id or f"parallel:{'.'.join(map(str, entry.path))}{self._copy[0]}"

    def _each_group(
        self,
        definition: Definition,
        entry: GroupEntry,
        before: int | None,
        parent: int | None,
        guard: tuple[int, str] | None,
    ) -> int:
        """A group with `for_each`, as one step."""
        name, group = self._group_name(entry), entry.group
        outside = {"id", "for_each", "description"}
        written = group.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude=outside)
        node = self._node("step", name, entry.path)
        step = Step(id="unnamed", type=EACH_GROUP, for_each=group.for_each, description=group.description)
        node.step = step.model_copy(update={"id": name, "config": {"group": written}})
        node.config, node.parent, node.guard = EachGroupConfig(group=written), parent, guard
        node.needs = [] if before is None else [before]
        node.inner = _of_one_item(definition, entry, name)
        node.reads = reads_of(node.inner.definition.entries)
        return node.index

    def _each_done(self, entry: GroupEntry, group: PlanNode) -> list[int]:
        """A copy of the steps for each member, which starts when that is completed."""
        outer, found = self._copy, list[int]()
        for number, index in enumerate(group.members if entry.each_done else []):
            if len(self.nodes) > MOST_NODES:
                self.is_cut = True
                break
            member, own = self.nodes[index], f"[{number}]"
            copies = copy_entries(entry.each_done, own, member.id)
            self._copy = (outer[0] + own, index)
            member.followers = self.add_list(copies, group.index, (index, EACH_DONE), index)
            found.extend(member.followers)
        self._copy = outer
        return found

    def _runs(self, name: str, count: int, group: PlanNode) -> int:
        """What the copies of one step give, under its id."""
        node = self._node("runs", name, group.path)
        node.parent, node.guard = group.index, group.guard
        copies = (self.by_id.get(f"{name}[{number}]") for number in range(count))
        node.needs = [index for index in copies if index is not None]
        return node.index

    def _step(self, entry: StepEntry, before: int | None, parent: int | None, guard: tuple[int, str] | None) -> int:
        step = entry.step
        node = self._node("condition" if step.type == "condition" else "step", step.id, entry.path)
        node.step, node.config, node.parent, node.guard, node.wanted = step, entry.config, parent, guard, _wanted(step)
        if step.needs is None:
            node.needs = [] if before is None else [before]
        else:
            node.listed = not step.needs
            node.unknown = list(step.needs)
            if node.listed and self._item_after is not None:
                node.needs = [self._item_after]
        self._branches(entry, node)
        return node.index

    def _branches(self, entry: Entry, node: PlanNode) -> None:
        for name, branch in entry.branches.items():
            node.branches[name] = self.add_list(branch, node.index, (node.index, name))
            node.members.extend(node.branches[name])

    def resolve(self) -> None:
        """Ids of `needs` to indexes; what stays in `unknown` is not there."""
        for node in self.nodes:
            known = [self.by_id[name] for name in node.unknown if name in self.by_id]
            node.needs.extend(dict.fromkeys(known))
            node.unknown = [name for name in node.unknown if name not in self.by_id]


def _wanted(entry: Step | Group) -> int | None:
    if entry.join == "any":
        return 1
    return entry.join.count if isinstance(entry.join, JoinCount) else None


def _topological(nodes: list[PlanNode]) -> list[int]:
    """Kahn's algorithm; a node on a cycle, or behind one, is left out."""
    waiting = [0] * len(nodes)
    after: list[list[int]] = [[] for _ in nodes]
    for node in nodes:
        for need in waits_for(nodes, node):
            after[need].append(node.index)
            waiting[node.index] += 1
    ready = [node.index for node in nodes if waiting[node.index] == 0]
    found: list[int] = []
    while ready:
        index = ready.pop()
        found.append(index)
        for later in after[index]:
            waiting[later] -= 1
            if waiting[later] == 0:
                ready.append(later)
    return found


def waits_for(nodes: Sequence[PlanNode], node: PlanNode) -> list[int]:
    """Predecessors, with everything inside a condition that a need stands for, and all that a step goes back over."""
    found = [] if node.guard is None else [node.guard[0]]
    if node.cycle is not None:
        found.extend(range(node.cycle.begin, node.index))
    waiting = list(node.needs)
    seen: set[int] = set()
    while waiting:
        need = waiting.pop()
        if need in seen:
            continue
        seen.add(need)
        found.append(need)
        if nodes[need].is_open:
            waiting.extend(nodes[need].members)
    return found


def caught_at(plan: Plan, node: PlanNode) -> Iterator[Catch]:
    """The errors that a step is there to handle, the innermost first."""
    for index, branch in plan.guards(node.index):
        if branch.startswith("catch-"):
            yield plan.nodes[index].catches[int(branch.removeprefix("catch-")) - 1]
