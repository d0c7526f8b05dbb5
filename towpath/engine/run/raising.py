"""Errors that a definition raises itself, typed in the words of RFC 9457, and how a failure reads as data."""

from collections.abc import Mapping

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.wire import clip, clip_values
from towpath.engine.expression.values import Value, as_text

PROBLEM = ("type", "status", "title", "detail")


def raised(config: Mapping[str, Value]) -> Failure:
    """The failure of a `raise` step with its config as rendered."""
    status = config["status"]
    if status is not None and (type(status) is not int or not 100 <= status <= 599):
        return Failure(code=FailureCode.STEP_INPUT, message="config.status: it is no HTTP status from 100 to 599")
    texts = {name: as_text(config[name]) for name in ("type", "title", "detail")}
    message = ": ".join(text for text in (texts["title"], texts["detail"]) if text)
    told = clip_values({"type": texts["type"], "status": status, "title": texts["title"], "detail": texts["detail"]})
    return Failure(code=FailureCode.STEP_RAISED, message=clip(message or texts["type"]), evidence=told)


def error_record(failure: Failure) -> dict[str, Value]:
    """A failure as expressions read it. One that was raised has its own words beside code and message."""
    told: dict[str, Value] = {"code": str(failure.code), "message": failure.message}
    if failure.code is FailureCode.STEP_RAISED:
        told |= {name: failure.evidence.get(name) for name in PROBLEM}
    return told
