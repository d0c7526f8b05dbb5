"""Human tasks that are submitted any number of times, for the comparison of `definition test` with Temporal."""

import itertools
from collections.abc import Iterator
from typing import Any

from tests.timeskip.trial_cases import BEFORE, BREAKS, BROKEN, TrialCase, case, probe
from tests.timeskip.trial_cycles import BACK
from tests.timeskip.trial_milestones import NAPS, NOBODY, OPTIONS, WINDOWS
from tests.timeskip.trial_samples import TASK

DANA, NOOR = {"by": "dana"}, {"by": "noor"}
NO = {"by": "noor", "verdict": "reject", "reason": "no"}
SAID: tuple[dict[str, Any], ...] = (DANA, NO, {**DANA, "reason": "again"}, {**NOOR, "data": {"n": 1}})
"""What one person says and another, by yes and no, and the same person once more for another reason."""
MOMENTS = ("30m", "70m", "2h", "150m", "4h")
AFTER: dict[str, Any] = {
    "id": "after",
    "type": "set",
    "config": {
        "status": "{{ run.steps.probe?.status ?? 'open' }}",
        "by": "{{ map(steps.probe?.runs ?? [], one, one.by) }}",
        "said": "{{ map(steps.probe?.runs ?? [], one, [one.decision, one.reason, one.data]) }}",
    },
}
"""Who said what, in which order."""


def repeatable_cases() -> Iterator[TrialCase]:
    for (window, condition), more in itertools.product(WINDOWS.items(), OPTIONS):
        name = f"repeatable {window} {more}"
        offered = {"repeatable": True, "enabled_while": condition, **more}
        yield case(f"{name}: nobody", _steps(offered), NOBODY)
        yield from _by_hand(name, offered)
        yield from _inside(name, offered)
    yield from _in_any_order()
    yield from _refused()
    yield from _ends()


def _steps(offered: dict[str, Any], *members: dict[str, Any], **step: Any) -> list[dict[str, Any]]:
    task = probe("human-task", {**TASK, **offered}, **step)
    return [BEFORE, {"id": "group", "parallel": [*NAPS, task, *members]}, AFTER]


def _submitted(*said: tuple[dict[str, Any], str]) -> dict[str, Any]:
    return {"probe": {"decisions": [{**one, "after": after} for one, after in said]}}


def _by_hand(name: str, offered: dict[str, Any]) -> Iterator[TrialCase]:
    """By `set_output`, which is a submission in one's own name: too early, in time, again, and too late."""
    people = (("dana", "approve"), ("noor", "reject"), ("dana", "approve"), ("dana", "approve"), ("noor", "approve"))
    told: list[dict[str, Any]] = [
        {"after": after, "set_output": "probe", "by": by, "reason": after if after != "150m" else "2h"}
        | {"output": {"decision": verdict, "data": {"n": 1}}}
        for after, (by, verdict) in zip(MOMENTS, people, strict=True)
    ]
    yield case(f"{name}: set_output", _steps(offered), NOBODY, operations=told)
    yield case(f"{name}: skip", _steps(offered), NOBODY, operations=[told[2], {"after": "150m", "skip": "probe"}])
    yield case(f"{name}: cancelled", _steps(offered), NOBODY, operations=[told[2], {"after": "150m", "cancel": True}])
    pause = [{"after": "30m", "pause": True}, told[1], told[2], {"after": "150m", "resume": True}]
    yield case(f"{name}: a pause", _steps(offered), NOBODY, operations=pause)
    yield case(f"{name}: another fails", _steps(offered, BREAKS), {**NOBODY, **BROKEN})
    yield case(f"{name}: when false", _steps(offered, when="1 > 2"), NOBODY)


