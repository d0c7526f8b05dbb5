"""Alerts as webhooks bring them, and as a run keeps them.

Alertmanager's body is of version 4, Grafana's has the same shape and calls itself version 1. What a sender writes
otherwise is read as far as it can be: an alert that is refused pages nobody.
Sources: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config,
https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from towpath.contracts.core.text import Line
from towpath.contracts.core.wire import Wire
from towpath.contracts.incident.lenient import (
    NEVER,
    as_alerts,
    as_count,
    as_end,
    as_moment,
    as_status,
    as_text,
    as_texts,
)

Text = Annotated[Line, BeforeValidator(as_text)]
Texts = Annotated[dict[Line, Text], BeforeValidator(as_texts)]
Moment = Annotated[datetime, BeforeValidator(as_moment)]


class AlertStatus(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


Status = Annotated[AlertStatus, BeforeValidator(as_status)]


class Alert(Wire):
    """One alert. `fingerprint` is the sender's hash of the labels; without one, the labels tell alerts apart."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    status: Status = AlertStatus.FIRING
    labels: Texts = {}
    annotations: Texts = {}
    starts_at: Moment = NEVER
    ends_at: Annotated[datetime | None, BeforeValidator(as_end)] = None
    generator_url: Annotated[Text, Field(alias="generatorURL")] = ""
    fingerprint: Text = ""
    values: Annotated[Texts, Field(exclude_if=lambda given: not given)] = {}
    """Grafana's: what its queries gave, by their letters."""
    level: Annotated[int, Field(exclude_if=lambda given: not given)] = 0
    """Of severity, 1 to 5, by all its labels before any was cut; 0 where nobody has looked yet."""


class AlertmanagerWebhook(Wire):
    """The body of a webhook: alerts of one group. What is no list of alerts is refused, all else is read."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    version: Text = "4"
    group_key: Text = ""
    status: Status = AlertStatus.FIRING
    receiver: Text = ""
    group_labels: Texts = {}
    common_labels: Texts = {}
    common_annotations: Texts = {}
    external_url: Annotated[Text, Field(alias="externalURL")] = ""
    truncated_alerts: Annotated[int, BeforeValidator(as_count)] = 0
    alerts: Annotated[tuple[Alert, ...], BeforeValidator(as_alerts), Field(min_length=1)]


class AlertBatch(Wire):
    """Signal `alerts`: what one delivery brought for this incident. Delivered twice, it counts once."""

    alerts: tuple[Alert, ...]
    truncated: int = 0
    """How many alerts of the group the sender left out: nobody knows whether they fire."""
    at: datetime | None = None
    """When the delivery came."""


class AlertGroup(Wire):
    """The alerts of a group as the run keeps them: bounded, by fingerprint."""

    group_key: Line
    labels: dict[Line, Line]
    """The labels that all alerts share."""
    firing: int = 0
    resolved: int = 0
    received: int = 0
    """Alerts received in all, repeated ones left out."""
    alerts: tuple[Alert, ...] = ()
    """The 50 of them that say most: the most severe ones, and different ones before the same."""
    truncated: int = 0
    """How many the sender left out of its latest delivery."""
