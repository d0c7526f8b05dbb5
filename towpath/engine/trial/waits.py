"""Steps that wait, in memory: for a time, until a moment, for an event, for people, or for the first of several."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from towpath.contracts.core.failure import CallFailedError, Failure, FailureCode
from towpath.contracts.core.review import DecidedReview, Decision, Verdict
from towpath.engine.checks.inputs import violations
from towpath.engine.expression.values import Value
from towpath.engine.language.definition import CaseAnswer, CaseDecision
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.steps import Choice, HumanTaskConfig, WaitAnyConfig, WaitConfig
from towpath.engine.run.actions import Completed, Failed, Outcome, Rejected
from towpath.engine.run.deciding import agenda, collected, no_room, passed_on_to, sent_before, verdict
from towpath.engine.trial.examples import example
from towpath.engine.trial.run import TrialJob
from towpath.engine.trial.script import failure_by, length_of

TESTER = "tester"


async def perform_wait(job: TrialJob) -> Outcome:
    """Raises StepError."""
    given, answer = job.node.config, job.run.script.next(job.node.id)
    if not isinstance(given, WaitConfig):
        raise TypeError(job.node.id)
    if given.event is not None:
        return await _for_event(job, given, answer)
    if answer is not None and not answer.timeout:
        return await _as_told(job, answer)
    evaluation, time = job.run.evaluation, job.run.time
    if given.for_ is not None:
        await time.wait_for(evaluation.duration(given.for_, "for", **job.names))
    else:
        await time.wait_until(evaluation.moment(given.until or "", "until"))
    return Completed(None)


async def _as_told(job: TrialJob, answer: CaseAnswer) -> Outcome:
    await job.run.time.wait_for(length_of(answer.after))
    if answer.fail is not None:
        return Failed(failure_by(answer.fail, "it failed in the test"))
    return Completed(answer.output)


async def _for_event(job: TrialJob, given: WaitConfig, answer: CaseAnswer | None) -> Outcome:
    evaluation, time = job.run.evaluation, job.run.time
    within = None if given.within is None else evaluation.duration(given.within, "within")
    if answer is None:
        coming = time.start(_event(job, given))
    elif answer.timeout:
        coming = time.start(_never(job))
    else:
        coming = time.start(_as_told(job, answer))
    if await time.ended(coming, within):
        return coming.result()
    if given.on_timeout == "continue":
        return Completed(None, note="the event did not come")
    message = f"the event {given.event} did not come in time"
    return Failed(Failure(code=FailureCode.EVENT_TIMEOUT, message=message))


async def _event(job: TrialJob, given: WaitConfig | Choice) -> Outcome:
    event = await job.run.event(given.event or "", given, job.names)
    return Completed(event.model_dump(mode="json"))


async def _never(job: TrialJob) -> Outcome:
    await job.run.time.until(lambda: False)
    return Completed()


async def perform_task(job: TrialJob) -> Outcome:
    """Raises StepError."""
    given, answer = job.node.config, job.run.script.next(job.node.id)
    if not isinstance(given, HumanTaskConfig):
        raise TypeError(job.node.id)
    if answer is not None and answer.fail is not None:
        return await _as_told(job, answer)
    task = TrialTask(job, job.name, given, job.config)
    try:
        return await task.outcome(_decisions(answer, "", given), answer)
    except CallFailedError as error:
        return Failed(error.failure)


def _decisions(answer: CaseAnswer | None, name: str, given: HumanTaskConfig) -> Sequence[CaseDecision]:
    """What people say of a task. Without a word in the test as many as it needs approve at once."""
    if answer is None or (answer.decisions is None and answer.output is None and not answer.timeout):
        data = {} if given.form is None else as_object(example(given.form)) or {}
        people = [TESTER, *(f"{TESTER}-{number}" for number in range(2, given.quorum + 1))]
        after = "0s" if answer is None or answer.after is None else answer.after
        return [CaseDecision(by=person, data=data, after=after) for person in people]
    return [decision for decision in answer.decisions or [] if decision.task in {None, name}]


@dataclass(slots=True)
class TrialTask:
    """One task. The first rejection decides, or as many approvals by different people as the quorum; a repeatable one
    collects all of them until its deadline.
    """

    job: TrialJob
    place: str
    given: HumanTaskConfig
    config: dict[str, Value]
    approvals: list[DecidedReview] = field(default_factory=list[DecidedReview])
    submissions: list[DecidedReview] = field(default_factory=list[DecidedReview])
    decision: DecidedReview | None = None
    closed: bool = False
    teams: list[str] = field(default_factory=list[str])
    """Those that were asked."""
    whole: Outcome | None = None
    """What the test says of the task as a whole."""

    async def outcome(self, decisions: Sequence[CaseDecision], answer: CaseAnswer | None) -> Outcome:
        """Raises StepError, CallFailedError."""
        run = self.job.run
        opened = run.time.now
        team = str(self.config["assignee"])
        deadline, called = agenda(self.given, team, run.evaluation)
        # Who may decide is looked up first, and only then is the team told.
        await run.time.turn()
        await run.time.turn()
        self._ask(team, "opened")
        run.tasks[self.place] = self
        for decision in decisions:
            run.time.start(self._decide(decision, opened))
        if answer is not None and answer.output is not None:
            run.time.start(self._be_told(answer))
        try:
            due = await self._hold(opened, deadline, called)
        finally:
            self.closed = True
        run.tell(team, "closed")
        if self.whole is None and self.given.repeatable:
            return collected(self.submissions, "its deadline passed")
        return self.whole or verdict(self.decision, self.approvals, due, self.given)

    async def _hold(
        self, opened: datetime, deadline: timedelta, called: Sequence[tuple[timedelta, str, str]]
    ) -> datetime:
        """Until it is decided or its time is over; when that is. Raises CallFailedError."""
        for after, event, team in called:
            if not self._is_out_of_reach():
                if await self._decided_by(opened + after):
                    return opened + deadline
                self._ask(team, event)
            elif event == "escalation":
                self._ask(team, event)
        team = passed_on_to(self.given)
        if self._is_out_of_reach():
            self._pass_on_or_fail(team)
            team = None
        if await self._decided_by(opened + deadline) or team is None:
            return opened + deadline
        self._ask(team, "escalation")
        due = self.job.run.time.now + deadline
        await self._decided_by(due)
        return due

    def _ask(self, team: str, event: str) -> None:
        if team not in self.teams:
            self.teams.append(team)
        self.job.run.tell(team, event)

    def _pass_on_or_fail(self, team: str | None) -> None:
        """To the last team that there is, at once. Raises CallFailedError when there are too few with it, too."""
        if team is not None and team not in self.teams:
            self._ask(team, "escalation")
        if self._is_out_of_reach():
            message = f"it takes {self.given.quorum} people, and fewer may decide for {', '.join(self.teams)}"
            raise CallFailedError(Failure(code=FailureCode.REVIEW_QUORUM, message=message))

    def _is_out_of_reach(self) -> bool:
        """Whether fewer people may decide than must, as far as the test says who belongs to the teams."""
        people = self._people()
        return not self.is_decided() and people is not None and len(people - self.excluded()) < self.given.quorum

    def _people(self) -> set[str] | None:
        """Who belongs to the teams that were asked, and the candidates; None where that is not said."""
        known = self.job.run.teams
        if any(team not in known for team in self.teams):
            return None
        return {person for team in self.teams for person in known[team]} | set(self.given.candidates)

    def excluded(self) -> set[str]:
        return {str(one) for one in as_list(self.config["exclude"]) or []}

    async def _decided_by(self, moment: datetime) -> bool:
        time = self.job.run.time
        return self.is_decided() or await time.until(self.is_decided, moment - time.now)

    def is_decided(self) -> bool:
        """Whether people, or the test as a whole, have said what becomes of it."""
        return self.decision is not None or self.whole is not None

    async def _decide(self, said: CaseDecision, opened: datetime) -> None:
        run = self.job.run
        await run.time.wait_until(opened + length_of(said.after))
        problem = self.refusal(said)
        if problem:
            run.result.refused.append(f"{run.name}{self.place}: {said.by} was refused: {problem}")
        else:
            self.take(said)

    def take(self, said: CaseDecision) -> None:
        """Count a decision; one that was submitted before counts once."""
        decided = DecidedReview(
            verdict=Verdict(said.verdict),
            reviewer=said.by,
            role=TESTER,
            reason=said.reason.strip(),
            at=self.job.run.time.now,
            data=said.data,
        )
        if self.given.repeatable:
            self.submissions += [] if sent_before(self.submissions, decided) is not None else [decided]
            return
        if decided.verdict is Verdict.REJECT:
            self.decision = decided
            return
        self.approvals.append(decided)
        if len(self.approvals) >= self.given.quorum:
            self.decision = decided

    def problem_of(self, person: str) -> str:
        """Why a person may not decide, whatever it is."""
        if person in self.excluded():
            return "excluded from this task"
        people = self._people()
        return "" if people is None or person in people else f"no reviewer of {', '.join(self.teams)}"

    def refusal(self, said: CaseDecision) -> str:
        """Why a decision does not count."""
        fields = {"verdict": said.verdict, "reviewer": said.by, "reason": said.reason, "data": said.data}
        decision = Decision.model_validate(fields)
        return self.problem(said) or (no_room(self.submissions, decision) if self.given.repeatable else "")

    def problem(self, said: CaseDecision) -> str:
        """Why the person may not decide it so."""
        if self.closed or self.is_decided() or any(approval.reviewer == said.by for approval in self.approvals):
            return "it is decided already, or closed"
        if self.problem_of(said.by):
            return self.problem_of(said.by)
        if said.verdict == "reject" and not said.reason.strip():
            return "a rejection needs a reason"
        if self.given.form is not None and said.verdict == "approve":
            wrong = violations(self.given.form, cast("Any", said.data))
            return f"the form is not complete: {'; '.join(wrong[:5])}" if wrong else ""
        return ""

    async def _be_told(self, answer: CaseAnswer) -> None:
        await self.job.run.time.wait_for(length_of(answer.after))
        rejects = (as_object(answer.output) or {}).get("decision") == "reject"
        self.whole = Rejected(answer.output) if rejects and self.given.on_reject == "stop" else Completed(answer.output)


async def perform_wait_any(job: TrialJob) -> Outcome:
    """The first that comes; of two that come at once, the one that stands first. Raises StepError."""
    given, answer = job.node.config, job.run.script.next(job.node.id)
    if not isinstance(given, WaitAnyConfig):
        raise TypeError(job.node.id)
    time = job.run.time
    if answer is not None and (answer.output is not None or answer.fail is not None):
        return _chosen(job, await _as_told(job, answer))
    waiting = {name: time.start(_choice(job, name, choice, answer)) for name, choice in given.on.items()}
    try:
        await time.until(lambda: any(strand.done for strand in waiting.values()))
        chosen = next(name for name, strand in waiting.items() if strand.done)
        outcome = waiting[chosen].result()
    except CallFailedError as error:
        return Failed(error.failure)
    finally:
        for strand in waiting.values():
            strand.close()
    if not isinstance(outcome, Completed):
        return outcome
    return _chosen(job, Completed({"chosen": chosen, "value": outcome.output}))


def _chosen(job: TrialJob, outcome: Outcome) -> Outcome:
    fields = as_object(outcome.output) if isinstance(outcome, Completed) else None
    if fields is not None:
        job.run.result.chosen[job.node.id] = str(fields.get("chosen"))
    return outcome


async def _choice(job: TrialJob, name: str, choice: Choice, answer: CaseAnswer | None) -> Outcome:
    if choice.event is not None:
        return await (_never(job) if answer is not None and answer.timeout else _event(job, choice))
    if choice.human_task is not None:
        rendered = cast("dict[str, dict[str, Any]]", job.config["on"])[name]["human-task"]
        task = TrialTask(job, f"{job.at}/{name}", choice.human_task, rendered)
        return await task.outcome(_decisions(answer, name, choice.human_task), None)
    await job.run.time.wait_for(job.run.evaluation.duration(choice.after or "0s", "after", **job.names))
    return Completed(None)
