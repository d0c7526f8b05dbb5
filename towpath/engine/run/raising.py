"""Errors that a definition raises itself, in the words of RFC 9457; how a failure, and the end of a step, read as data;
what catches it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.wire import clip, clip_values
from towpath.engine.expression.values import Value, as_text
from towpath.engine.language.steps import Catch, CaughtError
from towpath.engine.run.actions import StepRun

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


def step_record(run: StepRun, now: datetime) -> dict[str, Value]:
    """How a step ended, as expressions read it."""
    began, ended = run.started_at or now, run.ended_at or now
    return {
        "status": str(run.state),
        "attempts": run.attempts,
        "error": None if run.failure is None else error_record(run.failure),
        "duration": ended - began,
    }


def error_data(failure: Failure) -> dict[str, Value]:
    """A failure as what catches it reads it: every word is there, for each kind of failure."""
    status = failure.evidence.get("status")
    told: dict[str, Value] = {"type": "about:blank", "status": status, "title": "", "detail": failure.message}
    return {**told, **error_record(failure)}


def caught_by(catches: Sequence[Catch], failure: Failure) -> int | None:
    """The first that wants such a failure."""
    error = error_data(failure)
    return next((index for index, entry in enumerate(catches) if _wants(entry.on, error)), None)


def _wants(on: CaughtError, error: Mapping[str, Value]) -> bool:
    is_type = on.type is None or on.type == error["type"]
    is_code = on.code is None or on.code == error["code"]
    status = error["status"]
    if isinstance(on.status, str):
        is_status = type(status) is int and f"{status // 100}xx" == on.status
    else:
        is_status = on.status is None or on.status == status
    return is_type and is_code and is_status
