"""Functions that steer a run."""

from typing import NoReturn

from towpath.contracts.core.failure import FailureCode
from towpath.functions.registry import FunctionError, step_function


@step_function("endRun", pure=True)
def end_run(reason: str) -> None:
    """Fail on purpose: what was done is undone, and the fallback chain runs."""
    _end(reason)


def _end(reason: str) -> NoReturn:
    raise FunctionError(FailureCode.FUNCTION_FAILED, reason)
