"""The one place where an error of this house becomes Temporal's ApplicationError, and is found again behind one."""

from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ApplicationErrorCategory,
    CancelledError,
    FailureError,
)
from temporalio.exceptions import TimeoutError as TemporalTimeoutError

from towpath.contracts.core.failure import OUTCOME_UNKNOWN, Failure, FailureCode, HouseError, QuotaError
from towpath.contracts.core.wire import clip


def to_application_error(error: HouseError, *, attempts: int = 1, unknown: bool | None = None) -> ApplicationError:
    """The ApplicationError of a house error: type = code, details = one Failure, Retry-After as the next delay. To wait
    for a turn is nothing that anybody must hear of.
    """
    benign = ApplicationErrorCategory.BENIGN if isinstance(error, QuotaError) else ApplicationErrorCategory.UNSPECIFIED
    return ApplicationError(
        error.message,
        error.failure(attempts, unknown=unknown),
        type=error.code,
        non_retryable=not error.retryable,
        next_retry_delay=error.retry_after,
        category=benign,
    )


def failure_of(error: BaseException) -> Failure:
    """The Failure behind whatever an awaited activity raised; Temporal's wrappers name nothing by themselves."""
    if isinstance(error, ActivityError) and error.cause is not None:
        return failure_of(error.cause)
    if isinstance(error, ApplicationError):
        return _from_application(error)
    if isinstance(error, TemporalTimeoutError):
        return _plain(FailureCode.STEP_TIMEOUT, error, retryable=True)
    if isinstance(error, CancelledError):
        return _plain(FailureCode.STEP_CANCELLED, error)
    if isinstance(error, HouseError):
        return error.failure(1)
    return _plain(FailureCode.UNEXPECTED, error)


def _from_application(error: ApplicationError) -> Failure:
    for detail in error.details:
        if isinstance(detail, Failure):
            return detail
        if isinstance(detail, dict) and "code" in detail:
            return Failure.model_validate(detail)
        if isinstance(detail, dict) and isinstance(detail.get("failure"), dict):
            # The letter of a run that failed: a step of it did.
            failure = Failure.model_validate(detail["failure"])
            return failure.model_copy(update={"message": clip(f"{detail.get('step') or 'run'}: {failure.message}")})
    return Failure(
        code=FailureCode.UNEXPECTED,
        message=f"unexpected error of type {clip(error.type or 'unknown', 100)}",
        retryable=not error.non_retryable,
        unknown=True,
    )


def _plain(code: FailureCode, error: BaseException, *, retryable: bool = False) -> Failure:
    text = error.message if isinstance(error, FailureError) else type(error).__name__
    return Failure(code=code, message=clip(text), retryable=retryable, unknown=code in OUTCOME_UNKNOWN)
