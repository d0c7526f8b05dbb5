"""What can go wrong with a call of Claude, and the one failure that each way becomes.

The order of the tests matters: `.error_code` before the class, `.type` before the status (an overload in mid-stream
comes with status 200), time-outs before other transport errors (they are a kind of them).
"""

import json
from datetime import timedelta
from secrets import SystemRandom

import anthropic
import httpx2

from towpath.contracts.core.failure import ClaudeError, Evidence, FailureCode
from towpath.policy.core.retry_after import retry_after

SPEND_LIMITS = frozenset(
    {"enforced_spend_limit_reached", "contract_spend_limit_reached", "linked_organization_spend_limit_reached"}
)
FIRST_WAIT = timedelta(seconds=2)
MAX_WAIT = timedelta(minutes=15)
_JITTER = SystemRandom()
WAITING = frozenset({FailureCode.CLAUDE_RATE_LIMITED, FailureCode.CLAUDE_OVERLOADED})

BY_TYPE = {
    "rate_limit_error": FailureCode.CLAUDE_RATE_LIMITED,
    "overloaded_error": FailureCode.CLAUDE_OVERLOADED,
    "api_error": FailureCode.CLAUDE_SERVER_ERROR,
    "timeout_error": FailureCode.CLAUDE_SERVER_ERROR,
    "invalid_request_error": FailureCode.CLAUDE_INVALID_REQUEST,
    "authentication_error": FailureCode.CLAUDE_AUTH,
    "billing_error": FailureCode.CLAUDE_BILLING,
    "permission_error": FailureCode.CLAUDE_PERMISSION,
    "not_found_error": FailureCode.CLAUDE_MODEL_NOT_FOUND,
}
BY_STATUS = {
    401: FailureCode.CLAUDE_AUTH,
    402: FailureCode.CLAUDE_BILLING,
    403: FailureCode.CLAUDE_PERMISSION,
    404: FailureCode.CLAUDE_MODEL_NOT_FOUND,
    408: FailureCode.CLAUDE_SERVER_ERROR,
    409: FailureCode.CLAUDE_SERVER_ERROR,
    429: FailureCode.CLAUDE_RATE_LIMITED,
    503: FailureCode.CLAUDE_OVERLOADED,
    529: FailureCode.CLAUDE_OVERLOADED,
}
TIMEOUTS = (anthropic.APITimeoutError, httpx2.TimeoutException, TimeoutError)
CONNECTIONS = (anthropic.APIConnectionError, httpx2.TransportError)
BAD_RESPONSES = (json.JSONDecodeError, anthropic.APIResponseValidationError, AssertionError, httpx2.HTTPError)
CLIENT_BUGS = (TypeError, ValueError, LookupError, AttributeError, RuntimeError, anthropic.AnthropicError)
"""Before the API answered; in a stream the same classes mean events that the SDK cannot put together."""
CALL_ERRORS = (*TIMEOUTS, *CONNECTIONS, *BAD_RESPONSES, *CLIENT_BUGS)
"""All that a call may raise and `to_claude_error` understands."""

ADVICE = {
    FailureCode.CLAUDE_AUTH: "check ANTHROPIC_API_KEY",
    FailureCode.CLAUDE_BILLING: "check the account's billing",
    FailureCode.CLAUDE_SPEND_LIMIT: "the spend limit is reached: raise it, or wait for the next period",
    FailureCode.CLAUDE_MODEL_NOT_FOUND: "choose another model in TOWPATH_CLAUDE_MODEL_*",
}


def to_claude_error(error: Exception, *, attempt: int, evidence: Evidence) -> ClaudeError:
    """The failure of a call. Its text is ours: the API's message could quote the prompt."""
    if isinstance(error, anthropic.APIStatusError):
        return _status_error(error, attempt, evidence)
    if isinstance(error, TIMEOUTS):
        return ClaudeError(FailureCode.CLAUDE_TIMEOUT, "Claude did not answer in time", evidence=evidence)
    if isinstance(error, CONNECTIONS):
        return ClaudeError(FailureCode.CLAUDE_CONNECTION, "the connection to Claude broke", evidence=evidence)
    if isinstance(error, BAD_RESPONSES) or evidence.get("phase") == "stream":
        message = "the answer is not in the Messages API's format"
        return ClaudeError(FailureCode.CLAUDE_BAD_RESPONSE, message, evidence=evidence)
    message = f"the request was not sent: {type(error).__name__}"
    return ClaudeError(FailureCode.CLAUDE_CLIENT_BUG, message, evidence=evidence)


def _status_error(error: anthropic.APIStatusError, attempt: int, evidence: Evidence) -> ClaudeError:
    code = status_code(error)
    advice = ADVICE.get(code)
    kind = error.type if isinstance(error.type, str) and error.type else "error"
    asked = retry_after(error.response.headers)
    return ClaudeError(
        code,
        f"Claude answered {error.status_code} {kind}" + (f": {advice}" if advice else ""),
        retry_after=_wait(error, attempt) if code in WAITING else None,
        evidence={
            **evidence,
            "status": error.status_code,
            "error_type": kind,
            "error_code": error.error_code if isinstance(error.error_code, str) else None,
            "request_id": error.request_id,
            "asked_to_wait_seconds": None if asked is None else asked.total_seconds(),
        },
    )


def status_code(error: anthropic.APIStatusError) -> FailureCode:
    if isinstance(error.error_code, str) and error.error_code in SPEND_LIMITS:
        return FailureCode.CLAUDE_SPEND_LIMIT
    status = error.status_code
    kind = error.type if isinstance(error.type, str) else ""
    known = BY_TYPE.get(kind) or BY_STATUS.get(status)
    if status in BY_STATUS and status not in {403, 404}:
        known = BY_STATUS[status]
    if known is not None:
        return known
    if 300 <= status < 400:
        return FailureCode.CLAUDE_BAD_RESPONSE
    # An error of a new kind in the middle of a stream comes with status 200: it may pass.
    return FailureCode.CLAUDE_INVALID_REQUEST if 400 <= status < 500 else FailureCode.CLAUDE_SERVER_ERROR


def _wait(error: anthropic.APIStatusError, attempt: int) -> timedelta:
    """The longer of what the API asked for and our own doubling wait, with jitter, at most 15 minutes."""
    own = min(FIRST_WAIT * 2 ** min(attempt - 1, 12), MAX_WAIT)
    asked = retry_after(error.response.headers) or timedelta()
    return min(max(own, asked) * _JITTER.uniform(1.0, 1.2), MAX_WAIT)
