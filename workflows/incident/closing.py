"""The end of an incident: follow-up tasks, the post-mortem from the record, and the archive."""

import asyncio

from temporalio import workflow

from activities.incident import IncidentActivities
from activities.services import ServiceActivities
from towpath.contracts.core.run import StepState
from towpath.contracts.declared.run import ServiceCall
from towpath.contracts.incident.incident import Archived, ArchiveIncident, FollowUp, IncidentOutcome, IncidentResult
from towpath.policy.incident.post_mortem import post_mortem, record_of
from workflows.incident.state import IncidentState
from workflows.kit.calling import CallFailedError, call
from workflows.kit.options import EFFECT

TRACKER, FILE_TASK = "platform", "createTask"
MAX_TITLE = 300


class IncidentClosing:
    """Every task and record is made once for the incident, however often its run is retried."""

    def __init__(self, state: IncidentState) -> None:
        self._state = state
        self._steps = state.steps

    def end_steps(self, note: str) -> None:
        """Steps that were not reached are skipped; those under way end with the incident."""
        for step in self._steps.record().steps:
            if step.state is StepState.PENDING and step.step not in {"follow-ups", "archive"}:
                self._steps.skip(step.step)
            elif step.state is StepState.RUNNING:
                self._steps.cancel(step.step, note)

    async def close(self, outcome: IncidentOutcome) -> IncidentResult:
        """Raises StepFailedError when the incident cannot be archived."""
        follow_ups = await self._file_follow_ups()
        archived = await self._archive(outcome, follow_ups)
        return self.result(outcome).model_copy(update={"follow_ups": follow_ups, "post_mortem": archived.artefact})

    def result(self, outcome: IncidentOutcome) -> IncidentResult:
        """All that the run knows, as its result."""
        known = self._state.progress()
        return IncidentResult(
            outcome=outcome,
            service=known.service,
            group=self._state.inbox.group,
            severity=known.severity or self._state.rules_alone(),
            analysis=known.analysis,
            diagnosis=known.diagnosis,
            plan=known.plan,
            actions=known.actions,
            acknowledged=known.paging.acknowledged,
            similar=() if known.context is None else known.context.similar,
            timeline=known.timeline,
            degraded=known.degraded,
            cost=known.cost,
        )

    async def _file_follow_ups(self) -> tuple[FollowUp, ...]:
        """A task that cannot be filed is in the result and the post-mortem all the same."""
        step, plan = "follow-ups", self._state.known.plan
        titles = () if plan is None else plan.follow_up
        if not titles:
            self._steps.skip(step, "none")
            return ()
        self._steps.begin(step)
        filed = await asyncio.gather(
            *(asyncio.ensure_future(self._file(number, title)) for number, title in enumerate(titles, 1))
        )
        done = sum(bool(task.tracker_id) for task in filed)
        self._steps.complete(step, note=f"{done} of {len(filed)} filed")
        return tuple(filed)

    async def _file(self, number: int, title: str) -> FollowUp:
        step = f"follow-up/{number}"
        request = ServiceCall(
            service=TRACKER,
            operation=FILE_TASK,
            params={"service": self._state.service, "title": title[:MAX_TITLE], "incident": self._state.id},
            select=("task_id",),
            key=self._state.key(step),
        )
        try:
            answer = await call(
                ServiceActivities.call_service, request, EFFECT, activity_id=step, summary=f"File task {number}"
            )
        except CallFailedError as error:
            self._state.degrade(step, f"not filed ({error.failure.code})")
            return FollowUp(title=title)
        task = answer.value.get("task_id", "") if isinstance(answer.value, dict) else ""
        return FollowUp(title=title, tracker_id=str(task))

    async def _archive(self, outcome: IncidentOutcome, follow_ups: tuple[FollowUp, ...]) -> Archived:
        step, name, now = "archive", f"{self._state.id}/{self._state.episode}", workflow.now()
        known = self._state.progress()
        request = ArchiveIncident(
            record=record_of(name, known, outcome, now),
            post_mortem=post_mortem(name, known, outcome, now, follow_ups),
            key=self._state.key(step),
        )
        self._steps.begin(step)
        try:
            archived = await call(
                IncidentActivities.archive_incident, request, EFFECT, activity_id=step, summary="Archive the incident"
            )
        except CallFailedError as error:
            raise self._steps.failed(step, error.failure) from error
        self._steps.complete(step, attempts=archived.attempt)
        return archived
