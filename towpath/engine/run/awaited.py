"""The events that a definition can wait for, so that whoever has an event can find the runs it is for."""

import hashlib
from collections.abc import Iterator

from towpath.engine.language.plan import Plan
from towpath.engine.language.steps import CancelOn, WaitAnyConfig, WaitConfig
from towpath.engine.run.evaluation import Evaluation, StepError

LONGEST = 200
MOST = 50


def awaited_events(plan: Plan, evaluation: Evaluation) -> list[str]:
    """`type`, or `type|hash of the subject` where the subject, which may be personal, is known from the start."""
    found: dict[str, None] = {}
    for event, correlate in _waits(plan):
        found[_name(event, correlate, evaluation)] = None
    return list(found)[:MOST]


def awaited_names(event: str, subject: str) -> list[str]:
    """The names under which runs may wait for an event."""
    return [event[:LONGEST], subject_name(event, subject)]


def subject_name(event: str, subject: str) -> str:
    return f"{event[:LONGEST]}|{hashlib.sha256(subject.encode()).hexdigest()[:32]}"


def _waits(plan: Plan) -> Iterator[tuple[str, str | None]]:
    cancels: list[CancelOn | None] = [plan.definition.header.cancel_on]
    for node in plan.steps():
        cancels.append(None if node.step is None else node.step.cancel_on)
        loop = None if node.step is None else node.step.for_each
        if loop is not None and loop.on_event is not None:
            yield loop.on_event, loop.correlate
        if isinstance(node.config, WaitConfig) and node.config.event is not None:
            yield node.config.event, node.config.correlate
        if isinstance(node.config, WaitAnyConfig):
            for choice in node.config.on.values():
                if choice.event is not None:
                    yield choice.event, choice.correlate
    for cancel in cancels:
        if cancel is not None:
            yield cancel.event, cancel.correlate


def _name(event: str, correlate: str | None, evaluation: Evaluation) -> str:
    if correlate is None:
        return event[:LONGEST]
    try:
        return subject_name(event, str(evaluation.value(correlate, "correlate")))
    except StepError:
        return event[:LONGEST]
