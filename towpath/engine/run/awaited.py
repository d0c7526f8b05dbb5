"""The events that a definition waits for: which one a step takes, and how whoever has one finds the runs it is for.

And those that it emits: made of their step alone, each is the same whenever it is made again.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from pydantic import JsonValue

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.listing import as_listed, is_askable
from towpath.contracts.declared.run import CloudEvent, Emission
from towpath.engine.expression.values import Value, as_text
from towpath.engine.language.definition import EventTrigger
from towpath.engine.language.emission import LONGEST_TYPE
from towpath.engine.language.plan import Plan
from towpath.engine.language.reading import Definition
from towpath.engine.language.steps import CancelOn, ForEach, WaitAnyConfig, WaitConfig
from towpath.engine.run.evaluation import Evaluation, StepError

LONGEST = 200
MOST = 50
STARTED_BY = "starts:"
"""What the names begin with under which the record of a definition is found by the events that start it."""
ANY_EVENT = f"{STARTED_BY}*"
EVERY_EVENT = "*"
"""What a run shows that waits for more than can be shown: it is told all events."""
MOST_BYTES = 1_900
"""Of such names together: Temporal takes 2 KiB of one attribute, and fails the task of a run that sets more."""


@dataclass(frozen=True, slots=True)
class AwaitedEvent:
    """What a step waits for. `subject` is None when any subject will do."""

    type: str
    subject: str | None
    filter: str | None

    def takes(self, event: CloudEvent, evaluation: Evaluation) -> bool:
        if event.type != self.type or self.subject not in {None, event.subject}:
            return False
        return self.filter is None or _holds(evaluation, self.filter, "filter", event=_data(event))


def awaited(
    evaluation: Evaluation, event: str, correlate: str | None, condition: str | None, **names: Value
) -> AwaitedEvent:
    """Raises StepError."""
    subject = None if correlate is None else str(evaluation.value(correlate, "correlate", **names))
    return AwaitedEvent(event, subject, condition)


def closes(evaluation: Evaluation, loop: ForEach, event: CloudEvent, index: int) -> bool:
    """Whether the event ends a loop over events, in which it would be the item of that index."""
    names = {loop.as_: _data(event), "index": index}
    return loop.until is not None and _holds(evaluation, loop.until, "until", **names)


def _holds(evaluation: Evaluation, condition: str, field: str, **names: Value) -> bool:
    """A condition that cannot be evaluated does not hold: the event is data from outside."""
    try:
        return evaluation.is_true(condition, field, **names)
    except StepError:
        return False


def _data(event: CloudEvent) -> Value:
    return event.model_dump(mode="json")


def awaited_events(plan: Plan, evaluation: Evaluation) -> list[str]:
    """`type`, or `type|hash of the subject` where the subject, which may be personal, is known from the start."""
    found: dict[str, None] = {}
    for event, correlate in _waits(plan):
        found[_name(event, correlate, evaluation)] = None
    return list(found) if _fit(found) else [EVERY_EVENT]


def awaited_names(event: str, subject: str) -> list[str]:
    """The names under which runs may wait for an event."""
    shown = [_shown(event), subject_name(event, subject), *_shown_before(event, subject), EVERY_EVENT]
    return list(dict.fromkeys(shown))


def starting_names(definition: Definition) -> list[str]:
    """What lists show of a published definition; never nothing, and `ANY_EVENT` when its events are too many."""
    types = (trigger.source for trigger, _ in definition.triggers if isinstance(trigger, EventTrigger))
    names = list(dict.fromkeys(map(_started_name, types))) or [STARTED_BY]
    return names if _fit(names) else [ANY_EVENT]


def _fit(names: Collection[str]) -> bool:
    return len(names) <= MOST and sum(len(name.encode()) + len('"",') for name in names) <= MOST_BYTES


def started_names(event: str) -> list[str]:
    """The names of which one at least is shown of each definition that an event may start."""
    before = STARTED_BY + event[:LONGEST].replace("'", "")
    return list(dict.fromkeys([_started_name(event), *filter(is_askable, [before]), ANY_EVENT]))


def _started_name(event: str) -> str:
    return STARTED_BY + _shown(event)


def _shown(event: str) -> str:
    return as_listed(event[:LONGEST])


def subject_name(event: str, subject: str) -> str:
    return f"{_shown(event)}|{_hash(subject)}"


def _shown_before(event: str, subject: str) -> Iterator[str]:
    """The names of runs from before there was `as_listed`, as far as they can be asked for."""
    return filter(is_askable, (event[:LONGEST], f"{event[:LONGEST]}|{_hash(subject)}"))


def _hash(subject: str) -> str:
    return hashlib.sha256(subject.encode()).hexdigest()[:32]


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
        return _shown(event)
    try:
        return subject_name(event, str(evaluation.value(correlate, "correlate")))
    except StepError:
        return _shown(event)


def emitted(config: Mapping[str, Value], definition: str, key: str, began: datetime) -> CloudEvent:
    """`key` is the effect key of the step, `began` when it first began. Raises StepError."""
    texts = {name: as_text(config[name]) for name in ("type", "source", "subject") if config.get(name) is not None}
    kind = texts.get("type", "")
    if not 0 < len(kind) <= LONGEST_TYPE:
        message = f"config.type: the type of an event has 1 to {LONGEST_TYPE} characters"
        raise StepError(Failure(code=FailureCode.STEP_INPUT, message=message))
    return CloudEvent(
        id=key,
        type=kind,
        source=texts.get("source") or definition,
        subject=texts.get("subject", ""),
        time=began,
        data=cast("JsonValue", config.get("data")),
    )


def emission_output(event: CloudEvent, emission: Emission) -> dict[str, Value]:
    """What the step gives."""
    told = emission.model_dump(mode="json", include={"delivered", "started", "problems"})
    return {"event": event.model_dump(mode="json"), **told}
