"""The process of content publishing."""

from towpath.contracts.core.process import SUBJECT, TRIGGER, Process
from towpath.contracts.publishing.campaign import PublishingRequest, PublishingResult

PUBLISHING = Process(
    name="content-publishing",
    request=PublishingRequest,
    result=PublishingResult,
    key=lambda request, _: request.metadata.campaign,
    labels=lambda request: {SUBJECT: request.metadata.campaign, TRIGGER: request.trigger},
    dead_letter_queue="failed-publishing",
)
