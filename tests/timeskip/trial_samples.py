"""A sample of each step type, for the cases in which `definition test` and Temporal must agree."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.documents import NAME
from towpath.engine.language.steps import CONFIGS

REFUSED, PASSING = "service.refused", "service.unavailable"
CHILD = "inside"
TASK: dict[str, Any] = {"assignee": "compliance-team", "title": "probe", "deadline": "24h"}
NEVER = {"event": "never.comes"}
MAIL = {"to": "a@b.example", "subject": "probe/email", "data": "text"}


@dataclass(frozen=True)
class Sample:
    """How a step of a type is written, and which outcomes it can have."""

    config: dict[str, Any]
    held: dict[str, Any] | None = None
    """What makes it go on until somebody ends it; None when the fake does not answer instead."""
    refused: str = ""
    """Code of a failure for good; empty for a type that cannot fail so."""
    passing: str = ""
    """Code of a failure that is tried again, and after which nobody knows what has happened."""
    lasts: bool = True
    """Whether anything can come while it is under way."""
    is_call: bool = False
    """Whether something goes out that a fake answers."""
    repeats: bool = True
    """Whether it may have a for_each."""
    more: dict[str, Any] = field(default_factory=dict[str, Any])


def _call(config: dict[str, Any], refused: str = REFUSED, passing: str = PASSING, **more: Any) -> Sample:
    return Sample(config, refused=refused, passing=passing, is_call=True, **more)


SAMPLES: Mapping[str, Sample] = {
    "http": _call({"url": "https://world.example/probe", "method": "POST", "body": {"a": 1}}),
    "claude": _call({"prompt": "say something"}, "claude.refusal", "claude.overloaded"),
    "function": _call({"handler": "probe"}),
    "api": _call({"service": "s", "method": "probe"}),
    "openapi": _call({"document": NAME, "operation": "probe"}),
    "condition": Sample({"if": "1 > 0", "then": [{"id": "inner", "type": "set"}]}, lasts=False, repeats=False),
    "human-task": Sample(TASK, repeats=False),
    "multi-channel": _call(
        {"channels": [{"slack": {"channel": "#a", "message": "probe/slack"}}, {"email": MAIL}]},
        "delivery.refused",
        "delivery.unavailable",
    ),
    "wait": Sample({"for": "2h"}, held=NEVER, repeats=False),
    "wait-any": Sample({"on": {"time": {"after": "2h"}}}, held={"on": {"event": NEVER}}, repeats=False),
    "workflow": Sample({"id": CHILD, "inputs": {}}, refused=REFUSED, is_call=True, repeats=False),
    "set": Sample({"value": 1}, lasts=False),
    "notify": _call({"target": "probe-team", "title": "probe"}, "delivery.refused", "delivery.unavailable"),
    "raise": Sample({"type": "https://errors.example/probe", "status": 409, "title": "no"}, lasts=False),
    "emit": _call({"type": "probe", "subject": "s", "data": {"a": [1]}}),
    "queue": Sample({"queue": "probe-queue"}, lasts=False, repeats=False),
}


def sample_of(kind: str) -> Sample:
    """Of a type of the registry; a new one says here how it is tried."""
    found = SAMPLES.get(kind)
    if found is None:
        raise AssertionError(
            f"the step type {kind!r} has no sample in tests/timeskip/trial_samples.py: add one, so that it is seen"
            " that `definition test` and Temporal agree on it"
        )
    return found


KINDS = tuple(CONFIGS)
"""All step types, from the registry of the language."""
