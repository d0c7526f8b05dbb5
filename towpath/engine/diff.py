"""What changed between two definitions in meaning: steps, edges, prompts, conditions, inputs; and how much it risks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from towpath.engine.plan import Plan, PlanNode, make_plan
from towpath.engine.reading import Definition
from towpath.engine.shapes import as_list, as_object

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
    found = [
        *_inputs(old, new),
        *_outputs(old, new),
        *_triggers(old, new),
        *_steps(make_plan(old), make_plan(new)),
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


def _inputs(old: Definition, new: Definition) -> Iterator[Change]:
    before, after = old.header.inputs, new.header.inputs
    for name in before.keys() - after.keys():
        yield Change("input", f"inputs.{name}", f"the input {name} is gone", "major")
    for name in after.keys() - before.keys():
        optional = "default" in after[name] or after[name].get("x-optional") is True
        what = f"a new {'optional' if optional else 'required'} input {name}"
        yield Change("input", f"inputs.{name}", what, "minor" if optional else "major")
    for name in before.keys() & after.keys():
        if before[name] != after[name]:
            bump: Bump = "minor" if _is_wider(before[name], after[name]) else "major"
            what = f"the input {name} takes {'more than before' if bump == 'minor' else 'something else'}"
            yield Change("input", f"inputs.{name}", what, bump)


def _is_wider(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether everything that an old schema took is surely taken by a new one: only additions of optional fields."""
    ignored = {"description", "title", "examples", "default"}
    before = {name: value for name, value in old.items() if name not in ignored}
    after = {name: value for name, value in new.items() if name not in ignored}
    if before.get("type") != after.get("type") or set(after) - set(before) - {"properties"}:
        return False
    if not set(as_list(after.get("required")) or []) <= set(as_list(before.get("required")) or []):
        return False
    was, now = as_object(before.get("properties")) or {}, as_object(after.get("properties")) or {}
    same = all(name in now and now[name] == schema for name, schema in was.items())
    rest = {"required", "properties"}
    return same and all(after.get(name) == value for name, value in before.items() if name not in rest)


def _outputs(old: Definition, new: Definition) -> Iterator[Change]:
    before, after = old.header.outputs, new.header.outputs
    if before is None or after is None:
        if before != after:
            yield Change("output", "outputs", "the outputs are named differently", "major")
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
    for trigger in before:
        if trigger not in after:
            yield Change("trigger", "triggers", f"a {trigger['type']} trigger is gone or changed", "minor")
    for trigger in after:
        if trigger not in before:
            yield Change("trigger", "triggers", f"a new or changed {trigger['type']} trigger", "minor")


def _steps(old: Plan, new: Plan) -> Iterator[Change]:
    before = {node.id: node for node in old.steps()}
    after = {node.id: node for node in new.steps()}
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
CONDITIONS = frozenset({"if", "when", "until", "filter", "case", "switch"})
LIGHT = frozenset({"timeout", "retry", "cache", "description", "max_tokens", "effort", "remind"})


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
    if field in {"prompt", "system", "model"}:
        return Change("prompt", where, f"{step}: another {field}: {_arrow(old, new)}", "minor")
    if field in CONDITIONS:
        return Change("condition", where, f"{step}: another condition: {_arrow(old, new)}", "minor")
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
