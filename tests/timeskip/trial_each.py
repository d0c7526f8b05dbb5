"""A member of each type in a group with `for_each`, with each of its ends, for the comparison with Temporal."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.timeskip.trial_cases import (
    AFTER_GROUP,
    BEFORE,
    BROKEN,
    EACH,
    FAILING,
    HELD,
    UNDO,
    TrialCase,
    case,
    choices,
    probe,
)
from tests.timeskip.trial_samples import KINDS, Sample, sample_of
from towpath.engine.language.steps import ForEach
from towpath.engine.language.vocabulary import NO_UNDO

ITEMS = 2


def each_cases() -> Iterator[TrialCase]:
    for kind in KINDS:
        sample = sample_of(kind)
        yield from _done(kind, sample)
        if sample.refused:
            yield from _failing(kind, sample)
        if sample.is_call:
            yield from _under_way(kind, sample)
    yield from _shapes()


def _group(*members: dict[str, Any], policy: str = "fail", **more: Any) -> dict[str, Any]:
    """One item after the other: what is sent together would end together."""
    loop = {"times": ITEMS, "concurrency": 1, "on_item_error": policy}
    return {"id": EACH, "parallel": list(members), "for_each": loop, **more}


def _told(name: str = "told", text: str = "{{ item }}/{{ index }}", **more: Any) -> dict[str, Any]:
    return {"id": name, "type": "set", "config": {"v": text}, **more}


def _each(name: str, steps: list[Any], answers: dict[str, Any] | None = None, **more: Any) -> TrialCase:
    return replace(case(f"each: {name}", steps, answers, **more), items=ITEMS)


def _done(kind: str, sample: Sample) -> Iterator[TrialCase]:
    plain = probe(kind, sample.config)
    yield _each(f"{kind}", [BEFORE, _group(plain, _told(needs=["probe"])), AFTER_GROUP])
    skipped = {**plain, "when": "item > 5"}
    nobody: dict[str, Any] = {"probe": {"decisions": []}} if kind == "human-task" else {}
    yield _each(f"{kind}, when false", [BEFORE, _group(skipped), AFTER_GROUP], nobody)
    yield _each(f"{kind}, later failure", [BEFORE, _group(plain), FAILING], BROKEN)
    if kind not in NO_UNDO:
        undone = {**plain, "compensate": UNDO}
        yield _each(f"{kind}, undone", [BEFORE, _group(undone), FAILING], BROKEN)
        answers = {**BROKEN, "probe": {"undo": {"fail": "service.refused"}}}
        yield _each(f"{kind}, not undone", [BEFORE, _group(undone), FAILING], answers)


def _failing(kind: str, sample: Sample) -> Iterator[TrialCase]:
    codes = filter(None, (sample.refused, sample.passing))
    retry = {"retry": {"max_attempts": 1}}
    for policy, code, undo in itertools.product(choices(ForEach, "on_item_error"), codes, (False, True)):
        bad = probe(kind, sample.config, **retry, **({"compensate": UNDO} if undo else {}))
        answers = {"probe": [{}, {"fail": code}]}
        name = f"{kind}, the second fails with {code}, {policy}" + (", compensate" if undo else "")
        group = _group(bad, _told(needs=["probe"]), policy=policy)
        if kind != "workflow" or policy == "fail":
            # Otherwise the name of the run that failed is in an output.
            yield _each(name, [BEFORE, group, AFTER_GROUP], answers)
        yield _each(f"{name}, later failure", [BEFORE, group, FAILING], {**answers, **BROKEN})
        goes_on = _group({**bad, "on_error": "continue"}, policy=policy)
        yield _each(f"{name}, goes on, later failure", [BEFORE, goes_on, FAILING], {**answers, **BROKEN})
    caught = _group(probe(kind, sample.config), catch=[{"as": "why", "do": [_told(text="{{ item }}: {{ why.code }}")]}])
    yield _each(f"{kind}, caught", [BEFORE, caught, AFTER_GROUP], {"probe": {"fail": sample.refused}})


def _under_way(kind: str, sample: Sample) -> Iterator[TrialCase]:
    """While a call has no answer: time that passes for a run does not pass for its items here."""
    held = probe(kind, sample.config)
    answers = {"probe": HELD}
    first = {"id": "first", "type": "set", "config": {"v": 1}}
    for more in ({}, {"compensate": UNDO}):
        name = f"{kind}" + (", compensate" if more else "")
        group = _group(first, {**held, **(more if kind not in NO_UNDO else {})})
        for verb in ("cancel", "skip", "set_output"):
            told: dict[str, Any] = {"after": "1m", verb: True if verb == "cancel" else EACH, "output": [1]}
            rest = {"id": "rest", "type": "wait", "config": {"for": "9h"}}
            yield _each(
                f"{name}, {verb}", [BEFORE, group, rest, AFTER_GROUP], answers, operations=[told], in_flight=True
            )


def _shapes() -> Iterator[TrialCase]:
    """Conditions, groups, tasks, and items inside of items."""
    choice = {"if": "item == 0", "then": [_told("one")], "else": [_told("other")]}
    branch = {"id": "choice", "type": "condition", "config": choice}
    yield _each("a condition", [BEFORE, _group(branch, probe("set", {"v": 1})), AFTER_GROUP])
    race = _group(probe("set", {"v": 1}), {"id": "nap", "type": "wait", "config": {"for": "1h"}}, join="any")
    yield _each("a race", [BEFORE, race, AFTER_GROUP])
    call = probe("api", {"service": "s", "method": "probe"}, compensate=UNDO)
    inner = {"id": f"{EACH}-part", "parallel": [call], "for_each": {"times": 2, "as": "part", "concurrency": 1}}
    yield _each("items of items", [BEFORE, _group(inner), AFTER_GROUP])
    yield _each("items of items, undone", [BEFORE, _group(inner), FAILING], BROKEN)
    events = [{"event": "line", "after": f"{hour}h", "data": {"n": hour}} for hour in range(1, 4)]
    arriving = {"on_event": "line", "as": "line", "until": "line.data.n == 3", "concurrency": 1}
    lines = {**_group(call, _told(text="{{ line.data.n }}")), "for_each": arriving}
    yield _each("events", [BEFORE, lines, AFTER_GROUP], events=events)
    yield _each("events, undone", [BEFORE, lines, FAILING], BROKEN, events=events)
    again = {"id": "again", "type": "set", "when": f"run.steps.{EACH}.visits < 2", "back_to": EACH, "max": 3}
    yield _each("a cycle", [BEFORE, _group(call), again, AFTER_GROUP])
    yield _each("a cycle, undone", [BEFORE, _group(call), again, FAILING], BROKEN)
    nap = {"id": "nap", "type": "wait", "config": {"for": "1s"}}
    race = {"id": "race", "parallel": [_group(call), nap], "join": "any"}
    yield _each("a race that is lost", [BEFORE, race, AFTER_GROUP], {"probe": HELD})
    yield _each("a race that is won", [BEFORE, {**race, "parallel": [_group(call), {**nap, "config": {"for": "9h"}}]}])
    done = _group(_told("a"), _told("b"), call, each_done=[_told("audit", "{{ branch.id }} {{ item }}")])
    yield _each("each_done", [BEFORE, done, AFTER_GROUP])
    task = probe("human-task", {"assignee": "compliance-team", "title": "probe", "deadline": "24h"})
    for on_reject in ("stop", "continue"):
        asked = {**task, "config": {**task["config"], "on_reject": on_reject}}
        no = {"probe": {"decisions": [{"by": "dana", "verdict": "reject", "reason": "no"}]}}
        sent = {"id": "sent", "type": "api", "config": {"service": "s", "method": "sent"}}
        for policy in choices(ForEach, "on_item_error"):
            group = _group(asked, {**sent, "needs": ["probe"]}, policy=policy)
            group["for_each"]["times"] = 1
            found = _each(f"a rejection, {on_reject}, {policy}", [BEFORE, group, AFTER_GROUP], no)
            yield replace(found, items=1)
    barred = {**task, "config": {**task["config"], "exclude": ["eve"]}}
    nap = {"id": "nap", "type": "wait", "config": {"for": "9h"}}
    for verb, by in itertools.product(("skip", "set_output"), ("dana", "eve", "nobody")):
        told = {"after": "1h", verb: "nap", "by": by, "output": 1}
        if by != "nobody":
            yield _each(f"{verb} of what its people guard by {by}", [BEFORE, _group(barred), nap], operations=[told])
        told = {verb: EACH, "by": by, "output": [1]}
        yield _each(f"{verb} of what asks people by {by}", [BEFORE, _group(barred), AFTER_GROUP], operations=[told])
