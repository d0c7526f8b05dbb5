"""The process incident-response: from Alertmanager's alerts to a resolved incident and its post-mortem."""

from temporalio import workflow

from towpath.contracts.core.delivery import OPERATIONS_TEAM
from towpath.contracts.core.review import ReviewTask
from towpath.contracts.core.run import DeadLetter
from towpath.contracts.incident.alerts import AlertBatch
from towpath.contracts.incident.incident import (
    Acknowledge,
    Acknowledged,
    IncidentFailure,
    IncidentOutcome,
    IncidentRequest,
    IncidentResult,
    IncidentView,
)
from towpath.contracts.incident.process import INCIDENT
from towpath.contracts.incident.remediation import ActionState, PlannedAction
from towpath.policy.incident.messages import approval, notice
from towpath.policy.incident.notices import approval_notice, failed_notice, in_words, stopped_notice
from towpath.temporal.failures import to_application_error
from workflows.incident.closing import IncidentClosing
from workflows.incident.course import Course, until_resolved
from workflows.incident.execution import Execution
from workflows.incident.paging import AcknowledgeRefusedError, OnCall
from workflows.incident.state import IncidentState
from workflows.incident.watching import Gauge
from workflows.kit.calling import CallFailedError
from workflows.kit.failing import StepFailedError
from workflows.kit.people import require_person
from workflows.kit.process import ProcessRun
from workflows.kit.review import Asking, Reviewable, plan_by
from workflows.kit.signing import kept_counts
from workflows.kit.task import NOT_PENDING, Desk

MAY_BE_IN_EFFECT = frozenset({ActionState.APPLIED, ActionState.VERIFIED, ActionState.ROLLBACK_FAILED})


@workflow.defn(name=INCIDENT.name)
class IncidentResponseWorkflow(ProcessRun, Reviewable):
    """One group of alerts from its first alert to its end. Whatever cannot be had, people are told."""

    @workflow.init
    def __init__(self, request: IncidentRequest) -> None:
        if request.resume is not None and not kept_counts(request):
            request = request.model_copy(update={"resume": None})
        self._request = request
        self._state = IncidentState(request)
        ProcessRun.__init__(self, INCIDENT, self._state.steps)
        Reviewable.__init__(self)
        self._oncall = OnCall(self._state)
        gauge = Gauge(self._state)
        self._execution = Execution(self._state, gauge, self._approve)
        self._course = Course(self._state, self._oncall, self._execution, gauge)
        self._late: list[AlertBatch] = []

    @workflow.query(name="incident")
    def incident(self) -> IncidentView:
        """Everything that is known, from the alerts to the actions and who acknowledged, with the timeline."""
        return self._state.view()

    @workflow.signal(name="alerts")
    def alerts(self, batch: AlertBatch) -> None:
        """A delivery of Alertmanager for this group. Delivered twice, it counts once."""
        if self._state.closed:
            self._late.append(batch)
            return
        raised = self._state.take(batch)
        if raised is not None:
            self._course.judge(raised)

    @workflow.update(name="acknowledge")
    async def acknowledge(self, request: Acknowledge) -> Acknowledged:
        """Somebody of the teams that are called takes the incident: nobody else is called."""
        review = self._request.review
        await require_person(request.by.strip(), (review.team, review.escalate_to), "acknowledge")
        try:
            return self._oncall.acknowledge(request)
        except AcknowledgeRefusedError as error:
            raise to_application_error(error) from None

    @acknowledge.validator
    def _check_acknowledge(self, request: Acknowledge) -> None:
        try:
            self._oncall.check(request)
        except AcknowledgeRefusedError as error:
            raise to_application_error(error) from None

    @workflow.run
    async def run(self, request: IncidentRequest) -> IncidentResult:
        self.introduce(request)
        if request.discard is not None:
            self._state.closed = True
            self.steps.end(IncidentOutcome.DISCARDED)
            return IncidentClosing(self._state).result(IncidentOutcome.DISCARDED)
        return await self.carry_out(self._respond())

    async def _respond(self) -> IncidentResult:
        await workflow.wait_condition(lambda: not self._state.inbox.is_empty)
        if self._request.resume is None:
            await self._course.respond()
        else:
            self._oncall.resume()
        outcome = await self._course.end()
        if outcome is None:
            await self._course.told()
            await self._oncall.stop(resolve=False)
            workflow.continue_as_new(self._again())
        return await self._close(outcome)

    async def _close(self, outcome: IncidentOutcome) -> IncidentResult:
        """From here on, alerts that come belong to the next incident."""
        self._state.closed = True
        self._state.tell(f"ended: {outcome}")
        await self._course.told()
        await self._oncall.stop(resolve=outcome is not IncidentOutcome.HANDED_OVER)
        closing = IncidentClosing(self._state)
        closing.end_steps("the alerts were resolved")
        result = await closing.close(outcome)
        known = self._state.known
        group, said = self._state.inbox.group, f"outcome: {outcome}"
        title, text = notice("resolved", self._state.id, known.service, known.severity, said, group)
        await self._state.notify(self._request.review.team, "ended", title, text)
        self.steps.end(outcome, *NOT_PENDING)
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._begin_next()
        return result

    def _begin_next(self) -> None:
        """Alerts that came while this incident was closing begin the next one."""
        if self._state.inbox.firing_news(self._late, workflow.now()):
            workflow.continue_as_new(
                self._request.model_copy(
                    update={"resume": None, "carried": tuple(self._late), "episode": str(workflow.uuid4())}
                )
            )

    def _again(self) -> IncidentRequest:
        """The request with which this incident goes on."""
        return self._request.model_copy(
            update={
                "resume": self._state.progress(),
                "carried": tuple(self._late),
                "episode": self._state.episode,
            }
        )

    async def _approve(self, planned: PlannedAction) -> ReviewTask | None:
        """Ask a person. None when nobody can be asked, or the alerts were resolved meanwhile."""
        name, title = f"action-{planned.number}", f"{in_words(planned)} at {self._state.service}"
        reasons = tuple(approval(planned).splitlines())
        plan = plan_by(self._request.review, name, title, reasons, name)
        asking = Asking(self, self.steps, plan, Desk(approval_notice, self._state.notify))
        asking.open("execute", f"approval of {title}", "waiting-for-approval")
        try:
            await until_resolved(self._state, asking.until_decided())
        except CallFailedError as error:
            self._state.degrade(f"approval/{name}", f"nobody could be asked ({error.failure.code})")
        asking.close()
        return await asking.tell_end()

    async def on_failure(self, error: StepFailedError) -> tuple[DeadLetter, IncidentFailure]:
        """Page, tell operations, queue."""
        state = self._state
        stays = tuple(action.title for action in state.known.actions if action.state in MAY_BE_IN_EFFECT)
        letter = self.letter(error, workflow.now(), not_undone=stays)
        await self._oncall.page_again("failure", f"the response failed in {error.step}: {error.failure.message}")
        await state.notify(OPERATIONS_TEAM, "failure", *failed_notice(state.known, letter, state.id))
        return letter, IncidentFailure(request=self._again())

    async def on_cancel(self) -> None:
        """What was applied stays, and people are told of it. The pages stay open: the alerts still fire."""
        state = self._state
        if self.human_task is not None:
            self.human_task.withdraw()
        asked = [one.title for one in state.known.actions if one.state is ActionState.WAITING]
        self._execution.interrupt()
        await self._oncall.stop(resolve=False)
        await state.notify(self._request.review.team, "stopped", *stopped_notice(state.known, state.id, asked))
