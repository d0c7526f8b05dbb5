"""Alerts on their way to incidents: each delivery begins, or joins, the runs of its group's services."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.client import Client
from temporalio.common import (
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)

from towpath.contracts.incident.alerts import AlertBatch, AlertmanagerWebhook
from towpath.contracts.incident.incident import IncidentRequest
from towpath.contracts.incident.process import INCIDENT
from towpath.control.temporal import is_done
from towpath.policy.incident.deliveries import ServiceAlerts, parts
from towpath.temporal.attributes import search_attributes

SIGNAL = "alerts"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Taken:
    """Where a delivery went: `workflow_id` is the most severe of its incidents. `known` is False for news of ends
    alone that no open incident waits for.
    """

    workflow_id: str
    alerts: int
    known: bool = True
    others: tuple[str, ...] = ()


class AlertIntake:
    """The door for alerts. A delivery is acknowledged after Temporal has it: senders send again what is not."""

    def __init__(
        self,
        client: Client,
        services: frozenset[str] = frozenset(),
        template: IncidentRequest | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`services` are those of the inventory: runs are listed by no other name, for what a label says may be an
        address. `template` holds what the installation sets for all incidents: budget, deadlines.
        """
        self._client = client
        self._services = services
        self._template = template or IncidentRequest(group_key="")
        self._now = now

    async def take(self, webhook: AlertmanagerWebhook) -> Taken:
        """Signal-with-start by group and service: the open run is the episode. Raises RPCError of Temporal.

        Resolved alerts alone begin nothing: an episode that is over needs no news of its end.
        """
        ids: list[str] = []
        known = True
        for part in parts(webhook, self._now()):
            request = self._request(part)
            workflow_id = INCIDENT.workflow_id(request, b"")
            ids.append(workflow_id)
            for batch in part.batches:
                if part.begins:
                    await self._begin(workflow_id, request, batch)
                else:
                    known = await self._tell(workflow_id, batch) and known
        return Taken(ids[0], len(webhook.alerts), known, tuple(ids[1:]))

    def _request(self, part: ServiceAlerts) -> IncidentRequest:
        subject = part.service if part.service in self._services else UNKNOWN
        update = {"group_key": part.group_key, "labels": part.labels, "service": part.service, "subject": subject}
        return self._template.model_copy(update=update)

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
