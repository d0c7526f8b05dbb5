"""What `http` and `openapi` steps give, whole or in parts, for the comparison of `definition test` with Temporal."""

import json
from collections.abc import Iterator
from typing import Any

from tests.timeskip.trial_cases import AFTER, BEFORE, BROKEN, FAILING, UNDO, TrialCase, case, probe
from tests.timeskip.trial_samples import sample_of

SENT = {"method": "POST", "uri": "https://world.example/probe", "headers": {"a": "b"}}
ANSWER = {"request": SENT, "status": 200, "headers": {"x": "y"}, "body": {"a": 1, "b": 2}}
BODIES: list[Any] = [{"status": 404, "a": 1}, [{"a": 1, "b": 2}, {"a": 3}], [1, 2], "text", 0, 1.5, True, None]
GIVEN = [*(("body", body) for body in BODIES), ("raw", "AAEC"), ("response", ANSWER)]


def form_cases() -> Iterator[TrialCase]:
    yield from _requests()
    yield from _operations()


def _operations() -> Iterator[TrialCase]:
    """The same forms of an operation of a document; read by what follows, and by what undoes it."""
    for form, output in GIVEN:
        config = {**sample_of("openapi").config, "output": form}
        told, answers = f"openapi: output {form} {json.dumps(output)[:12]}", {"probe": {"output": output}}
        undo = {**UNDO, "config": {**UNDO["config"], "params": {"of": "{{ output }}"}}}
        plain = probe("openapi", config, compensate=undo)
        same = {"id": "same", "type": "set", "config": {"got": "{{ steps.probe }}"}}
        yield case(told, [BEFORE, plain, same, AFTER], answers)
        yield case(f"{told}, undone", [BEFORE, plain, FAILING], {**answers, **BROKEN})
        yield case(f"{told}, twice", [BEFORE, probe("openapi", config, for_each={"times": 2}), AFTER], answers)
        if form != "raw":
            select = ["a"] if form == "body" else ["body.a", "request.uri"]
            yield case(f"{told}, select", [BEFORE, probe("openapi", config, select=select), same, AFTER], answers)


def _requests() -> Iterator[TrialCase]:
    """What an http step gives, whole or in parts; a body that holds a `status` is no answer with one."""
    for form, output in GIVEN:
        config = {**sample_of("http").config, "output": form, "redirect": form != "raw"}
        told, answers = f"http: output {form} {json.dumps(output)[:12]}", {"probe": {"output": output}}
        yield case(told, [BEFORE, probe("http", config), AFTER], answers)
        looped = {**config, "poll": {"until": "output != 7", "every": "1h", "for": "5h"}}
        polled = {"probe": [{"output": 7}, {"output": output}]}
        yield case(f"{told}, poll", [BEFORE, probe("http", looped), AFTER], polled)
        yield case(f"{told}, twice", [BEFORE, probe("http", config, for_each={"times": 2}), AFTER], answers)
        if form != "raw":
            select = ["a"] if form == "body" else ["body.a", "request.uri"]
            yield case(f"{told}, select", [BEFORE, probe("http", config, select=select), AFTER], answers)
