"""How people change a campaign while it lasts: texts until their cut-off, times, cancellations, and what was unknown.

Every change is an update. Its validator refuses what cannot count, with a `job.*` error that says why.
"""

from collections.abc import Callable
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.moments import in_utc
from towpath.contracts.publishing.campaign import Adaptation
from towpath.contracts.publishing.posting import EditPosts, Job, JobChange, JobState, Reschedule, Settle
from towpath.policy.publishing.settling import settlement_problem
from towpath.temporal.failures import to_application_error
from workflows.kit.calling import CallFailedError
from workflows.kit.people import require_person
from workflows.publishing.board import Board
from workflows.publishing.jobs import JobRun
from workflows.publishing.steps import ChannelTexts, PublishingState

ALL = "*"


class ChangeRefusedError(HouseError):
    """A change to a job does not count."""


class PostingDesk:
    """Mixin of the workflow: the updates `edit`, `reschedule`, `cancel`, `publish_now`, `release`, `settle`."""

    def __init__(self, state: PublishingState, board: Board, may_edit: Callable[[str], str]) -> None:
        self._desk_state = state
        self._desk_board = board
        self._may_edit = may_edit
        """Why somebody may not edit; empty when they may."""

    @workflow.update(name="edit")
    async def edit(self, edit: EditPosts) -> Adaptation:
        """New texts for a job, before or after the approval; the checks in code hold for them as for Claude's."""
        await self._require(edit.by, "edit")
        self._try(lambda: self._check_edit(edit))
        channel = self._desk_state.channels[edit.job]
        if channel.adaptation is None:
            raise _refused(FailureCode.JOB_CLOSED, f"{edit.job} has no texts")
        adaptation = channel.adaptation.model_copy(
            update={"posts": edit.posts, "edited_by": edit.by, "shortened": False}
        )
        written = [other.adaptation for other in self._desk_state.channels.values() if other.adaptation is not None]
        checked = tuple(adaptation if other is channel.adaptation else other for other in written)
        try:
            found = await self._desk_state.check(
                checked, (), f"edit-{edit.job}/{workflow.uuid4()}", f"Check the texts of {edit.by}"
            )
        except CallFailedError as error:
            raise _refused(FailureCode.JOB_REFUSED, f"the texts cannot be checked: {error.failure.message}") from error
        findings = found.channels[checked.index(adaptation)].findings
        blocking = [f"{finding.rule}: {finding.text}" for finding in findings if finding.blocking]
        if blocking:
            raise _refused(FailureCode.JOB_REFUSED, "; ".join(blocking[:5]))
        self._try(lambda: self._check_edit(edit))
        self._put(channel, adaptation)
        if channel.quality is not None:
            channel.quality = channel.quality.model_copy(update={"findings": findings})
        return adaptation

    @edit.validator
    def _validate_edit(self, edit: EditPosts) -> None:
        self._try(lambda: self._check_edit(edit))

    @workflow.update(name="reschedule")
    async def reschedule(self, change: Reschedule) -> Job:
        """Another time, later where the account's spacing needs it; never before the embargo or after `not_after`."""
        await self._require(change.by, "reschedule")
        self._try(lambda: self._check_reschedule(change))
        run = self._desk_board.runs[change.job]
        channel = self._desk_state.channels[change.job]
        try:
            at = await self._desk_board.schedule.reserve(channel.wish, run.rules, change.at)
        except CallFailedError as error:
            raise _refused(FailureCode.JOB_REFUSED, f"no time can be reserved: {error.failure.message}") from error
        if at is None:
            raise _refused(FailureCode.JOB_REFUSED, "no time is free from then until not_after")
        try:
            self._try(lambda: self._check_open(run))
        except ApplicationError:
            await self._desk_board.give_free([run])
            raise
        run.may_be_late = False
        moved = f"; the first free time from {in_utc(change.at)} on" if at != change.at else ""
        run.change(at=at, reason=_why("moved", change.by, change.reason) + moved, changed_by=change.by)
        return run.job

    @reschedule.validator
    def _validate_reschedule(self, change: Reschedule) -> None:
        self._try(lambda: self._check_reschedule(change))

    @workflow.update(name="cancel")
    async def cancel(self, change: JobChange) -> list[Job]:
        """The job is not published; `*`: none that has not begun."""
        await self._require(change.by, "cancel")
        self._try(lambda: self._check_change(change))
        runs = self._named(change)
        for run in runs:
            run.change(changed_by=change.by)
            run.end(JobState.CANCELLED, _why("cancelled", change.by, change.reason))
        for run in runs:
            left = await self._desk_board.schedule.release(self._desk_state.channels[run.job.job].wish, run.rules)
            if left:
                run.change(reason=f"{run.job.reason}; {left}")
        return [run.job for run in runs]

    @cancel.validator
    def _validate_cancel(self, change: JobChange) -> None:
        self._try(lambda: self._check_change(change))

    @workflow.update(name="publish_now")
    async def publish_now(self, change: JobChange) -> list[Job]:
        """The job's time is now, whatever the account's spacing; the embargo holds."""
        await self._require(change.by, "publish")
        self._try(lambda: self._check_publish_now(change))
        runs = self._named(change)
        for run in runs:
            reason = _why("published now", change.by, change.reason)
            run.change(state=JobState.SCHEDULED, at=workflow.now(), reason=reason, changed_by=change.by)
        await self._desk_board.keep_now(runs)
        return [run.job for run in runs]

    @publish_now.validator
    def _validate_publish_now(self, change: JobChange) -> None:
        self._try(lambda: self._check_publish_now(change))

    @workflow.update(name="release")
    async def release(self, change: JobChange) -> list[Job]:
        """A held job goes on: at its time, or at once when that has passed."""
        await self._require(change.by, "release")
        self._try(lambda: self._check_release(change))
        runs = self._held(change)
        for run in runs:
            reason = _why("released", change.by, change.reason)
            run.may_be_late = True
            run.change(state=JobState.SCHEDULED, reason=reason, changed_by=change.by)
        return [run.job for run in runs]

    @release.validator
    def _validate_release(self, change: JobChange) -> None:
        self._try(lambda: self._check_release(change))

    @workflow.update(name="settle")
    async def settle(self, settlement: Settle) -> Job:
        """Somebody has looked: the post is out, with this id, or it is not."""
        await self._require(settlement.by, "settle")
        self._try(lambda: self._check_settle(settlement))
        run = self._desk_board.runs[settlement.job]
        run.settlement = settlement
        return run.job

    @settle.validator
    def _validate_settle(self, settlement: Settle) -> None:
        self._try(lambda: self._check_settle(settlement))
        self._try(lambda: self._check_said(settlement))

    async def _require(self, who: str, what: str) -> None:
        review = self._desk_state.request.review
        await require_person(who, (review.team, review.escalate_to), what)

    def _try(self, check: Callable[[], None]) -> None:
        try:
            check()
        except ChangeRefusedError as error:
            raise to_application_error(error) from None

    def _check_edit(self, edit: EditPosts) -> None:
        channel = self._desk_state.channels.get(edit.job)
        if channel is None:
            raise self._unknown(edit.job)
        if channel.adaptation is None or channel.quality is None:
            raise ChangeRefusedError(FailureCode.JOB_CLOSED, f"{edit.job} has no texts to edit, or not yet")
        run = self._desk_board.runs.get(edit.job)
        if run is not None:
            self._check_open(run)
        problem = self._may_edit(edit.by)
        if problem:
            raise ChangeRefusedError(FailureCode.JOB_REFUSED, problem)
        rules, link = self._desk_state.rules(channel), self._desk_state.metadata.link
        problems = self._desk_state.texts.post_problems(edit.posts, rules, link)
        if problems:
            raise ChangeRefusedError(FailureCode.JOB_REFUSED, "; ".join(problems[:5]))

    def _check_reschedule(self, change: Reschedule) -> None:
        run = self._run(change.job)
        self._check_open(run)
        state, now = self._desk_state, workflow.now()
        if change.at.tzinfo is None:
            raise ChangeRefusedError(FailureCode.JOB_REFUSED, "the time needs its offset from UTC")
        if change.at <= now:
            raise ChangeRefusedError(FailureCode.JOB_REFUSED, "that time has passed; publish_now publishes at once")
        _check_window(change.at, state.not_before, state.metadata.not_after)

    def _check_publish_now(self, change: JobChange) -> None:
        self._check_change(change)
        state = self._desk_state
        _check_window(workflow.now(), state.not_before, state.metadata.not_after)

    def _check_change(self, change: JobChange) -> None:
        if change.job != ALL:
            self._check_open(self._run(change.job))
        elif not self._named(change):
            raise ChangeRefusedError(FailureCode.JOB_CLOSED, "no job is left that has not begun")

    def _check_release(self, change: JobChange) -> None:
        if change.job != ALL:
            self._run(change.job)
        if not self._held(change):
            raise ChangeRefusedError(FailureCode.JOB_CLOSED, f"{change.job}: nothing is held")

    def _check_settle(self, settlement: Settle) -> None:
        run = self._run(settlement.job)
        if run.job.state is not JobState.UNKNOWN or run.settlement is not None:
            raise ChangeRefusedError(FailureCode.JOB_CLOSED, f"{settlement.job}: its outcome is not unknown")
        if settlement.published and not settlement.post_id.strip():
            raise ChangeRefusedError(FailureCode.JOB_REFUSED, "a post that is out has an id: give it")

    def _check_said(self, settlement: Settle) -> None:
        """What was said of the post. No replay asks it: a validator is not called again."""
        run, job = self._run(settlement.job), self._run(settlement.job).job
        place = self._desk_state.campaign.places.get(f"{job.channel}/{job.account}", "")
        known = {post.post_id for other in self._desk_board.jobs for post in other.posts}
        problem = settlement_problem(run.rules.adapter, place, settlement, known)
        if problem is not None:
            raise ChangeRefusedError(FailureCode.JOB_REFUSED, problem)

    def _check_open(self, run: JobRun) -> None:
        if not run.is_open:
            raise ChangeRefusedError(FailureCode.JOB_CLOSED, f"{run.job.job} can no longer be changed: {run.job.state}")
        if run.cut_off is not None and workflow.now() > run.cut_off:
            message = f"the cut-off of {run.job.job} was {in_utc(run.cut_off, seconds=True)}"
            raise ChangeRefusedError(FailureCode.JOB_CLOSED, message)

    def _run(self, job: str) -> JobRun:
        run = self._desk_board.runs.get(job)
        if run is None:
            raise self._unknown(job)
        return run

    def _unknown(self, job: str) -> ChangeRefusedError:
        known = self._desk_state.channels
        why = "is not scheduled yet" if job in known else f"is no job of this campaign; its jobs are {', '.join(known)}"
        return ChangeRefusedError(FailureCode.JOB_UNKNOWN, f"{job} {why}")

    def _named(self, change: JobChange) -> list[JobRun]:
        """The jobs that are meant; of all, those that can still be changed."""
        if change.job != ALL:
            return [self._desk_board.runs[change.job]]
        now = workflow.now()
        return [
            run for run in self._desk_board.runs.values() if run.is_open and (run.cut_off is None or now <= run.cut_off)
        ]

    def _held(self, change: JobChange) -> list[JobRun]:
        runs = self._desk_board.runs.values()
        return [run for run in runs if run.job.state is JobState.HELD and change.job in {ALL, run.job.job}]

    def _put(self, channel: ChannelTexts, adaptation: Adaptation) -> None:
        channel.adaptation = adaptation
        run = self._desk_board.runs.get(channel.job)
        if run is not None:
            run.posts = adaptation.posts
            run.change(changed_by=adaptation.edited_by)


def _check_window(at: datetime, not_before: datetime | None, not_after: datetime | None) -> None:
    if not_before is not None and at < not_before:
        raise ChangeRefusedError(FailureCode.JOB_REFUSED, f"nothing is published before {in_utc(not_before)}")
    if not_after is not None and at > not_after:
        raise ChangeRefusedError(FailureCode.JOB_REFUSED, f"nothing is published after {in_utc(not_after)}")


def _why(what: str, by: str, reason: str) -> str:
    return f"{what} by {by}" + (f": {reason.strip()}" if reason.strip() else "")


def _refused(code: FailureCode, message: str) -> Exception:
    return to_application_error(ChangeRefusedError(code, message))
