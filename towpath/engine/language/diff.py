"""What changed between two definitions in meaning: steps, edges, prompts, conditions, inputs; and how much it risks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from towpath.engine.language.copying import base_of
from towpath.engine.language.http_step import FrozenDocument
from towpath.engine.language.plan import Plan, PlanNode, make_plan
from towpath.engine.language.reading import Definition
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.steps import Group

Bump = Literal["none", "patch", "minor", "major"]
ORDER: Mapping[str, int] = {"none": 0, "patch": 1, "minor": 2, "major": 3}
RISKS: Mapping[str, str] = {"none": "none", "patch": "low", "minor": "medium", "major": "high"}
SHOWN = 80


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `risk` is the least bump of the version that it needs."""

    kind: str
    where: str
    what: str
    risk: Bump

    def as_json(self) -> dict[str, str]:
        return {"kind": self.kind, "where": self.where, "what": self.what, "bump": self.risk}


@dataclass(frozen=True, slots=True)
class Comparison:
    """All changes, the heaviest first."""

    changes: tuple[Change, ...]

    @property
    def required_bump(self) -> Bump:
        found: Bump = "none"
        for change in self.changes:
            found = change.risk if ORDER[change.risk] > ORDER[found] else found
        return found

    @property
    def risk(self) -> str:
        """none, low, medium or high."""
        return RISKS[self.required_bump]

    def as_json(self) -> dict[str, Any]:
        return {
            "risk": self.risk,
            "required_bump": self.required_bump,
            "changes": [change.as_json() for change in self.changes],
        }


def compare(old: Definition, new: Definition) -> Comparison:
    """The changes that a run, or somebody who starts one, could notice."""
    plans = make_plan(old), make_plan(new)
    found = [
        *_identity(old, new),
        *_inputs(old, new),
        *(_outputs if old.header.output is None and new.header.output is None else _output)(old, new),
        *_triggers(old, new),
        *_documents(old, new),
        *_steps(*plans),
        *_groups(*plans),
        *_around(old, new),
    ]
    return Comparison(tuple(sorted(found, key=lambda change: (-ORDER[change.risk], change.where))))


def bump_problem(old: str, new: str, comparison: Comparison) -> str | None:
    """Why a version number is too small for its changes, and the smallest that would do."""
    before, after = _numbers(old), _numbers(new)
    if after <= before:
        return f"version {new} does not follow {old}: {_next(before, comparison.required_bump)} would"
    given = "major" if after[0] > before[0] else "minor" if after[1] > before[1] else "patch"
    wanted = comparison.required_bump
    if ORDER[given] >= ORDER[wanted]:
        return None
    because = [change.what for change in comparison.changes if change.risk == wanted]
    more = f" and {len(because) - 3} more" if len(because) > 3 else ""
    return (
        f"{old} to {new} is a {given} change, but this is a {wanted} one: {'; '.join(because[:3])}{more}. "
        f"Make it {_next(before, wanted)}"
    )


def _numbers(version: str) -> tuple[int, int, int]:
    major, minor, patch = (int(part) for part in version.split("."))
    return major, minor, patch


def _next(version: tuple[int, int, int], bump: Bump) -> str:
    major, minor, patch = version
    if bump == "major":
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if bump == "minor" else f"{major}.{minor}.{patch + 1}"


def _identity(old: Definition, new: Definition) -> Iterator[Change]:
    if old.header.id != new.header.id:
        yield Change("id", "id", f"{new.header.id} is another definition than {old.header.id}", "major")


def _inputs(old: Definition, new: Definition) -> Iterator[Change]:
    before, after = old.header.inputs, new.header.inputs
    for name in before.keys() - after.keys():
        yield Change("input", f"inputs.{name}", f"the input {name} is gone", "major")
    for name in after.keys() - before.keys():
        optional = _is_optional(after[name])
        what = f"a new {'optional' if optional else 'required'} input {name}"
        yield Change("input", f"inputs.{name}", what, "minor" if optional else "major")
    for name in before.keys() & after.keys():
        yield from _input(name, before[name], after[name])


