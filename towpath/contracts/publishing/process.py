"""The process of content publishing."""

from towpath.contracts.core.process import SUBJECT, TRIGGER, Again, Process
from towpath.contracts.publishing.campaign import (
    PublishingFailure,
    PublishingOutcome,
    PublishingRedrive,
    PublishingRequest,
    PublishingResult,
)


def _again(failure: PublishingFailure, again: Again) -> PublishingRequest:
    kept = failure.analysis if again.discard is None else None
    redrive = PublishingRedrive(run_id=again.run_id, analysis=kept, discard=again.discard)
    return failure.request.model_copy(update={"redrive": redrive})


PUBLISHING = Process(
    name="content-publishing",
    folder="publishing",
    request=PublishingRequest,
    result=PublishingResult,
    failure=PublishingFailure,
    key=lambda request, _: request.metadata.campaign,
    labels=lambda request: {SUBJECT: request.metadata.campaign, TRIGGER: request.trigger},
    title=lambda request: f"Publish {request.metadata.title}",
    succeeded=lambda result: result.outcome in {PublishingOutcome.PUBLISHED, PublishingOutcome.DISCARDED},
    keeps=lambda failure: [] if failure.analysis is None else ["analysis"],
    again=_again,
    dead_letter_queue="failed-publishing",
    command="publishing start",
)
