"""How a step fails, and how a run does: with a letter for people, and with what a redrive of it starts from."""

from temporalio.exceptions import ApplicationError

from towpath.contracts.core.failure import Failure
from towpath.contracts.core.run import DeadLetter
from towpath.contracts.core.wire import Wire


class StepFailedError(Exception):
    """A step failed and the process has no way on without it."""

    def __init__(self, step: str, failure: Failure) -> None:
        super().__init__(f"{step}: {failure.message}")
        self.step = step
        self.failure = failure


def run_failed(message: str, failure: Failure, letter: DeadLetter, start: Wire) -> ApplicationError:
    """What ends a run that failed: its details are the letter and what a redrive starts from."""
    return ApplicationError(message, letter, start, type=failure.code, non_retryable=True)
