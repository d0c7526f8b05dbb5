"""Alerts as Alertmanager's webhook brings them, version 4, and as a run keeps them.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from towpath.contracts.core.wire import Wire

Label = Annotated[str, StringConstraints(max_length=2000)]


class AlertStatus(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


class Alert(Wire):
    """One alert as Alertmanager sends it. `fingerprint` is Alertmanager's hash of the labels."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    status: AlertStatus
    labels: dict[str, Label] = {}
    annotations: dict[str, Label] = {}
    starts_at: datetime
    ends_at: datetime | None = None
    generator_url: Annotated[str, Field(alias="generatorURL")] = ""
    fingerprint: str


class AlertmanagerWebhook(Wire):
    """The body of Alertmanager's webhook, version 4."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    version: Literal["4"]
    group_key: Annotated[str, StringConstraints(min_length=1, max_length=4000)]
    status: AlertStatus
    receiver: str
    group_labels: dict[str, Label] = {}
    common_labels: dict[str, Label] = {}
    common_annotations: dict[str, Label] = {}
    external_url: Annotated[str, Field(alias="externalURL")] = ""
    truncated_alerts: int = 0
    alerts: tuple[Alert, ...] = Field(min_length=1)


class AlertBatch(Wire):
    """Signal `alerts`: what one delivery of Alertmanager brought for this group. Delivered twice, it counts once."""

    alerts: tuple[Alert, ...]
    truncated: int = 0


class AlertGroup(Wire):
    """The alerts of a group as the run keeps them: bounded, by fingerprint."""

    group_key: str
    labels: dict[str, str]
    """The labels that all alerts share."""
    firing: int = 0
    resolved: int = 0
    received: int = 0
    """Alerts received in all, repeated ones left out."""
    alerts: tuple[Alert, ...] = ()
    """The first 50 of them."""
