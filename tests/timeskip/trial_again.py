"""Steps that are done again for errors that they catch, for the comparison of `definition test` with Temporal."""

import itertools
from collections.abc import Iterator
from typing import Any

from tests.timeskip.trial_cases import AFTER, BEFORE, BROKEN, FAILING, UNDO, TrialCase, beside, case, probe
from tests.timeskip.trial_samples import KINDS, REFUSED, sample_of

TOLD: dict[str, Any] = {"id": "told", "type": "set", "config": {"code": "{{ why.code }}"}}


def again_cases() -> Iterator[TrialCase]:
    for kind in KINDS:
        sample = sample_of(kind)
        for code in filter(None, (sample.refused, sample.passing)):
            yield from _of(kind, code)
    waits: dict[str, Any] = {"max_attempts": 2, "initial": "10m"}
    task = probe("human-task", sample_of("human-task").config, catch=[_entry({"code": "review.expired"}, waits)])
    yield case("again: a task that nobody decides", [BEFORE, task, AFTER], {"probe": {"decisions": []}})
    step = {**probe("api", sample_of("api").config), "retry": {"max_attempts": 1}}
    two: list[dict[str, Any]] = [
        _entry({"code": REFUSED}, waits),
        {"do": [], "retry": {"max_attempts": 3, "backoff": "fixed"}},
    ]
    answers = [{"fail": code} for code in (REFUSED, "service.auth", REFUSED)]
    yield case("again: two entries", [BEFORE, {**step, "catch": two}, AFTER], {"probe": answers})
    unfit = {**step, "catch": [_entry({"code": REFUSED}, {"no_retry_on": ["4xx"]})]}
    yield case("again: not on this one", [BEFORE, unfit, AFTER], {"probe": answers})
    for what in ({"cancel": True}, {"skip": "probe"}):
        waiting = {**step, "catch": [_entry({"code": REFUSED}, {"initial": "3h", "max": "3h"})]}
        name = f"again: {next(iter(what))} while it waits"
        yield case(name, [BEFORE, waiting, AFTER], {"probe": answers}, operations=[{**what, "after": "1h"}])
    lost = {"id": "race", "parallel": [waiting, {"id": "b", "type": "wait", "config": {"for": "1h"}}], "join": "any"}
    yield beside(case("again: a race is over while it waits", [BEFORE, lost, AFTER], {"probe": answers}))


def _entry(on: dict[str, Any], retry: dict[str, Any]) -> dict[str, Any]:
    return {"on": on, "as": "why", "retry": retry, "do": [TOLD]}


def _of(kind: str, code: str) -> Iterator[TrialCase]:
    """It is well the second time, or never; with an undo, and a failure later on."""
    retry = {"max_attempts": 3, "initial": "1m", "backoff": "fixed"}
    step = probe(kind, sample_of(kind).config, catch=[_entry({"code": code}, retry)], retry={"max_attempts": 1})
    fails: dict[str, Any] = {"fail": code}
    answers: dict[str, Any] = {"the second time": [fails, {}], "never": fails}
    for (name, answer), more in itertools.product(answers.items(), ({}, {"compensate": UNDO})):
        title = f"again: {kind}, {code}, well {name}" + (", compensate" if more else "")
        yield case(title, [BEFORE, {**step, **more}, AFTER], {"probe": answer})
        yield case(f"{title}, later failure", [BEFORE, {**step, **more}, FAILING], {"probe": answer, **BROKEN})