def _inside(name: str, offered: dict[str, Any]) -> Iterator[TrialCase]:
    """In a cycle, under a catch, among turns, in a race, and with an event that cancels it."""
    task = probe("human-task", {**TASK, **offered})
    told = {"after": "2h", "set_output": "probe", "by": "dana", "output": {"decision": "approve"}}
    group = {"id": "group", "parallel": [*NAPS, task]}
    back = {**BACK, "back_to": "group", "when": "run.steps.group.visits < 3"}
    three: dict[str, Any] = {"probe": [NOBODY["probe"]] * 3}
    twice = [told, {**told, "after": "500m"}]
    yield case(f"{name}: three visits", [BEFORE, group, back, AFTER], three, operations=twice)
    caught = {"id": "group", "parallel": [*NAPS, task, BREAKS], "catch": [{"do": [{"id": "mend", "type": "set"}]}]}
    yield case(f"{name}: caught", [BEFORE, caught, AFTER], {**NOBODY, **BROKEN})
    yield case(f"{name}: one at a time", [BEFORE, {**group, "max_concurrency": 1}, AFTER], NOBODY, operations=[told])
    inner = {"id": "inner", "parallel": [NAPS[0], NAPS[2]]}
    race = {"id": "race", "join": "any", "parallel": [NAPS[1], task, inner]}
    yield case(f"{name}: in a race", [BEFORE, race, AFTER], NOBODY, operations=[told])
    stop = [{"event": "stop", "after": "150m"}]
    cancelled = {**group, "parallel": [*NAPS, {**task, "cancel_on": {"event": "stop"}}]}
    yield case(f"{name}: cancel_on", [BEFORE, cancelled, AFTER], NOBODY, operations=[told], events=stop)
    each = [{"id": "heard", "type": "set", "config": {"n": "{{ size(branch.output?.runs ?? []) }}"}}]
    heard = {"id": "group", "parallel": [*NAPS, task], "each_done": each}
    yield case(f"{name}: followed", [BEFORE, heard, AFTER], NOBODY, operations=[told])


def _in_any_order() -> Iterator[TrialCase]:
    """The same four submissions in every order, one of them twice, and one after the end."""
    offered = {"repeatable": True, "enabled_while": WINDOWS["at once"]}
    for order in itertools.permutations(SAID):
        said = zip((*order, order[1], order[0]), ("30m", "50m", "70m", "2h", "150m", "4h"), strict=True)
        names = ", ".join(f"{one['by']} {one.get('reason', '')}".strip() for one in order)
        yield case(f"repeatable, in the order {names}", _steps(offered), _submitted(*said))


def _refused() -> Iterator[TrialCase]:
    """By the doors of an approval: who is excluded, says no without a reason, or leaves the form open."""
    form = {"type": "object", "required": ["ticket"], "properties": {"ticket": {"type": "string"}}}
    offered = {"repeatable": True, "optional": True, "exclude": ["eve"], "form": form}
    good = {**DANA, "data": {"ticket": "T-1"}}
    said = [
        ({"by": "eve", "data": {"ticket": "T-1"}}, "10m"),
        (DANA, "20m"),
        (good, "30m"),
        ({**NO, "reason": " "}, "40m"),
        (NO, "50m"),
        ({**good, "by": "noor"}, "60m"),
        (good, "7h"),
    ]
    rest = {"id": "rest", "type": "wait", "config": {"for": "9h"}}
    yield case("repeatable: refused", [*_steps(offered), rest], _submitted(*said))


def _ends() -> Iterator[TrialCase]:
    """By its deadline, because nothing else is left, by a whole answer of the test, and one by one in a row."""
    for more in ({}, {"optional": True}, {"enabled_while": WINDOWS["at once"]}):
        for deadline in ("90m", "2h", "5h"):
            offered = {"repeatable": True, "deadline": deadline, **more}
            said = _submitted((DANA, "1h"), (NOOR, "110m"), (NO, "4h"), (NOOR, "8h"))
            yield case(f"repeatable: deadline {deadline} {more}", _steps(offered), said)
    alone = probe("human-task", {**TASK, "repeatable": True, "deadline": "3h"})
    yield case("repeatable: alone", [BEFORE, alone, AFTER], _submitted((DANA, "1h"), (NOOR, "2h")))
    yield case("repeatable: once, by itself", [BEFORE, alone, AFTER])
    yield case("repeatable: undone", [BEFORE, alone, {"id": "stop", "type": "raise"}], _submitted((DANA, "1h")))
    timed = {**alone, "timeout": "2h", "on_error": "continue"}
    yield case("repeatable: times out", [BEFORE, timed, AFTER], _submitted((DANA, "1h"), (NOOR, "150m")))
