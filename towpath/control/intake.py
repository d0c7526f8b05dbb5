"""Alerts on their way to incidents: each delivery of Alertmanager begins, or joins, the run of its group."""

from collections.abc import Sequence
from dataclasses import dataclass

from temporalio.client import Client
from temporalio.common import (
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)

from towpath.contracts.incident.alerts import Alert, AlertBatch, AlertmanagerWebhook, AlertStatus
from towpath.contracts.incident.incident import IncidentRequest
from towpath.contracts.incident.process import INCIDENT
from towpath.control.temporal import is_done
from towpath.temporal.attributes import search_attributes

BATCH = 200
"""Alerts in one signal: far below Temporal's limit for a payload."""
SIGNAL = "alerts"
SERVICE_LABELS = ("service", "job", "app")


@dataclass(frozen=True, slots=True)
class Taken:
    """Where a delivery went. `known` is False for resolved alerts of a group that has no open incident."""

    workflow_id: str
    alerts: int
    known: bool = True


class AlertIntake:
    """The door for alerts. A delivery is acknowledged after Temporal has it: Alertmanager sends again what is not."""

    def __init__(self, client: Client, template: IncidentRequest | None = None) -> None:
        """`template` holds what the installation sets for all incidents: budget, deadlines."""
        self._client = client
        self._template = template or IncidentRequest(group_key="")

    async def take(self, webhook: AlertmanagerWebhook) -> Taken:
        """Signal-with-start by group: the open run of a group is its episode. Raises RPCError of Temporal.

        Resolved alerts alone begin nothing: an episode that is over needs no news of its end.
        """
        request = self._request(webhook)
        workflow_id = INCIDENT.workflow_id(request, b"")
        known = True
        for batch in batches(webhook):
            if any(alert.status is AlertStatus.FIRING for alert in webhook.alerts):
                await self._begin(workflow_id, request, batch)
            else:
                known = await self._tell(workflow_id, batch) and known
        return Taken(workflow_id, len(webhook.alerts), known)

    def _request(self, webhook: AlertmanagerWebhook) -> IncidentRequest:
        labels = {**webhook.common_labels, **webhook.group_labels}
        service = next((labels[name] for name in SERVICE_LABELS if labels.get(name)), "")
        return self._template.model_copy(
            update={"group_key": webhook.group_key, "labels": labels, "service": service[:200]}
        )

    async def _begin(self, workflow_id: str, request: IncidentRequest, batch: AlertBatch) -> None:
        attributes = INCIDENT.attributes(request)
        await self._client.start_workflow(
            INCIDENT.name,
            request,
            id=workflow_id,
            task_queue=INCIDENT.queue,
            start_signal=SIGNAL,
            start_signal_args=[batch],
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            search_attributes=search_attributes(attributes),
            static_summary=INCIDENT.title(request),
        )

    async def _tell(self, workflow_id: str, batch: AlertBatch) -> bool:
        return await is_done(self._client.get_workflow_handle(workflow_id).signal(SIGNAL, batch))


def batches(webhook: AlertmanagerWebhook) -> Sequence[AlertBatch]:
    """The delivery in parts that fit into a signal; the first one says how many Alertmanager left out."""
    parts: list[tuple[Alert, ...]] = [
        webhook.alerts[first : first + BATCH] for first in range(0, len(webhook.alerts), BATCH)
    ]
    return [
        AlertBatch(alerts=part, truncated=webhook.truncated_alerts if number == 0 else 0)
        for number, part in enumerate(parts)
    ]