def _input(name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    where = f"inputs.{name}"
    if _is_optional(old) != _is_optional(new):
        optional = _is_optional(new)
        what = f"the input {name} {'may be left out now' if optional else 'has to be given now'}"
        yield Change("input", where, what, "minor" if optional else "major")
    elif old.get("default") != new.get("default"):
        what = f"the input {name} has another default: {_arrow(old.get('default'), new.get('default'))}"
        yield Change("input", where, what, "minor")
    before, after = _taken(old), _taken(new)
    if before != after:
        bump: Bump = "minor" if _is_wider(before, after) else "major"
        what = f"the input {name} takes {'more than before' if bump == 'minor' else 'something else'}"
        yield Change("input", where, what, bump)
    elif any(old.get(field) != new.get(field) for field in TOLD):
        yield Change("description", where, f"the input {name} is described differently", "none")


TOLD = frozenset({"description", "title", "examples"})
"""Keywords that people read, and that no input breaks."""
LIMITS = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"}
    | {"pattern", "format", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "enum", "const"}
)
"""Keywords without which a schema takes more."""


def _is_optional(schema: dict[str, Any]) -> bool:
    return "default" in schema or schema.get("x-optional") is True


def _taken(schema: dict[str, Any]) -> dict[str, Any]:
    """What decides which values a schema takes."""
    return {name: value for name, value in schema.items() if name not in {*TOLD, "default", "x-optional"}}


