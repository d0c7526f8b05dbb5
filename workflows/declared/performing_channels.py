"""The multi-channel step: one message to each channel, together, each with its own retries and key."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from towpath.contracts.core.delivery import PostSlack, SendEmail, UpdateCrm
from towpath.contracts.core.failure import DeliveryError, Failure, FailureCode
from towpath.contracts.core.wire import clip
from towpath.engine.expression.values import Value, as_text
from towpath.engine.run.actions import Completed, Failed, Outcome
from towpath.policy.core.mailing import make_mail
from workflows.declared.effects import EffectPlace
from workflows.declared.run import StepJob
from workflows.kit.calling import CallFailedError
from workflows.kit.options import EFFECT

Told = dict[str, Value]
Sent = tuple[Told, Failure | None]


async def perform_channels(job: StepJob) -> Outcome:
    """Delivered to all that `require` names, or failed with the first failure of one of them."""
    channels = _named(job.config["channels"])
    sending = [_send(job, name, fields) for name, fields in channels.items()]
    told = dict(zip(channels, await _all_ended(sending), strict=True))
    output = {name: answer for name, (answer, _) in told.items()}
    failures = {name: failure for name, (_, failure) in told.items() if failure is not None}
    missing = _missing(job.config["require"], list(channels), list(failures))
    if missing:
        failure = failures[missing[0]]
        sent = job.run.doubts.told(job.node.id) if job.item is None else ""
        message = f"{', '.join(missing)}: {failure.message}" + (f" ({sent})" if sent else "")
        return Failed(failure.model_copy(update={"message": clip(message)}), unknown=job.in_doubt)
    note = f"not delivered: {', '.join(failures)}" if failures else ""
    return Completed(output, max(int(answer["attempts"]) for answer in output.values()), note)


async def _all_ended(sending: Iterable[Coroutine[Any, Any, Sent]]) -> list[Sent]:
    """A cancellation passes when all have ended: nothing is sent after the step."""
    tasks = [asyncio.ensure_future(one) for one in sending]
    await asyncio.gather(*tasks, return_exceptions=True)
    return [task.result() for task in tasks]


def _named(channels: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Channels by name; a second one of a kind gets its number."""
    found: dict[str, dict[str, Any]] = {}
    for channel in channels:
        kind = next(name for name, fields in channel.items() if fields is not None)
        count = sum(1 for name in found if name.partition("-")[0] == kind)
        found[kind if count == 0 else f"{kind}-{count + 1}"] = channel[kind]
    return found


def _missing(require: str | list[str], channels: list[str], failed: list[str]) -> list[str]:
    """The channels whose failure fails the step."""
    if require == "none":
        return []
    if require == "any":
        return failed if len(failed) == len(channels) else []
    wanted = channels if require == "all" else require
    return [name for name in failed if name in wanted]


async def _send(job: StepJob, name: str, fields: dict[str, Any]) -> tuple[Told, Failure | None]:
    try:
        with job.sending(f"{job.name}/{name}"):
            message_id, attempts = await _deliver(job, name.partition("-")[0], fields, f"{job.name}/{name}")
    except CallFailedError as error:
        failure = error.failure
    except DeliveryError as error:
        failure = error.failure(1)
    else:
        return {"status": "delivered", "id": message_id, "error": None, "attempts": attempts}, None
    told = {"status": "failed", "id": None, "error": str(failure.code), "attempts": failure.attempts}
    return told, failure


async def _deliver(job: StepJob, kind: str, fields: dict[str, Any], place: str) -> tuple[str, int]:
    effects, key = job.run.effects, job.run.key(place)
    at = EffectPlace(place, f"{job.title}: {place.rpartition('/')[2]}", job.run.work(job.step, EFFECT))
    if kind == "email":
        subject, body = make_mail(fields["template"], fields["subject"], fields["data"])
        language = str(fields["language"])
        mail = SendEmail(to=_text(fields["to"], "to"), subject=subject, body=body, language=language, key=key)
        told = await effects.send_email(mail, at)
    elif kind == "slack":
        post = PostSlack(channel=_text(fields["channel"], "channel"), text=_text(fields["message"], "message"), key=key)
        told = await effects.post_slack(post, at)
    else:
        update = UpdateCrm(
            reference=_text(fields["reference"], "reference"),
            status=_text(fields["status"], "status"),
            fields=fields["fields"],
            key=key,
        )
        told = await effects.update_crm(update, at)
    return told.message_id, told.attempt


def _text(value: Value, what: str) -> str:
    text = "" if value is None else as_text(value)
    if text.strip():
        return text
    raise DeliveryError(FailureCode.STEP_INPUT, f"{what}: there is no text")
