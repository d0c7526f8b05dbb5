"""Steps that wait: for a time, until a moment, for an event, for a person, or for the first of several."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from pydantic import JsonValue
from temporalio import workflow

from activities.delivery import DeliveryActivities
from activities.reviews import ReviewActivities
from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.process import PENDING_ASSIGNEES, PENDING_UNTIL
from towpath.contracts.core.review import FindReviewers, Reviewers, ReviewTask, Verdict
from towpath.contracts.core.run import Waiting
from towpath.engine.expression.values import Value
from towpath.engine.language.steps import Choice, HumanTaskConfig, WaitAnyConfig, WaitConfig
from towpath.engine.run.actions import Completed, Failed, Outcome, Rejected
from towpath.policy.core.messages import task_notice
from towpath.temporal.attributes import search_key
from workflows.declared.human import Desk, HumanTask, TaskPlan
from workflows.declared.performing import team_notice
from workflows.declared.run import DeclaredRun, Job, moment_left
from workflows.kit.calling import CallFailedError, call
from workflows.kit.options import LOOKUP, NOTICE


class Tasks:
    """The human tasks of one run by step, and what people see of them in lists."""

    def __init__(self) -> None:
        self.by_step: dict[str, HumanTask] = {}
        self._assignees: dict[str, tuple[str, ...]] = {}

    def open(self) -> list[HumanTask]:
        return [task for task in self.by_step.values() if not task.closed]

    def assign(self, name: str, task: HumanTask, teams: tuple[str, ...]) -> None:
        """The task is there from its first team on: before, nobody is known who may decide it."""
        self.by_step[name] = task
        self._assignees[name] = teams
        self.publish()

    def close(self, name: str) -> None:
        if self._assignees.pop(name, None) is not None:
            self.publish()

    def publish(self) -> None:
        teams = sorted({team for teams in self._assignees.values() for team in teams})
        if not teams:
            workflow.upsert_search_attributes(
                [search_key(PENDING_ASSIGNEES).value_unset(), search_key(PENDING_UNTIL).value_unset()]
            )
            return
        due = min(self.by_step[name].task.due_at for name in self._assignees)
        workflow.upsert_search_attributes(
            [search_key(PENDING_ASSIGNEES).value_set(teams), search_key(PENDING_UNTIL).value_set(due)]
        )


class Waits:
    """Performs the steps that wait, for one run."""

    def __init__(self, run: DeclaredRun) -> None:
        self._run = run
        self.tasks = Tasks()
        self._open: dict[str, Waiting] = {}

    async def wait(self, job: Job) -> Outcome:
        given = job.node.config
        if not isinstance(given, WaitConfig):
            raise TypeError(job.node.id)
        if given.event is not None:
            return await self._for_event(job, given)
        if given.for_ is not None:
            until = workflow.now() + self._run.evaluation.duration(given.for_, "for", **job.names)
        else:
            until = self._run.evaluation.moment(given.until or "", "until")
        await self._sleep(job.node.id, until)
        return Completed(None)

    async def _for_event(self, job: Job, given: WaitConfig) -> Outcome:
        within = None if given.within is None else self._run.evaluation.duration(given.within, "within")
        wanted = self._run.wanted(given.event or "", given.correlate, given.filter, **job.names)
        until = None if within is None else workflow.now() + within
        self._say(job.node.id, f"the event {wanted.type}", "whoever emits it", until)
        try:
            event = await self._run.event(wanted, within, job.node.id)
        finally:
            self._unsay(job.node.id)
        if event is not None:
            return Completed(event.model_dump(mode="json"))
        if given.on_timeout == "continue":
            return Completed(None, note="the event did not come")
        message = f"the event {wanted.type} did not come in time"
        return Failed(Failure(code=FailureCode.EVENT_TIMEOUT, message=message))

    async def _sleep(self, step: str, until: datetime) -> None:
        self._say(step, "the time", "nobody", until)
        try:
            await workflow.sleep(moment_left(until), summary=f"{step}: wait")
        finally:
            self._unsay(step)

    def _say(self, place: str, what: str, who: str, until: datetime | None) -> None:
        self._open[place] = Waiting(what=what, who=who, until=until)
        self._show(place)

    def _unsay(self, place: str) -> None:
        self._open.pop(place, None)
        self._show(place)

    def _show(self, place: str) -> None:
        step = place.partition("/")[0]
        waiting = [waiting for name, waiting in self._open.items() if name.partition("/")[0] == step]
        self._run.steps.wait_in(step, tuple(waiting))

    async def human_task(self, job: Job) -> Outcome:
        given = job.node.config
        if not isinstance(given, HumanTaskConfig):
            raise TypeError(job.node.id)
        try:
            task = await self._decide(job.node.id, given, job.config)
        except CallFailedError as error:
            return Failed(error.failure)
        return _verdict(task, given)

    async def _decide(self, name: str, given: HumanTaskConfig, config: Mapping[str, Value]) -> ReviewTask:
        """Open a task and wait for its end. Raises CallFailedError."""
        plan = self._task_plan(name, given, config)
        task = HumanTask(plan, Desk(self._find, self._tell, lambda _, teams: self.tasks.assign(name, task, teams)))
        self._say(name, f"a decision by {plan.team}", plan.team, task.task.due_at)
        try:
            return await task.hold()
        finally:
            task.closed = True
            self.tasks.close(name)
            self._unsay(name)

    def _task_plan(self, name: str, given: HumanTaskConfig, config: Mapping[str, Value]) -> TaskPlan:
        evaluation = self._run.evaluation
        escalations = tuple((evaluation.duration(entry.after, "escalate.after"), entry.to) for entry in given.escalate)
        last = escalations[-1][1] if escalations else None
        return TaskPlan(
            step=name,
            team=str(config["assignee"]),
            title=str(config["title"] or self._run.steps[name.partition("/")[0]].title),
            instructions=str(config["instructions"]),
            deadline=evaluation.duration(given.deadline, "deadline"),
            candidates=tuple(given.candidates),
            exclude=tuple(str(person) for person in cast("list[Any]", config["exclude"])),
            form=given.form,
            remind=tuple(evaluation.duration(moment, "remind") for moment in given.remind),
            escalate=escalations,
            quorum=given.quorum,
            then_to=last if given.on_timeout == "escalate" else None,
        )

    async def _find(self, team: str) -> Reviewers:
        return await call(
            ReviewActivities.find_reviewers,
            FindReviewers(team=team),
            LOOKUP,
            activity_id=f"reviewers/{team}",
            summary=f"Who may decide for {team}",
        )

    async def _tell(self, task: ReviewTask, team: str, event: str) -> Failure | None:
        title, text = task_notice(task, event)
        name = f"{task.task}/{event}/{workflow.info().run_id}/{team}"
        notice = team_notice(team, title, text, self._run.key(name))
        try:
            await call(
                DeliveryActivities.notify_team,
                notice,
                NOTICE,
                activity_id=f"{task.task}/{event}/{team}",
                summary=f"Tell {team}: {event}",
            )
        except CallFailedError as error:
            return error.failure
        return None

    async def wait_any(self, job: Job) -> Outcome:
        """The first that comes; of two that come at once, the one that stands first."""
        given = job.node.config
        if not isinstance(given, WaitAnyConfig):
            raise TypeError(job.node.id)
        rendered = cast("dict[str, dict[str, Any]]", job.config["on"])
        waiting = {
            name: asyncio.ensure_future(self._choice(job, name, choice, rendered.get(name, {})))
            for name, choice in given.on.items()
        }
        try:
            await workflow.wait_condition(lambda: any(task.done() for task in waiting.values()))
            chosen = next(name for name, task in waiting.items() if task.done())
            value = waiting[chosen].result()
        except CallFailedError as error:
            return Failed(error.failure)
        finally:
            for task in waiting.values():
                task.cancel()
        if isinstance(value, Rejected):
            return value
        return Completed({"chosen": chosen, "value": value})

    async def _choice(self, job: Job, name: str, choice: Choice, rendered: dict[str, Any]) -> Value:
        place = f"{job.node.id}/{name}"
        if choice.event is not None:
            wanted = self._run.wanted(choice.event, choice.correlate, choice.filter, **job.names)
            self._say(place, f"the event {wanted.type}", "whoever emits it", None)
            try:
                event = await self._run.event(wanted, None, place)
            finally:
                self._unsay(place)
            return None if event is None else event.model_dump(mode="json")
        if choice.human_task is not None:
            task = await self._decide(place, choice.human_task, rendered["human-task"])
            outcome = _verdict(task, choice.human_task)
            if isinstance(outcome, Failed):
                raise CallFailedError(outcome.failure)
            return outcome if isinstance(outcome, Rejected) else cast("Completed", outcome).output
        until = workflow.now() + self._run.evaluation.duration(choice.after or "0s", "after")
        await self._sleep(place, until)
        return None


def _verdict(task: ReviewTask, given: HumanTaskConfig) -> Outcome:
    """What the end of a task means for its step."""
    decision = task.decision
    if decision is None and given.on_timeout in {"fail", "escalate"}:
        message = f"nobody decided by {task.due_at:%Y-%m-%d %H:%M} UTC"
        return Failed(Failure(code=FailureCode.REVIEW_EXPIRED, message=message))
    approved = given.on_timeout == "approve" if decision is None else decision.verdict is Verdict.APPROVE
    output: dict[str, JsonValue] = {
        "decision": "approve" if approved else "reject",
        "by": "nobody" if decision is None else decision.reviewer,
        "at": (task.due_at if decision is None else decision.at).isoformat(),
        "reason": "the deadline passed" if decision is None else decision.reason,
        "data": {} if decision is None else decision.data,
        "approvals": [approval.reviewer for approval in task.approvals],
    }
    if not approved and given.on_reject == "stop":
        return Rejected(output)
    return Completed(output, note=f"{output['decision']} by {output['by']}")
