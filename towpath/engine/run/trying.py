"""How often a call of a definition is tried, and how long it waits in between: by its own `retry` or by its class."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.engine.expression.values import Value
from towpath.engine.language.definition import ErrorHandling
from towpath.engine.language.steps import Retry, Step
from towpath.engine.run.evaluation import Evaluation

BY_STATUS = {
    "408": FailureCode.SERVICE_UNAVAILABLE,
    "425": FailureCode.SERVICE_UNAVAILABLE,
    "429": FailureCode.SERVICE_RATE_LIMITED,
    "5xx": FailureCode.SERVICE_UNAVAILABLE,
    "4xx": FailureCode.SERVICE_REFUSED,
    "401": FailureCode.SERVICE_AUTH,
    "403": FailureCode.SERVICE_AUTH,
    "timeout": FailureCode.SERVICE_TIMEOUT,
    "connection": FailureCode.SERVICE_CONNECTION,
}


@dataclass(frozen=True, slots=True)
class Trying:
    """`final` are codes after which it is not tried again; one attempt may take `limit`."""

    attempts: int
    initial: timedelta
    limit: timedelta = timedelta(seconds=15)
    longest: timedelta = timedelta(minutes=1)
    coefficient: float = 2.0
    final: frozenset[str] = frozenset()

    def goes_on(self, failure: Failure, attempt: int) -> bool:
        """Whether another attempt follows the one that failed so."""
        return failure.retryable and attempt < self.attempts and failure.code not in self.final

    def wait_after(self, failure: Failure, attempt: int) -> timedelta:
        asked = timedelta(seconds=failure.retry_after_seconds or 0)
        return max(min(self.initial * self.coefficient ** (attempt - 1), self.longest), asked)


CALL = Trying(3, timedelta(seconds=2))
CHECK = Trying(3, timedelta(seconds=2), timedelta(seconds=10))
UNDO = Trying(20, timedelta(seconds=1))
LOOKUP = Trying(5, timedelta(seconds=1), timedelta(seconds=10))
TRIES: Mapping[str, Trying] = {
    "function": replace(CALL, limit=timedelta(minutes=10)),
    "emit": replace(CALL, limit=timedelta(minutes=2)),
    "claude": Trying(8, timedelta(seconds=2), timedelta(minutes=5)),
}
"""By step type, when neither the step nor the definition says otherwise; else CALL. `workflows/kit/options.py` has the
same classes for Temporal, and a test compares them.
"""


LONG_LIVED = frozenset({"claude", "workflow", "wait", "wait-any", "human-task"})
"""Types whose time is more than that of one call with its retries."""


def is_long_lived(step: Step, config: Mapping[str, Value]) -> bool:
    """Whether the run itself keeps the time-out of a step: its attempts are several, or none."""
    return step.type in LONG_LIVED or step.check is not None or config.get("poll") is not None


def own_retry(step: Step, handling: ErrorHandling) -> Retry | None:
    """What the step says, else what the definition says, else nothing."""
    return step.retry or (handling.retry if "retry" in handling.model_fields_set else None)


def told_trying(base: Trying, retry: Retry | None, evaluation: Evaluation) -> Trying:
    """A class of work with what a definition says of it. Raises StepError."""
    if retry is None:
        return base
    final = {_code(entry) for entry in retry.no_retry_on}
    if retry.retry_on:
        final |= set(FailureCode) - {_code(entry) for entry in retry.retry_on}
    initial = evaluation.duration(retry.initial, "retry.initial")
    return replace(
        base,
        attempts=retry.max_attempts,
        initial=initial,
        # Temporal refuses a longest wait that is shorter than the first one, and the run would stand still.
        longest=max(initial, evaluation.duration(retry.max, "retry.max")),
        coefficient=2.0 if retry.backoff == "exponential" else 1.0,
        final=frozenset(map(str, final)),
    )


def _code(entry: str | int) -> FailureCode | str:
    text = str(entry).lower()
    if text in BY_STATUS:
        return BY_STATUS[text]
    if text.isdecimal():
        return BY_STATUS["5xx" if text.startswith("5") else "4xx"]
    return text
