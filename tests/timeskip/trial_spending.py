"""Budgets that are spent and outputs from the cache, for the comparison of `definition test` with Temporal."""

import itertools
from collections.abc import Iterator
from typing import Any

from tests.timeskip.trial_cases import AFTER, BEFORE, BROKEN, FAILING, UNDO, TrialCase, case, probe
from tests.timeskip.trial_samples import KINDS, PASSING, REFUSED, sample_of

SCHEMA = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
CHEAP, DEAR, MANY = ({"cost": cost} for cost in ({"usd": 0.1, "tokens": 10}, {"usd": 1.5}, {"tokens": 300}))


def spending_cases() -> Iterator[TrialCase]:
    yield from _budgets()
    for kind in KINDS:
        if sample_of(kind).is_call:
            yield from _cached(kind)
    yield from _kept()


def _budgets() -> Iterator[TrialCase]:
    """Questions one after the other, in a loop, and asked again: the last ones may find the budget spent."""
    plain = probe("claude", sample_of("claude").config)
    strict = probe("claude", {"prompt": "a number", "output_schema": SCHEMA})
    loop = {**plain, "for_each": {"times": 4, "concurrency": 1, "on_item_error": "collect"}}
    stops = {**plain, "for_each": {"times": 4, "concurrency": 1}}
    again = [{"id": "more", "type": "set", "when": "run.steps.probe.visits < 3", "back_to": "probe", "max": 5}]
    bad = {"output": {"n": "one"}}
    caught = {**loop, "for_each": {"times": 3, "concurrency": 1}, "on_error": {"default": 1}}
    tries: dict[str, tuple[list[Any], Any]] = {
        "a loop": ([loop, AFTER], DEAR),
        "a loop that stops": ([stops, AFTER], MANY),
        "a default": ([caught, AFTER], DEAR),
        "cheap ones": ([loop, AFTER], CHEAP),
        "nothing said": ([loop, AFTER], {}),
        "asked again": ([strict, AFTER], [{**bad, **DEAR}, {"output": {"n": 1}}]),
        "asked again cheaply": ([strict, AFTER], [{**bad, **CHEAP}, {"output": {"n": 1}}]),
        "visits": ([plain, *again, AFTER], [CHEAP, DEAR, CHEAP]),
        "visits, undone": ([{**plain, "compensate": UNDO}, *again, FAILING], [CHEAP, CHEAP, CHEAP]),
    }
    budgets: dict[str, Any] = {
        "left out": None,
        "1 USD": {"usd": 1.0},
        "500 tokens": {"tokens": 500},
        "cents": {"usd": 0.3},
    }
    for (name, (steps, answers)), (budget, given) in itertools.product(tries.items(), budgets.items()):
        header = {} if given is None else {"budget": given}
        visits = 3 if name.startswith("visits") else 1
        told = f"budget: {budget}, {name}"
        yield case(told, [BEFORE, *steps], {"probe": answers, **BROKEN}, header=header, visits=visits)


def _cached(kind: str) -> Iterator[TrialCase]:
    """What an earlier run left, or did not."""
    step = probe(kind, sample_of(kind).config, cache={"key": "{{ run.id }}", "ttl": "1h"})
    left = {"cached": True, "output": {"left": "before"}}
    for more, undo in (({}, ""), ({"compensate": UNDO}, ", compensate")):
        yield case(f"cache: {kind}, hit{undo}", [BEFORE, {**step, **more}, AFTER], {"probe": left})
        yield case(f"cache: {kind}, miss{undo}", [BEFORE, {**step, **more}, AFTER])
        for answer, told in ((left, "hit"), ({}, "miss")):
            answers = {**BROKEN, **({"probe": answer} if answer else {})}
            yield case(f"cache: {kind}, {told}, later failure{undo}", [BEFORE, {**step, **more}, FAILING], answers)
    refused = {"probe": {"fail": sample_of(kind).refused}}
    yield case(f"cache: {kind}, fails", [BEFORE, step, AFTER], refused)
    never = {**step, "cache": {"key": "{{ run.id }}", "ttl": "soon"}}
    yield case(f"cache: {kind}, no time", [BEFORE, never, AFTER])


def _kept() -> Iterator[TrialCase]:
    """What the run keeps for its own later visits, while its time lasts."""
    keys = {"the same": "a", "another each time": "{{ size(steps.probe?.runs ?? []) }}"}
    for (name, key), ttl, pause in itertools.product(keys.items(), ("1h", "30m"), ("1m", "40m")):
        step = probe("api", sample_of("api").config, cache={"key": key, "ttl": ttl})
        again = {"id": "more", "type": "set", "when": "run.steps.probe.visits < 4", "back_to": "probe", "max": 5}
        nap = {"id": "nap", "type": "wait", "config": {"for": pause}}
        for told, answers in (
            ("each its own", [{"output": {"n": number}} for number in range(4)]),
            ("the second fails", [{"output": {"n": 1}}, {"fail": REFUSED}, {"output": {"n": 2}}]),
            ("the first passes", [{"fail": PASSING}, {"output": {"n": 1}}, {"output": {"n": 2}}]),
            ("left before", [{"cached": True, "output": {"n": 0}}, {"output": {"n": 1}}]),
        ):
            title = f"cache: {name}, kept {ttl}, every {pause}, {told}"
            yield case(title, [BEFORE, step, nap, again, AFTER], {"probe": answers}, visits=4)
