"""What the status of an HTTP answer means."""

from towpath.contracts.core.failure import OUTCOME_UNKNOWN, RETRYABLE, Failure, FailureCode

PASSING = frozenset({408, 425})
"""Refusals that pass: a time-out, too early."""


def is_accepted(status: int, expect: tuple[int, ...] | None) -> bool:
    return 200 <= status < 300 if expect is None else status in expect


def refusal_code(status: int, passing: frozenset[int] = PASSING) -> FailureCode:
    """What a status that is not accepted stands for; `passing` are those below 500 that another attempt may mend."""
    if status in {401, 403}:
        return FailureCode.SERVICE_AUTH
    if status == 429:
        return FailureCode.SERVICE_RATE_LIMITED
    if status in passing or status >= 500:
        return FailureCode.SERVICE_UNAVAILABLE
    return FailureCode.SERVICE_REFUSED


def is_in_doubt(status: int) -> bool:
    """Whether what was asked for may have been done, though the status is not accepted."""
    return refusal_code(status) in OUTCOME_UNKNOWN or status < 400


def failure_of_status(status: int) -> Failure:
    code = refusal_code(status)
    return Failure(
        code=code,
        message=str(status),
        retryable=code in RETRYABLE,
        unknown=is_in_doubt(status),
        evidence={"status": status},
    )
