"""Cycles for each member of a group that catches errors, for the comparison of `definition test` with Temporal."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from tests.timeskip.trial_cases import AFTER_GROUP, BEFORE, BROKEN, FAILING, UNDO, TrialCase, case, choices, probe
from tests.timeskip.trial_samples import KINDS, sample_of
from towpath.engine.language.steps import Group

NAPS: list[dict[str, Any]] = [
    {"id": name, "type": "wait", "config": {"for": length}} for name, length in {"a": "1m", "b": "2h"}.items()
]
"""They end far from each other: what is sent together would end together."""
BACK: dict[str, Any] = {"id": "back", "type": "set", "when": "run.steps.probe.visits < 3", "back_to": "probe", "max": 5}
ALWAYS = {name: value for name, value in BACK.items() if name != "when"}
TOLD: dict[str, Any] = {
    "id": "told",
    "type": "set",
    "config": {"code": "{{ why.code }}", "a": "{{ run.steps.a?.status ?? 'none' }}"},
}
CATCH = [{"as": "why", "do": [TOLD]}]
GROUPS = tuple(itertools.product(choices(Group, "on_error")[::-1], (False, True)))
WHOLE = frozenset({"api", "raise"})
"""Types that are tried in every kind of group; the others show that they go through cycles like these."""
RUNS = {"id": "kept", "type": "set", "config": {"n": "{{ size(steps.probe?.runs ?? []) }}"}}


def nested_cases() -> Iterator[TrialCase]:
    for kind in KINDS:
        sample = sample_of(kind)
        if kind == "human-task":
            # Each copy is a task of its own, which a decision must name.
            continue
        more = {"on_error": "continue"} if kind == "raise" else {}
        groups = GROUPS if kind in WHOLE else GROUPS[:1]
        plain = probe(kind, sample.config, when="branch.id != 'x'", **more)
        undone = plain if kind == "condition" else {**plain, "compensate": UNDO}
        yield from _around(groups, f"{kind}: visits", [plain, BACK])
        yield from _around(groups, f"{kind}: visits, undone", [undone, BACK], FAILING, BROKEN)
        yield from _around(groups, f"{kind}: used up", [undone, {**ALWAYS, "max": 2}])
        yield from _around(groups, f"{kind}: used up, later failure", [undone, {**ALWAYS, "max": 2}], FAILING, BROKEN)
        instead = {"id": "instead", "type": "set", "config": {"of": "{{ branch.id }}"}}
        several = [plain, {**ALWAYS, "max": 2, "exhausted": "instead"}, {"id": "usual", "type": "set"}, instead]
        yield from _around(groups, f"{kind}: exhausted", several)
        for number in (2, 4) if sample.refused else ():
            answers = {"probe": [*([{}] * (number - 1)), {"fail": sample.refused}, {}]}
            name = f"{kind}: call {number} fails"
            yield from _around(groups, name, [undone, BACK], answers=answers)
            yield from _around(groups, f"{name}, later failure", [undone, BACK], FAILING, {**answers, **BROKEN})
            mended = {**undone, "catch": [{"do": [{"id": "mend", "type": "set"}]}]}
            yield from _around(groups, f"{name}, caught inside", [mended, BACK], answers=answers)


def _around(
    groups: Sequence[tuple[str, bool]],
    name: str,
    follow: list[dict[str, Any]],
    last: dict[str, Any] = AFTER_GROUP,
    answers: dict[str, Any] | None = None,
) -> Iterator[TrialCase]:
    """After each of two members, in a group that catches what goes wrong, also in one that is in another one."""
    for on_error, is_deep in groups:
        inner: dict[str, Any] = {"id": "group", "parallel": NAPS, "each_done": follow, "on_error": on_error}
        group = {"id": "outer", "parallel": [inner], "catch": CATCH} if is_deep else {**inner, "catch": CATCH}
        told = f"nested: {name}, {on_error}" + (", deep" if is_deep else "")
        yield case(told, [BEFORE, group, RUNS, last], answers)
