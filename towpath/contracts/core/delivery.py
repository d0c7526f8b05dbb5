"""One message to one channel."""

from enum import StrEnum

from towpath.contracts.core.failure import Failure
from towpath.contracts.core.text import Line, Lines
from towpath.contracts.core.wire import ActivityResult, EffectKey, JsonObject, Wire

OPERATIONS_TEAM = "ops-team"
"""Who hears of what nobody in particular is told."""


class SendEmail(Wire):
    """The Message-ID is derived from `key`, so a message sent twice is one message to the receiver."""

    to: str
    subject: str
    body: Lines
    language: str = "en"
    key: EffectKey


class PostSlack(Wire):
    channel: str
    text: Lines
    key: EffectKey


class UpdateCrm(Wire):
    reference: str
    status: str
    fields: JsonObject = {}
    key: EffectKey


class TeamNotice(Wire):
    """A notice to a team's channel: a review to decide, a reminder, a failed run."""

    team: str
    title: Line
    text: Lines
    workflow_id: str
    key: EffectKey


class Delivered(ActivityResult):
    """The receiver's own id of the message."""

    message_id: str


class DeliveryState(StrEnum):
    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(Wire):
    """What became of one channel; `failure` says why it is dead."""

    channel: str
    state: DeliveryState
    message_id: str = ""
    failure: Failure | None = None


class Language(StrEnum):
    EN = "en"
    KO = "ko"
