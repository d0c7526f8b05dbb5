"""What a multi-channel step gives: the names of its channels, and which failures of them fail it."""

from collections.abc import Mapping, Sequence
from typing import Any

from towpath.contracts.core.failure import DeliveryError, Failure, FailureCode
from towpath.contracts.core.wire import clip
from towpath.engine.expression.values import Value, as_text
from towpath.engine.run.actions import Completed, Failed, Outcome

TEXTS: Mapping[str, tuple[str, ...]] = {
    "email": ("to",),
    "slack": ("channel", "message"),
    "crm": ("reference", "status"),
}
"""Fields that must not be empty, by kind of channel."""
Told = dict[str, Value]
Sent = tuple[Told, Failure | None]
"""What is told of one channel, and its failure."""


def channel_names(kinds: Sequence[str]) -> list[str]:
    """One for each channel; a second one of a kind gets its number."""
    found: list[str] = []
    for kind in kinds:
        count = sum(1 for name in found if name.partition("-")[0] == kind)
        found.append(kind if count == 0 else f"{kind}-{count + 1}")
    return found


def named_channels(channels: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The fields of each channel by its name."""
    kinds = [next(name for name, fields in channel.items() if fields is not None) for channel in channels]
    return dict(
        zip(channel_names(kinds), (channel[kind] for channel, kind in zip(channels, kinds, strict=True)), strict=True)
    )


def check_texts(name: str, fields: Mapping[str, Value]) -> None:
    """Raises DeliveryError for a channel that would get no text, or go nowhere."""
    for what in TEXTS[name.partition("-")[0]]:
        text_of(fields[what], what)


def text_of(value: Value, what: str) -> str:
    """Raises DeliveryError."""
    text = "" if value is None else as_text(value)
    if text.strip():
        return text
    raise DeliveryError(FailureCode.STEP_INPUT, f"{what}: there is no text")


def delivered(message_id: str, attempts: int) -> Sent:
    return {"status": "delivered", "id": message_id, "error": None, "attempts": attempts}, None


def not_delivered(failure: Failure) -> Sent:
    return {"status": "failed", "id": None, "error": str(failure.code), "attempts": failure.attempts}, failure


def delivery(require: str | list[str], told: Mapping[str, Sent], sent: str, *, unknown: bool) -> Outcome:
    """Delivered to all that `require` names, or failed with the first failure of one of them. `sent` says in words what
    went out, `unknown` whether anything may have.
    """
    output = {name: answer for name, (answer, _) in told.items()}
    failures = {name: failure for name, (_, failure) in told.items() if failure is not None}
    missing = _missing(require, list(told), list(failures))
    if missing:
        failure = failures[missing[0]]
        message = f"{', '.join(missing)}: {failure.message}" + (f" ({sent})" if sent else "")
        return Failed(failure.model_copy(update={"message": clip(message)}), unknown=unknown)
    note = f"not delivered: {', '.join(failures)}" if failures else ""
    return Completed(output, max(int(answer["attempts"]) for answer in output.values()), note)


def _missing(require: str | list[str], channels: list[str], failed: list[str]) -> list[str]:
    """The channels whose failure fails the step."""
    if require == "none":
        return []
    if require == "any":
        return failed if len(failed) == len(channels) else []
    wanted = channels if require == "all" else require
    return [name for name in failed if name in wanted]