def _is_wider(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a new schema surely takes what an old one took: only fewer limits, and more optional fields."""
    if set(after) - set(before) - {"properties"} or set(before) - set(after) - LIMITS - {"required"}:
        return False
    if not set(as_list(after.get("required")) or []) <= set(as_list(before.get("required")) or []):
        return False
    was, now = as_object(before.get("properties")) or {}, as_object(after.get("properties")) or {}
    if not all(name in now and now[name] == schema for name, schema in was.items()):
        return False
    own = {"required", "properties"}
    return all(_takes_more(name, before[name], value) for name, value in after.items() if name not in own)


def _takes_more(keyword: str, old: Any, new: Any) -> bool:
    if keyword == "enum":
        more = as_list(new) or []
        return all(value in more for value in as_list(old) or [])
    return bool(old == new)


def _output(old: Definition, new: Definition) -> Iterator[Change]:
    """Of definitions of which at least one gives one value instead of named ones."""
    before, after = old.header.output, new.header.output
    if before is None or after is None:
        given = "named outputs" if after is None else "one value"
        yield Change("output", "output", f"the run gives {given}, and did not before", "major")
    elif before != after:
        yield Change("output", "output", f"the output is made differently: {_arrow(before, after)}", "minor")


def _outputs(old: Definition, new: Definition) -> Iterator[Change]:
    before, after = old.header.outputs, new.header.outputs
    if before is None or after is None:
        if before != after:
            yield Change("output", "outputs", "the outputs are named differently", "major")
            return
        # Without names, every step is an output by its id.
        given = {entry.step.id for entry in new.steps()}
        for entry in old.steps():
            if entry.step.id not in given:
                what = f"the output {entry.step.id} is gone, with its step"
                yield Change("output", f"outputs.{entry.step.id}", what, "major")
        return
    for name in before.keys() - after.keys():
        yield Change("output", f"outputs.{name}", f"the output {name} is gone", "major")
    for name in after.keys() - before.keys():
        yield Change("output", f"outputs.{name}", f"a new output {name}", "minor")
    for name in before.keys() & after.keys():
        if before[name] != after[name]:
            what = f"the output {name} is made differently: {_arrow(before[name], after[name])}"
            yield Change("output", f"outputs.{name}", what, "minor")


def _triggers(old: Definition, new: Definition) -> Iterator[Change]:
    before = [trigger.model_dump(mode="json") for trigger, _ in old.triggers]
    after = [trigger.model_dump(mode="json") for trigger, _ in new.triggers]
    endpoints = {trigger.get("endpoint") for trigger in after}
    for trigger in before:
        if trigger["type"] == "webhook" and trigger["endpoint"] not in endpoints:
            yield Change("trigger", "triggers", f"nothing answers at {trigger['endpoint']} any more", "major")
        elif trigger not in after:
            yield Change("trigger", "triggers", f"a {trigger['type']} trigger is gone or changed", "minor")
    for trigger in after:
        if trigger not in before:
            yield Change("trigger", "triggers", f"a new or changed {trigger['type']} trigger", "minor")


def _documents(old: Definition, new: Definition) -> Iterator[Change]:
    """What steps call by: what is frozen of a document counts, and not what it says elsewhere."""
    before, after = old.header.documents, new.header.documents
    for name in sorted(before.keys() | after.keys()):
        where = f"documents.{name}"
        one, other = before.get(name), after.get(name)
        if one is None or other is None:
            what = f"the document {name} is gone" if other is None else f"a new document {name}"
            yield Change("document", where, what, "minor")
            continue
        if (one.openapi, one.connection) != (other.openapi, other.connection):
            said = _arrow(f"{one.openapi} by {one.connection}", f"{other.openapi} by {other.connection}")
            yield Change("document", where, f"the document {name} is another one: {said}", "minor")
        if one.frozen is not None and other.frozen is not None:
            yield from _frozen(name, one.frozen, other.frozen)


def _frozen(name: str, old: FrozenDocument, new: FrozenDocument) -> Iterator[Change]:
    where = f"documents.{name}"
    if old.server != new.server:
        yield Change("document", where, f"{name} is called elsewhere: {_arrow(old.server, new.server)}", "minor")
    changed = [each for each in old.operations.keys() & new.operations.keys() if _differ(old, new, each)]
    for operation in sorted(changed):
        yield Change("document", f"{where}.{operation}", f"{name} {operation} is described otherwise", "minor")
    if old.digest != new.digest and not changed:
        what = f"the document {name} changed ({_arrow(old.version, new.version)}), but for what is called of it"
        yield Change("document", where, what, "patch")


def _differ(old: FrozenDocument, new: FrozenDocument, operation: str) -> bool:
    return old.operations[operation] != new.operations[operation]


def _steps(old: Plan, new: Plan) -> Iterator[Change]:
    before, after = _written(old), _written(new)
    for name in before.keys() - after.keys():
        yield Change("step", f"steps.{name}", f"the step {name} is gone", "minor")
    for name in after.keys() - before.keys():
        step = after[name].step
        kind = "" if step is None else f" ({step.type})"
        yield Change("step", f"steps.{name}", f"a new step {name}{kind}", "minor")
    for name in before.keys() & after.keys():
        yield from _step(name, before[name], after[name])
        edges = _waits_for(old, before[name]), _waits_for(new, after[name])
        if edges[0] != edges[1]:
            was, now = (", ".join(sorted(edge)) or "nothing" for edge in edges)
            yield Change("edge", f"steps.{name}", f"{name} waits for {now} instead of {was}", "minor")


def _written(plan: Plan) -> dict[str, PlanNode]:
    """Steps as the document has them: of copies the first one."""
    found: dict[str, PlanNode] = {}
    for node in plan.steps():
        found.setdefault(base_of(node.id), node)
    return found


def _groups(old: Plan, new: Plan) -> Iterator[Change]:
    """How groups join: those with a name by it, the others by their members."""
    before, after = _groups_of(old), _groups_of(new)
    for name in before.keys() & after.keys():
        for field in ("join", "losers", "on_error", "max_concurrency", "catch", "for_each"):
            one, other = getattr(before[name], field), getattr(after[name], field)
            if one != other:
                gives_otherwise = field == "for_each" and (one is None or other is None)
                risk: Bump = "major" if gives_otherwise else "minor"
                yield Change("group", f"steps.{name}", f"{name}: {field}: {_arrow(one, other)}", risk)


def _groups_of(plan: Plan) -> dict[str, Group]:
    found: dict[str, Group] = {}
    for node in plan.nodes:
        if node.group is not None:
            members = ", ".join(sorted(plan.nodes[member].id for member in plan.own_members(node)))
            found[f"the group of {members}" if node.anonymous else node.id] = node.group
    return found


def _waits_for(plan: Plan, node: PlanNode) -> frozenset[str]:
    """Ids that a step waits for; groups without a name stand for their members."""
    found: set[str] = set()
    waiting = list(node.needs)
    while waiting:
        need = plan.nodes[waiting.pop()]
        if need.anonymous:
            waiting.extend(need.members)
        else:
            found.add(need.id)
    if node.guard is not None:
        found.add(f"{plan.nodes[node.guard[0]].id}:{node.guard[1]}")
    return frozenset(found)


HEAVY = frozenset({"compensate", "check"})
PROMPTS = frozenset({"prompt", "system", "model"})
CONDITIONS = frozenset({"if", "when", "until", "filter", "case", "switch", "enabled_while"})
LIGHT = frozenset({"timeout", "retry", "cache", "description", "limits", "max_tokens", "effort", "remind"})


def _step(name: str, old: PlanNode, new: PlanNode) -> Iterator[Change]:
    if old.step is None or new.step is None:
        return
    if old.step.type != new.step.type:
        yield Change("type", f"steps.{name}", f"{name} is a {new.step.type} step now, no {old.step.type}", "major")
        return
    skipped = {"id", "type", "config", "needs"}
    before = old.step.model_dump(mode="json", by_alias=True, exclude=skipped) | _config(old)
    after = new.step.model_dump(mode="json", by_alias=True, exclude=skipped) | _config(new)
    for field in sorted(before.keys() | after.keys()):
        one, other = before.get(field), after.get(field)
        if one != other:
            yield _field(name, field, one, other)


def _config(node: PlanNode) -> dict[str, Any]:
    """The config of a step; branches are compared as steps of their own."""
    given = node.config
    plain = given.model_dump(mode="json", by_alias=True) if isinstance(given, BaseModel) else dict(given or {})
    for branch in ("then", "else", "default"):
        plain.pop(branch, None)
    cases = as_list(plain.get("switch"))
    if cases is not None:
        plain["switch"] = [(as_object(case) or {}).get("case") for case in cases]
    return plain


def _field(step: str, field: str, old: Any, new: Any) -> Change:
    where = f"steps.{step}.{field}"
    if field == "description":
        return Change("description", where, f"{step} is described differently", "none")
    if field in HEAVY:
        risk: Bump = "major" if new is None else "minor"
        what = f"{step} has {'no' if new is None else 'another' if old is not None else 'a'} {field}"
        return Change(field, where, what, risk)
    if field in PROMPTS or field in CONDITIONS:
        kind, word = ("prompt", field) if field in PROMPTS else ("condition", "condition")
        return Change(kind, where, f"{step}: another {word}: {_arrow(old, new)}", "minor")
    if field == "repeatable":
        end = "a decision no longer ends it" if new else "a decision ends it"
        return Change("output", where, f"{step}: {end}, and what it gives has another form", "major")
    if field in LIGHT:
        return Change("policy", where, f"{step}: {field}: {_arrow(old, new)}", "patch")
    return Change("config", where, f"{step}: {field}: {_arrow(old, new)}", "minor")


def _around(old: Definition, new: Definition) -> Iterator[Change]:
    before, after = old.header, new.header
    for field, bump in (
        ("error_handling", "minor"),
        ("monitoring", "patch"),
        ("budget", "patch"),
        ("cancel_on", "minor"),
        ("limits", "patch"),
    ):
        one, other = getattr(before, field), getattr(after, field)
        if one != other:
            risk: Bump = "minor" if bump == "minor" else "patch"
            yield Change("policy", field, f"{field} changed", risk)
    if (before.name, before.description) != (after.name, after.description):
        yield Change("description", "name", "it is named or described differently", "none")


def _arrow(old: Any, new: Any) -> str:
    return f"{_short(old)} → {_short(new)}"


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
