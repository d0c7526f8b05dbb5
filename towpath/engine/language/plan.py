"""Definition to plan: one graph of nodes with their needs, joins and guards. No layers: a step waits for its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from towpath.engine.language.copying import EACH_DONE, copy_entries, ids_of
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.model import Model
from towpath.engine.language.reading import Definition, Entry, GroupEntry, StepEntry
from towpath.engine.language.steps import Catch, Group, JoinCount, Step

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
    outputs. `ways` are the ends of cycles after which it runs: the other end skips it.
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


def make_plan(definition: Definition) -> Plan:
    """The plan; cycles and unknown ids are told by its `order` and by `unknown` of its nodes."""
    builder = _Builder()
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
    )


class _Builder:
    def __init__(self) -> None:
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
        name = entry.group.id or f"parallel:{'.'.join(map(str, entry.path))}{self._copy[0]}"
        node = self._node("group", name, entry.path)
        node.group, node.parent, node.guard, node.wanted = entry.group, parent, guard, _wanted(entry.group)
        for member in entry.members:
            node.members.append(self.add(member, before, node.index, guard))
        added = self._each_done(entry, node)
        node.needs = [*node.members, *added]
        node.members.extend(added)
        self._branches(entry, node)
        for name in ids_of(entry.each_done):
            node.members.append(self._runs(name, len(entry.members), node))
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


def cycle(plan: Plan) -> list[str]:
    """Ids on one cycle, in order; empty when there is none."""
    done = set(plan.order)
    left = [node.index for node in plan.nodes if node.index not in done]
    if not left:
        return []
    stuck = set(left)
    current, trail = left[0], list[int]()
    while current not in trail:
        trail.append(current)
        current = next(need for need in waits_for(plan.nodes, plan.nodes[current]) if need in stuck)
    return [plan.nodes[index].id for index in trail[trail.index(current) :]]
