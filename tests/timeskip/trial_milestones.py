"""Human tasks that are offered for a while, with each end, for the comparison of `definition test` with Temporal."""

import itertools
from collections.abc import Iterator
from typing import Any

from tests.timeskip.trial_cases import AFTER, AFTER_GROUP, BEFORE, BREAKS, BROKEN, TrialCase, case, choices, probe
from tests.timeskip.trial_cycles import BACK
from tests.timeskip.trial_samples import TASK
from towpath.engine.language.steps import HumanTaskConfig

BEGUN, OVER = "(run.steps.one?.status ?? '') == 'completed'", "(run.steps.three?.status ?? '') == 'completed'"
WINDOWS = {"at once": f"!({OVER})", "from 1h to 3h": f"{BEGUN} && !({OVER})", "never": f"{OVER} && !({BEGUN})"}
NAPS: list[dict[str, Any]] = [
    {"id": name, "type": "wait", "config": {"for": f"{hours}h"}}
    for name, hours in {"one": 1, "three": 3, "six": 6}.items()
]
APPROVAL = {"decision": "approve"}
MOMENTS = ("30m", "2h", "4h")
OPTIONS: tuple[dict[str, Any], ...] = ({}, {"optional": True})
NOBODY: dict[str, Any] = {"probe": {"decisions": []}}


def milestone_cases() -> Iterator[TrialCase]:
    for (window, condition), more in itertools.product(WINDOWS.items(), OPTIONS):
        name = f"{window} {more}"
        offered = {"enabled_while": condition, **more}
        yield from _undecided(name, offered)
        yield from _by_hand(name, offered)
        yield from _inside(name, offered)
    yield from _decided()
    yield from _optional()
    yield from _beside()


def _steps(more: dict[str, Any], *members: dict[str, Any], **step: Any) -> list[dict[str, Any]]:
    task = probe("human-task", {**TASK, **more}, **step)
    return [BEFORE, {"id": "group", "parallel": [*NAPS, task, *members]}, AFTER]


def _undecided(name: str, offered: dict[str, Any]) -> Iterator[TrialCase]:
    for policy in choices(HumanTaskConfig, "on_timeout"):
        escalates = {"escalate": [{"after": "20h", "to": "ops-team"}]} if policy == "escalate" else {}
        for deadline in ("24h", "40m"):
            more = {**offered, "on_timeout": policy, "deadline": deadline, **escalates}
            for on_error in ("fail", "continue"):
                yield case(f"{name}: nobody, {policy}, {deadline}, {on_error}", _steps(more, on_error=on_error), NOBODY)


def _by_hand(name: str, offered: dict[str, Any]) -> Iterator[TrialCase]:
    """Whoever comes too early or too late is refused."""
    for after, verb in itertools.product(MOMENTS, ("skip", "set_output")):
        operation = {"after": after, verb: "probe", "output": APPROVAL, "by": "tester", "reason": "r"}
        steps = _steps({**offered, "on_reject": "continue"}, on_error="continue")
        yield case(f"{name}: {verb} at {after}", steps, NOBODY, operations=[operation])
    two = [{"after": after, "set_output": "probe", "output": APPROVAL, "by": "tester"} for after in ("2h", "150m")]
    yield case(f"{name}: decided twice", _steps(offered, on_error="continue"), NOBODY, operations=two)
    pause = [{"after": "30m", "pause": True}, {"after": "2h", "resume": True}]
    yield case(f"{name}: a pause", _steps(offered, on_error="continue"), NOBODY, operations=pause)
    stop = [{"after": "2h", "cancel": True}]
    yield case(f"{name}: cancelled", _steps(offered), NOBODY, operations=stop)
    failing = _steps(offered, BREAKS)
    yield case(f"{name}: another fails", failing, {**NOBODY, **BROKEN})
    yield case(f"{name}: when false", _steps(offered, when="1 > 2"), NOBODY)


def _inside(name: str, offered: dict[str, Any]) -> Iterator[TrialCase]:
    """In a cycle, under a catch, among turns, in a race, and with an event that cancels it."""
    task = probe("human-task", {**TASK, **offered})
    lasting = {**task, "on_error": "continue"}
    group = {"id": "group", "parallel": [*NAPS, lasting]}
    back = {**BACK, "back_to": "group", "when": "run.steps.group.visits < 3"}
    three: dict[str, Any] = {"probe": [NOBODY["probe"]] * 3}
    yield case(f"{name}: three visits", [BEFORE, group, back, AFTER_GROUP], three)
    mend = {"on": {"code": "review.expired"}, "as": "e", "do": [{"id": "mend", "type": "set"}]}
    caught = {"id": "group", "parallel": [*NAPS, task], "catch": [mend]}
    yield case(f"{name}: caught", [BEFORE, caught, AFTER_GROUP], NOBODY)
    yield case(f"{name}: one at a time", [BEFORE, {**group, "max_concurrency": 1}, AFTER], NOBODY)
    inner = {"id": "inner", "parallel": [NAPS[0], NAPS[2]]}
    race = {"id": "race", "join": "any", "parallel": [NAPS[1], lasting, inner]}
    yield case(f"{name}: in a race", [BEFORE, race, AFTER], NOBODY)
    stop = [{"event": "stop", "after": "2h"}]
    cancelled = {**group, "parallel": [*NAPS, {**lasting, "cancel_on": {"event": "stop"}}]}
    yield case(f"{name}: cancel_on", [BEFORE, cancelled, AFTER], NOBODY, events=stop)


def _decided() -> Iterator[TrialCase]:
    for more, after in itertools.product(OPTIONS, ("1h", "4h")):
        for verdict, quorum in itertools.product(("approve", "reject"), (1, 2)):
            said = [{"by": "tester", "verdict": verdict, "reason": "r", "after": after}]
            offered = {"enabled_while": WINDOWS["at once"], "quorum": quorum, "on_reject": "continue", **more}
            name = f"{verdict} after {after}, quorum {quorum} {more}"
            yield case(name, _steps(offered, on_error="continue"), {"probe": {"decisions": said}})


def _optional() -> Iterator[TrialCase]:
    """Without a condition: what runs beside it ends after six hours."""
    for after in ("1h", "5h", "7h"):
        said = [{"by": "tester", "after": after}]
        yield case(f"optional: decided after {after}", _steps({"optional": True}), {"probe": {"decisions": said}})
    race = {"id": "race", "join": "any", "parallel": [NAPS[0], probe("human-task", {**TASK, "optional": True})]}
    yield case("optional: in a race", [BEFORE, race, AFTER], NOBODY)


def _beside() -> Iterator[TrialCase]:
    """What is offered because of another task, and conditions that cannot be told."""
    for optional in (True, False):
        given = {"assignee": "ops-team", "optional": optional, "enabled_while": "run.steps.probe?.status == 'skipped'"}
        other = {"id": "other", "type": "human-task", "config": given, "on_error": "continue"}
        yield case(
            f"one after the other, optional {optional}",
            _steps({"optional": True}, other),
            {**NOBODY, "other": {"decisions": []}},
        )
    for condition in ("steps.one.no > 1", "size(steps.one ?? []) > 0 || steps.three.no"):
        for on_error in ("fail", "continue"):
            broken = _steps({"enabled_while": condition}, on_error=on_error)
            yield case(f"{condition}, on_error {on_error}", broken, NOBODY)
