"""What `http` steps give, whole or in parts, for the comparison of `definition test` with Temporal."""

import json
from collections.abc import Iterator
from typing import Any

from tests.timeskip.trial_cases import AFTER, BEFORE, TrialCase, case, probe
from tests.timeskip.trial_samples import sample_of


def form_cases() -> Iterator[TrialCase]:
    """What an http step gives, whole or in parts; a body that holds a `status` is no answer with one."""
    sent = {"method": "POST", "uri": "https://world.example/probe", "headers": {"a": "b"}}
    answer = {"request": sent, "status": 200, "headers": {"x": "y"}, "body": {"a": 1, "b": 2}}
    bodies: list[Any] = [{"status": 404, "a": 1}, [{"a": 1, "b": 2}, {"a": 3}], [1, 2], "text", 0, 1.5, True, None]
    given = [("body", body) for body in bodies] + [("raw", "AAEC"), ("response", answer)]
    for form, output in given:
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
