"""Steps that wait: for a time, until a moment, for an event, for a person, or for the first of several."""

import asyncio
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

from temporalio import workflow

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.review import DecidedReview, Decision, ReviewTask
from towpath.contracts.core.run import Waiting
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.expression.values import Value
from towpath.engine.language.steps import Choice, HumanTaskConfig, WaitAnyConfig, WaitConfig
from towpath.engine.run.actions import Completed, Failed, Outcome, Rejected
from towpath.engine.run.deciding import agenda, collected, passed_on_to, verdict
from towpath.engine.scheduling.visits import step_of
from workflows.declared.effects import Effects
from workflows.declared.run import DeclaredRun, StepJob, moment_left
from workflows.kit.calling import CallFailedError
from workflows.kit.notices import team_notice
from workflows.kit.task import NOT_PENDING, HumanTask, Moment, ReviewRefusedError, TaskPlan, pending


class Tasks:
    """The human tasks of one run by step, and what people see of them in lists."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self.by_step: dict[str, HumanTask] = {}
        self._listed: dict[str, HumanTask] = {}

    def assign(self, task: HumanTask) -> None:
        """The task is there from its first team on: before, nobody is known who may decide it."""
        name = task.task.task
        self.by_step[name] = self._listed[name] = task
        self._publish()

    def is_over(self, place: str) -> bool:
        """Whether a task is decided or past its deadline, also while its team is still to be told."""
        task = self.by_step.get(place)
        return task is not None and (task.task.decision is not None or task.task.expired)

    def shut(self, place: str) -> Sequence[DecidedReview]:
        """Nobody decides a task from now on, also while its team is still being told; what was submitted by then."""
        task = self.by_step.get(place)
        if task is None:
            return ()
        task.close()
        return task.task.submissions

    def close(self, name: str) -> None:
        if self._listed.pop(name, None) is not None:
            self._publish()

    def named_by(self, decision: Decision) -> HumanTask:
        """The task that a decision means. Raises ReviewRefusedError."""
        if decision.task is not None:
            named = self.by_step.get(decision.task)
            if named is None:
                hint = did_you_mean(decision.task, self.by_step)
                raise ReviewRefusedError(FailureCode.REVIEW_NOT_OPEN, f"there is no task {decision.task!r}{hint}")
            return named
        waiting = [task for task in self.by_step.values() if not task.closed]
        if len(waiting) > 1:
            names = ", ".join(task.task.task for task in waiting)
            raise ReviewRefusedError(FailureCode.REVIEW_NOT_OPEN, f"several tasks are open, name one: {names}")
        if not self.by_step:
            raise ReviewRefusedError(FailureCode.REVIEW_NOT_OPEN, "this run has no open review")
        return waiting[0] if waiting else list(self.by_step.values())[-1]

    def _publish(self) -> None:
        teams = sorted({team for task in self._listed.values() for team in task.teams})
        due = min((task.task.due_at for task in self._listed.values()), default=None)
        self._effects.set_attributes(*(NOT_PENDING if due is None else pending(teams, due)))


class Waits:
    """Performs the steps that wait, for one run."""

    def __init__(self, run: DeclaredRun) -> None:
        self._run = run
        self.tasks = Tasks(run.effects)
        self._open: dict[str, Waiting] = {}
        self._notices: dict[str, int] = {}

    async def wait(self, job: StepJob) -> Outcome:
        given = job.node.config
        if not isinstance(given, WaitConfig):
            raise TypeError(job.node.id)
        if given.event is not None:
            return await self._for_event(job, given)
        if given.for_ is not None:
            until = workflow.now() + self._run.evaluation.duration(given.for_, "for", **job.names)
        else:
            until = self._run.evaluation.moment(given.until or "", "until")
        await self._sleep(job.at, until)
        return Completed(None)

    async def _for_event(self, job: StepJob, given: WaitConfig) -> Outcome:
        within = None if given.within is None else self._run.evaluation.duration(given.within, "within")
        wanted = self._run.wanted(given.event or "", given.correlate, given.filter, **job.names)
        until = None if within is None else workflow.now() + within
        self._say(job.at, f"the event {wanted.type}", "whoever emits it", until)
        try:
            event = await self._run.event(wanted, within, job.at)
        finally:
            self._unsay(job.at)
        if event is not None:
            return Completed(event.model_dump(mode="json"))
        if given.on_timeout == "continue":
            return Completed(None, note="the event did not come")
        message = f"the event {wanted.type} did not come in time"
        return Failed(Failure(code=FailureCode.EVENT_TIMEOUT, message=message))

    @contextmanager
    def saying(self, place: str, what: str, who: str, until: datetime | None) -> Generator[None]:
        """Shown as what the run waits for, meanwhile."""
        self._say(place, what, who, until)
        try:
            yield
        finally:
            self._unsay(place)

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
        step = step_of(place)
        waiting = [waiting for name, waiting in self._open.items() if step_of(name) == step]
        self._run.steps.wait_in(step, tuple(waiting))

    async def human_task(self, job: StepJob) -> Outcome:
        given = job.node.config
        if not isinstance(given, HumanTaskConfig):
            raise TypeError(job.node.id)
        try:
            task = await self._decide(job.at, given, job.config)
        except CallFailedError as error:
            return Failed(error.failure)
        if given.repeatable:
            return collected(task.submissions, "its deadline passed")
        return verdict(task.decision, task.approvals, task.due_at, given)

    def take(self, decision: Decision) -> DecidedReview:
        """Count a decision. Raises ReviewRefusedError."""
        task = self.tasks.named_by(decision)
        decided = task.take(decision)
        if task.task.repeatable:
            self._say_open(task.task)
        return decided

    def _say_open(self, task: ReviewTask) -> None:
        so_far = f"{len(task.submissions) or 'none'} so far"
        what = f"submissions by {task.team} ({so_far})" if task.repeatable else f"a decision by {task.team}"
        self._say(task.task, what, task.team, task.due_at)

    async def _decide(self, name: str, given: HumanTaskConfig, config: Mapping[str, Value]) -> ReviewTask:
        """Open a task and wait for its end. Raises CallFailedError."""
        plan = self._task_plan(name, given, config)
        task = self._run.effects.open_task(plan, self._tell, self.tasks.assign)
        self._say_open(task.task)
        try:
            await task.until_decided()
            await task.tell_end()
            return task.task
        finally:
            task.close()
            self.tasks.close(name)
            self._unsay(name)

    def _task_plan(self, name: str, given: HumanTaskConfig, config: Mapping[str, Value]) -> TaskPlan:
        evaluation, team = self._run.evaluation, str(config["assignee"])
        deadline, called = agenda(given, team, evaluation)
        return TaskPlan(
            place=name,
            lookup="reviewers",
            team=team,
            title=str(config["title"] or self._run.steps[step_of(name)].title),
            deadline=deadline,
            agenda=tuple(Moment(*moment) for moment in called),
            name=name,
            timer=name,
            instructions=str(config["instructions"]),
            candidates=tuple(given.candidates),
            exclude=tuple(str(person) for person in cast("list[Any]", config["exclude"])),
            form=given.form,
            quorum=given.quorum,
            repeatable=given.repeatable,
            then_to=passed_on_to(given),
            is_beside_others=True,
        )

    async def _tell(self, team: str, event: str, title: str, text: str) -> Failure | None:
        name = f"{event}/{workflow.info().run_id}/{team}"
        before = self._notices.get(name, 0)
        self._notices[name] = before + 1
        # A second reminder is news, and not the first one sent again.
        notice = team_notice(team, title, text, self._run.key(f"{name}/{before + 1}" if before else name))
        return await self._run.effects.tell_team(notice, f"{event}/{team}", f"Tell {team}: {event.rpartition('/')[2]}")

    async def wait_any(self, job: StepJob) -> Outcome:
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

    async def _choice(self, job: StepJob, name: str, choice: Choice, rendered: dict[str, Any]) -> Value:
        place = f"{job.at}/{name}"
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
            outcome = verdict(task.decision, task.approvals, task.due_at, choice.human_task)
            if isinstance(outcome, Failed):
                raise CallFailedError(outcome.failure)
            return outcome if isinstance(outcome, Rejected) else cast("Completed", outcome).output
        until = workflow.now() + self._run.evaluation.duration(choice.after or "0s", "after")
        await self._sleep(place, until)
        return None
