"""What a test of a definition came to, and which of its expectations were not met."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from towpath.engine.expression.values import Scope, Value, equal
from towpath.engine.language.definition import DefinitionTest
from towpath.engine.language.plan import Plan
from towpath.engine.run.actions import End


@dataclass
class CaseResult:
    """What a case came to. `problems` say which expectation was not met.

    `single` holds what `output` of the definition gave, if it has one. `calls` are what went out, by the names under
    which Temporal shows it (`pay`, `pay/0`, `pay/slack`, `pay/check`, `pay/undo`), `told` the notices to teams
    (`ops-team: fallback`), `refused` what people and operators were refused.
    """

    problems: list[str] = field(default_factory=list[str])
    status: str = ""
    failure: str = ""
    states: dict[str, str] = field(default_factory=dict[str, str])
    attempts: dict[str, int] = field(default_factory=dict[str, int])
    outputs: dict[str, Value] = field(default_factory=dict[str, Value])
    single: tuple[Value, ...] = ()
    undone: list[str] = field(default_factory=list[str])
    not_undone: list[str] = field(default_factory=list[str])
    calls: list[str] = field(default_factory=list[str])
    told: list[str] = field(default_factory=list[str])
    refused: list[str] = field(default_factory=list[str])
    queue: str = ""
    fell_back: int = 0
    branches: dict[str, str] = field(default_factory=dict[str, str])
    chosen: dict[str, str] = field(default_factory=dict[str, str])
    failed_step: str = ""
    duration: timedelta = timedelta()

    @property
    def ok(self) -> bool:
        return not self.problems

    def take(self, end: End | None, running: list[str]) -> None:
        """How the run ended, if it did; else what is still `running`."""
        self.status = "stuck" if end is None else end.status
        self.outputs = {} if end is None else end.outputs
        self.single = () if end is None else end.single
        self.failed_step = "" if end is None else end.step
        self.failure = "" if end is None or end.failure is None or end.status != "failed" else str(end.failure.code)
        if end is None and not self.problems:
            self.problems.append(f"the run stands still; running: {', '.join(running) or 'nothing'}")

    def share(self, other: "CaseResult") -> None:
        """Of a run that is an item of another one: what went out is told of both together."""
        self.calls, self.told, self.refused = other.calls, other.told, other.refused


def tell_members(plan: Plan, result: CaseResult) -> None:
    """States of members of groups with `for_each`, over all items: one state, or how often each."""
    for node in plan.nodes:
        if node.id in result.states:
            continue
        found = Counter(state for name, state in result.states.items() if name.rpartition("/")[2] == node.id)
        mixed = ", ".join(f"{state} in {count}" for state, count in sorted(found.items()))
        result.states[node.id] = mixed if len(found) > 1 else next(iter(found), "pending")


def unmet(test: DefinitionTest, result: CaseResult) -> list[str]:
    """In sentences, with what was refused, which is why something may be otherwise."""
    wanted = test.expect
    found: list[str] = []
    if result.status != wanted.status:
        at = f" at {result.failed_step} ({result.failure})" if result.failed_step else ""
        found.append(f"status: expected {wanted.status}, got {result.status}{at}")
    if wanted.failure is not None and wanted.failure != result.failure:
        found.append(f"failure: expected {wanted.failure}, got {result.failure or 'none'}")
    found.extend(
        f"{step}: expected {state}, got {result.states.get(step, 'no such step')}"
        for step, state in wanted.steps.items()
        if result.states.get(step) != state
    )
    if wanted.outputs is not None and not equal(wanted.outputs, result.outputs, Scope({})):
        found.append(f"outputs: expected {wanted.outputs}, got {result.outputs}")
    if "output" in wanted.model_fields_set and not equal([wanted.output], [*result.single], Scope({})):
        found.append(f"output: expected {wanted.output}, got {result.single[0] if result.single else 'no single one'}")
    lists = {
        "undone": (wanted.undone, result.undone),
        "not_undone": (wanted.not_undone, result.not_undone),
        "calls": (wanted.calls, result.calls),
        "told": (wanted.told, result.told),
    }
    found.extend(
        f"{name}: expected {expected}, got {got}"
        for name, (expected, got) in lists.items()
        if expected is not None and expected != got
    )
    found.extend(
        f"{step}: expected the choice {choice}, got {result.chosen.get(step)}"
        for step, choice in wanted.chosen.items()
        if result.chosen.get(step) != choice
    )
    return [*found, *result.refused] if found else []
