"""Each step type in a cycle, with each way out of it, for the comparison of `definition test` with Temporal."""

from collections.abc import Iterator
from typing import Any

from tests.timeskip.trial_cases import AFTER, BEFORE, BROKEN, FAILING, UNDO, TrialCase, case, probe
from tests.timeskip.trial_samples import KINDS, REFUSED, Sample, sample_of

BACK: dict[str, Any] = {"id": "back", "type": "set", "when": "run.steps.probe.visits < 3", "back_to": "probe", "max": 5}
ALWAYS = {name: value for name, value in BACK.items() if name != "when"}
ENDS = [{"id": "usual", "type": "set"}, {"id": "instead", "type": "set"}, {"id": "rest", "type": "set"}]


def cycle_cases() -> Iterator[TrialCase]:
    for kind in KINDS:
        sample = sample_of(kind)
        more = {"on_error": "continue"} if kind == "raise" else {}
        plain = probe(kind, sample.config, **more)
        yield case(f"{kind}: three visits", [BEFORE, plain, BACK, AFTER], visits=3)
        yield case(f"{kind}: three visits, later failure", [BEFORE, plain, BACK, FAILING], BROKEN, visits=3)
        yield case(f"{kind}: used up", [BEFORE, plain, {**ALWAYS, "max": 2}, AFTER], visits=2)
        exhausted = {**ALWAYS, "max": 2, "exhausted": "instead"}
        yield case(f"{kind}: exhausted", [BEFORE, plain, exhausted, *ENDS], visits=2)
        unused = {**BACK, "exhausted": "instead"}
        yield case(f"{kind}: not exhausted", [BEFORE, plain, unused, *ENDS], visits=3)
        if kind != "condition":
            yield from _undone(kind, plain)
        yield from _failing(kind, plain, sample)
        yield from _by_hand(kind, sample)
    yield from _inside()


def _undone(kind: str, plain: dict[str, Any]) -> Iterator[TrialCase]:
    undoable = {**plain, "compensate": UNDO}
    yield case(f"{kind}: three visits undone", [BEFORE, undoable, BACK, FAILING], BROKEN, visits=3)
    yield case(f"{kind}: used up and undone", [BEFORE, undoable, {**ALWAYS, "max": 3}], visits=3)


def _failing(kind: str, plain: dict[str, Any], sample: Sample) -> Iterator[TrialCase]:
    """In the second visit, for good or so that nobody knows."""
    for code in filter(None, (sample.refused, sample.passing)):
        answers = {"probe": [{}, {"fail": code}, *([{"fail": code}] * 7 if code == sample.passing else []), {}]}
        once = {**plain, "retry": {"max_attempts": 1}} if kind != "claude" else plain
        for policy in ("fail", "continue"):
            step = {**once, "on_error": policy, "compensate": UNDO}
            name = f"{kind}: second visit {code}, on_error {policy}"
            yield case(name, [BEFORE, step, BACK, FAILING], {**answers, **BROKEN})


def _by_hand(kind: str, sample: Sample) -> Iterator[TrialCase]:
    """An operator ends a visit that is under way, and then the next one or the run."""
    if sample.is_call or not sample.lasts:
        return
    held = probe(kind, sample.held or sample.config)
    answers: dict[str, Any] = {"probe": {"decisions": []}} if kind == "human-task" else {}
    skips = [{"after": "1m", "skip": "probe"}, {"after": "2m", "skip": "probe"}]
    steps = [BEFORE, held, {**ALWAYS, "max": 3}, AFTER]
    yield case(f"{kind}: two visits skipped, then cancelled", steps, answers, operations=[*skips, _cancels()])
    yield case(f"{kind}: a visit skipped, then cancelled", steps, answers, operations=[skips[0], _cancels()])


def _cancels() -> dict[str, Any]:
    return {"after": "3m", "cancel": True}


def _inside() -> Iterator[TrialCase]:
    """A cycle in a branch, around a group, around a cycle, and one whose way back fails."""
    plain = probe("api", {"service": "s", "method": "probe"}, compensate=UNDO)
    branch = {"id": "branch", "type": "condition", "config": {"if": "1 > 0", "then": [plain, BACK]}}
    yield case("cycle in a branch", [BEFORE, branch, FAILING], BROKEN)
    nap = {"id": "nap", "type": "wait", "config": {"for": "1h"}}
    for more in ({}, {"join": "any"}, {"join": "any", "losers": "let-run"}, {"max_concurrency": 1}):
        group = {"id": "group", "parallel": [plain, nap], **more}
        back = {**BACK, "back_to": "group"}
        yield case(f"cycle around a group {more}", [BEFORE, group, back, FAILING], BROKEN)
    inner = {"id": "inner", "type": "set", "when": "run.steps.probe.visits % 2 == 1", "back_to": "probe", "max": 3}
    outer = {**BACK, "when": "run.steps.probe.visits < 4", "back_to": "nap"}
    yield case("cycle around a cycle", [BEFORE, nap, plain, inner, outer, FAILING], BROKEN)
    undo = {"type": "api", "config": {"service": "s", "method": "broken/undo"}}
    calls = {**BACK, "type": "api", "config": {"service": "s", "method": "broken"}, "id": "broken", "compensate": undo}
    for policy in ("fail", "continue"):
        failing = {**calls, "on_error": policy}
        answers = {"broken": [{}, {"fail": REFUSED}]}
        yield case(f"the way back fails, on_error {policy}", [BEFORE, plain, failing, AFTER], answers)
