"""Runs that give one value instead of named ones, for the comparison of `definition test` with Temporal."""

import json
from collections.abc import Iterator
from typing import Any

from tests.timeskip.trial_cases import AFTER, BEFORE, BROKEN, FAILING, TrialCase, case, probe
from tests.timeskip.trial_samples import CHILD, sample_of

VALUES: list[Any] = [0, -1.5, "text", "", True, False, [], [1, [2]], {}, {"a": {"b": 1}}]
TEMPLATES: list[Any] = ["{{ null }}", "{{ steps.before }}", "a {{ 1 + 1 }}", ["{{ 2 > 1 }}", {"b": "{{ [] }}"}]]


def output_cases() -> Iterator[TrialCase]:
    """Of every kind: written out, read from a step, from a run inside; and runs that do not come to theirs."""
    step = probe("http", {**sample_of("http").config, "output": "body"})
    for value in [*VALUES, None]:
        told, answers = json.dumps(value), {"probe": {"output": value}}
        yield case(f"output read: {told}", [BEFORE, step], answers, header={"output": "{{ steps.probe }}"})
        if value is not None:
            inside = [BEFORE, probe("workflow", {"id": CHILD, "inputs": {}}), AFTER]
            yield case(f"output of a run inside: {told}", inside, answers, header={"output": "{{ steps.probe }}"})
    for value in [*VALUES, *TEMPLATES]:
        written = [BEFORE, probe("set", {"value": 1})]
        yield case(f"output written: {json.dumps(value)}", written, header={"output": value})
    asked = probe("human-task", sample_of("human-task").config)
    rejected = {"probe": {"decisions": [{"by": "tester", "verdict": "reject", "reason": "no"}]}}
    yield case("output of a rejected run", [BEFORE, asked], rejected, header={"output": 1})
    yield case("output of a failed run", [BEFORE, step, FAILING], BROKEN, header={"output": 1})
    yield case("output that is none", [BEFORE, step], header={"output": "{{ 1 + run.id }}"})
    stop = [{"after": "1h", "cancel": True}]
    held = probe("wait", {"for": "2h"})
    yield case("output of a cancelled run", [BEFORE, held], header={"output": 1}, operations=stop)
    skipped = {"when": "1 > 2"}
    yield case("output of what was skipped", [BEFORE, {**step, **skipped}], header={"output": "{{ steps.probe ?? 7 }}"})
