"""The multi-channel step: one message to each channel, together, each with its own retries and key."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from towpath.contracts.core.delivery import PostSlack, SendEmail, UpdateCrm
from towpath.contracts.core.failure import DeliveryError
from towpath.engine.run.actions import Outcome
from towpath.engine.run.delivering import Sent, delivered, delivery, named_channels, not_delivered, text_of
from towpath.policy.core.mailing import make_mail
from workflows.declared.effects import EffectPlace
from workflows.declared.run import StepJob
from workflows.kit.calling import CallFailedError
from workflows.kit.options import EFFECT


async def perform_channels(job: StepJob) -> Outcome:
    """One message to each channel; `delivery` says what comes of it."""
    channels = named_channels(job.config["channels"])
    sending = (_send(job, name, fields) for name, fields in channels.items())
    told = dict(zip(channels, await _all_ended(sending), strict=True))
    sent = job.run.doubts.told(job.at) if job.item is None else ""
    return delivery(job.config["require"], told, sent, unknown=job.in_doubt)


async def _all_ended(sending: Iterable[Coroutine[Any, Any, Sent]]) -> list[Sent]:
    """A cancellation passes when all have ended: nothing is sent after the step."""
    tasks = [asyncio.ensure_future(one) for one in sending]
    await asyncio.gather(*tasks, return_exceptions=True)
    return [task.result() for task in tasks]


async def _send(job: StepJob, name: str, fields: dict[str, Any]) -> Sent:
    try:
        with job.sending(f"{job.name}/{name}"):
            message_id, attempts = await _deliver(job, name.partition("-")[0], fields, f"{job.name}/{name}")
    except CallFailedError as error:
        return not_delivered(error.failure)
    except DeliveryError as error:
        return not_delivered(error.failure(1))
    return delivered(message_id, attempts)


async def _deliver(job: StepJob, kind: str, fields: dict[str, Any], place: str) -> tuple[str, int]:
    effects, key = job.run.effects, job.run.key(place)
    at = EffectPlace(place, f"{job.title}: {place.rpartition('/')[2]}", job.work(EFFECT))
    if kind == "email":
        subject, body = make_mail(fields["template"], fields["subject"], fields["data"])
        language = str(fields["language"])
        mail = SendEmail(to=text_of(fields["to"], "to"), subject=subject, body=body, language=language, key=key)
        told = await effects.send_email(mail, at)
    elif kind == "slack":
        post = PostSlack(
            channel=text_of(fields["channel"], "channel"), text=text_of(fields["message"], "message"), key=key
        )
        told = await effects.post_slack(post, at)
    else:
        update = UpdateCrm(
            reference=text_of(fields["reference"], "reference"),
            status=text_of(fields["status"], "status"),
            fields=fields["fields"],
            key=key,
        )
        told = await effects.update_crm(update, at)
    return told.message_id, told.attempt
