"""What a test gives to a run: answers of steps in turn, and events under their ids."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

from towpath.contracts.core.failure import OUTCOME_UNKNOWN, RETRYABLE, Failure, FailureCode
from towpath.contracts.declared.run import CloudEvent
from towpath.engine.expression.durations import parse_duration
from towpath.engine.language.copying import base_of
from towpath.engine.language.definition import CaseAnswer, CaseCall, DefinitionTest


class Script:
    """The answers of a test. The last one of a step is given again and again."""

    def __init__(
        self, answers: dict[str, list[CaseAnswer]], calls: Mapping[tuple[str, str], CaseCall], item: str = ""
    ) -> None:
        self._answers, self._calls, self._item = answers, calls, item

    @classmethod
    def of(cls, test: DefinitionTest, more: dict[str, CaseAnswer]) -> "Script":
        """That of a test; `more` are answers that go before those of the test."""
        answers = {name: list(given) if isinstance(given, list) else [given] for name, given in test.answers.items()}
        answers |= {name: [answer] for name, answer in more.items()}
        calls = {
            (name, kind): call
            for name, given in answers.items()
            for answer in given
            for kind, call in (("check", answer.check), ("undo", answer.undo))
            if call is not None
        }
        return cls(answers, calls)

    def within(self, item: str) -> "Script":
        """For the run of an item of a group, `group/index`. What is said of the step of one item goes first."""
        return Script(self._answers, self._calls, f"{self._item}{item}/")

    def _names(self, step: str) -> list[str]:
        """What a test may call a step, the most exact name first."""
        own = [f"{self._item}{step}", f"{self._item}{base_of(step)}"] if self._item else []
        return [*own, step, base_of(step)]

    def is_for(self, step: str) -> bool:
        """Whether the test answers for a step, or for all copies of it."""
        return any(name in self._answers for name in self._names(step))

    def next(self, step: str) -> CaseAnswer | None:
        """What its next call answers, None when the test does not say."""
        answers = next(filter(None, map(self._answers.get, self._names(step))), None)
        if not answers:
            return None
        return answers[0] if len(answers) == 1 else answers.pop(0)

    def is_cached(self, step: str) -> bool:
        """Whether the next call of a step finds its output in the cache."""
        answers = self._answers.get(step) or self._answers.get(base_of(step))
        return bool(answers) and answers[0].cached

    def of_call(self, step: str, kind: Literal["check", "undo"]) -> CaseCall | None:
        return next(filter(None, (self._calls.get((name, kind)) for name in self._names(step))), None)


def cloud_events(test: DefinitionTest, began: datetime) -> list[tuple[timedelta, CloudEvent]]:
    """The events of a test, and when they arrive. Each has an id of its own: one delivered twice counts once."""
    found: list[tuple[timedelta, CloudEvent]] = []
    for event in sorted(test.events, key=lambda event: length_of(event.after)):
        earlier = sum(1 for _, before in found if before.type == event.event)
        after = length_of(event.after)
        given = CloudEvent(
            id=f"test-{event.event}" + (f"-{earlier + 1}" if earlier else ""),
            type=event.event,
            source="test",
            subject=event.subject,
            time=began + after,
            data=event.data,
        )
        found.append((after, given))
    return found


def failure_by(code: str, message: str, *, attempts: int = 1) -> Failure:
    """The failure that a test names by its code."""
    known = FailureCode(code) if code in set(FailureCode) else FailureCode.UNEXPECTED
    return Failure(
        code=known,
        message=message,
        attempts=attempts,
        retryable=known in RETRYABLE,
        unknown=known in OUTCOME_UNKNOWN,
    )


def length_of(text: str | None) -> timedelta:
    return parse_duration(text or "0s") or timedelta()


def moment_of(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return datetime(2026, 1, 1, tzinfo=UTC)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
