"""All jobs of a campaign side by side, and what the failure of one means for the others."""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow

from towpath.contracts.core.moments import in_utc
from towpath.contracts.core.process import RUNNING
from towpath.contracts.publishing.campaign import PublishingPolicy
from towpath.contracts.publishing.posting import ChosenTime, Job, JobState
from towpath.policy.publishing.messages import held_notice, late_notice
from workflows.kit.notices import tell_team
from workflows.publishing.jobs import STOPPED, JobRun
from workflows.publishing.posting import Posting
from workflows.publishing.schedule import KEPT_NOW, UNUSED_SLOTS, Schedule
from workflows.publishing.steps import ChannelTexts, PublishingState

UNUSED = frozenset({JobState.CANCELLED, JobState.DROPPED, JobState.FAILED})
"""Endings with which a reserved time is nobody's, unless a post is out."""
CLOCK_SKEW = timedelta(minutes=5)
"""How far a platform's clock may be behind: posts from then on are looked at when ours is searched for."""
STATUSES = (
    (JobState.UNKNOWN, "outcome-unknown"),
    (JobState.HELD, "held"),
    (JobState.PUBLISHING, "publishing"),
    (JobState.SCHEDULED, "scheduled"),
)
"""What a campaign is shown as in lists: the first of these that one of its jobs is in."""


class Board:
    """Jobs by name, in the order of the request. Empty until the texts are approved."""

    def __init__(self, state: PublishingState) -> None:
        self.runs: dict[str, JobRun] = {}
        self.schedule = Schedule(state)
        self._state = state
        self._steps = state.steps
        self._shown = RUNNING

    @property
    def jobs(self) -> tuple[Job, ...]:
        return tuple(run.job for run in self.runs.values())

    async def set_up(self) -> None:
        """A job for every channel; one that cannot be published says why. Raises StepFailedError."""
        channels = self._state.channels.values()
        ready = [channel for channel in channels if channel.adaptation is not None and not channel.blocked]
        late = self.schedule.late(ready)
        times = await self.schedule.choose([channel for channel in ready if channel not in late])
        for channel in channels:
            self._add(channel, times.get(channel.job))
        for channel in late:
            run = self.runs[channel.job]
            run.change(state=JobState.HELD, at=channel.wish.at, reason=_passed(channel))
        self._show()
        if late:
            title, text = late_notice(workflow.info().workflow_id, [self.runs[channel.job].job for channel in late])
            await tell_team(self._state.request.review.team, "late-wishes", title, text)

    async def run(self) -> None:
        """Every job to its end; then what the policy takes back is taken back."""
        for run in self.runs.values():
            await self._after(run)
        since = workflow.info().start_time - CLOCK_SKEW
        await asyncio.gather(
            *(asyncio.ensure_future(self._job(run, since)) for run in self.runs.values() if run.is_open)
        )
        await self.release_unused()
        stopped = [run.job.job for run in self.runs.values() if run.job.state in STOPPED]
        if stopped and self._state.request.policy is PublishingPolicy.NONE:
            out = [run for run in self.runs.values() if run.job.posts]
            await asyncio.gather(*(asyncio.ensure_future(self._withdraw(run, since, stopped)) for run in out))

    async def release_unused(self) -> None:
        """Times of jobs without a post are free for others; one that cannot be given free is told of."""
        idle = [run.job for run in self.runs.values() if not run.job.posts and run.job.state in UNUSED]
        unused = {job.job for job in idle if job.state is JobState.CANCELLED}
        if any(self.schedule.holds(job.job) for job in idle if job.job not in unused):
            unused = {job.job for job in idle} if workflow.patched(UNUSED_SLOTS) else unused
        used = [name for name in self.runs if name not in unused]
        for name, why in (await self.schedule.release_unused(used)).items():
            run = self.runs.get(name)
            if run is not None:
                run.change(reason=f"{run.job.reason}; {why}")

    async def keep_now(self, runs: list[JobRun]) -> None:
        """Other posts of the accounts keep their distance to now, and not to the times that were reserved."""
        spaced = [run for run in runs if run.rules.spacing]
        if not spaced or not workflow.patched(KEPT_NOW):
            await self.give_free(runs)
            return
        for run in spaced:
            wish = self._state.channels[run.job.job].wish
            left = await self.schedule.keep_now(wish, run.rules, run.job.at)
            if left:
                run.change(reason=f"{run.job.reason}; {left}")

    async def give_free(self, runs: list[JobRun]) -> None:
        """The times that were reserved for jobs which go out at another one."""
        schedule = self.schedule
        reserved = [run for run in runs if schedule.holds(run.job.job)]
        if not reserved or not workflow.patched(UNUSED_SLOTS):
            return
        for run in reserved:
            await schedule.release(self._state.channels[run.job.job].wish, run.rules)

    def abandon(self) -> tuple[Job, ...]:
        """The run is cancelled: what was not begun is not published. What is out stays, and is returned."""
        for run in self.runs.values():
            out, wanted = len(run.job.posts), len(run.posts)
            if run.is_open or (run.job.state is JobState.PUBLISHING and not out):
                run.end(JobState.CANCELLED, "the campaign was cancelled")
            elif run.job.state is JobState.PUBLISHING and out == wanted:
                run.end(JobState.PUBLISHED, run.job.reason)
            elif run.job.state is JobState.PUBLISHING:
                run.end(JobState.PARTIAL, f"{out} of {wanted} posts are out; the campaign was cancelled")
        return tuple(job for job in self.jobs if job.posts or job.state is JobState.UNKNOWN)

    def _add(self, channel: ChannelTexts, time: ChosenTime | None) -> None:
        adaptation, state = channel.adaptation, JobState.SCHEDULED
        reason = "" if time is None else time.reason
        if adaptation is None:
            state, reason = JobState.FAILED, "there is no text for it"
        elif channel.blocked:
            state, reason = JobState.DROPPED, "the checks found what must not go out, and nobody mended it"
        elif time is None:
            state, reason = JobState.DROPPED, "no time is free before not_after, and nothing is published late"
        job = Job(
            job=channel.job,
            channel=channel.wish.channel,
            account=channel.wish.account,
            state=JobState.SCHEDULED,
            at=workflow.now() if time is None else time.at,
            reason=reason,
        )
        posts = () if adaptation is None else adaptation.posts
        run = JobRun(job, posts, self._state.rules(channel), self._state.request, self._steps)
        run.change(state=state, failure=channel.failure)
        run.on_change = self._show
        run.on_late = self._tell_late
        self.runs[channel.job] = run

    async def _job(self, run: JobRun, since: datetime) -> None:
        if await run.due():
            await Posting(run, self._state, since).publish()
        await self._after(run)

    async def _tell_late(self, run: JobRun) -> None:
        title, text = late_notice(workflow.info().workflow_id, [run.job])
        at = f"{run.job.at:%Y%m%dT%H%M%S}"
        await tell_team(self._state.request.review.team, f"{run.step}/late/{at}", title, text)

    async def _after(self, run: JobRun) -> None:
        """The campaign's policy, when a job could not be published. A cancellation by a person is no failure."""
        policy = self._state.request.policy
        if run.job.state not in STOPPED or policy is PublishingPolicy.REST:
            return
        others = [other for other in self.runs.values() if other.job.state is JobState.SCHEDULED]
        for other in others:
            if policy is PublishingPolicy.NONE:
                other.end(JobState.CANCELLED, f"{run.job.job} could not be published, and it is all or none")
            else:
                other.change(state=JobState.HELD, reason=f"{run.job.job} could not be published: {run.job.reason}")
        if others and policy is PublishingPolicy.HOLD:
            title, text = held_notice(workflow.info().workflow_id, run.job, [other.job for other in others])
            await tell_team(self._state.request.review.team, f"{run.step}/held", title, text)

    async def _withdraw(self, run: JobRun, since: datetime, stopped: list[str]) -> None:
        why = f"{', '.join(stopped)} could not be published, and it is all or none"
        if await Posting(run, self._state, since).withdraw():
            run.end(JobState.WITHDRAWN, why)
        else:
            run.change(reason=f"still out, since it could not be taken back; {why}")

    def _show(self) -> None:
        """The status that lists show. Set only when it is another one: each setting is an event of the history."""
        states = {job.state for job in self.jobs}
        status = next((status for state, status in STATUSES if state in states), RUNNING)
        if status != self._shown:
            self._shown = status
            self._steps.status(status)


def _passed(channel: ChannelTexts) -> str:
    when = "" if channel.wish.at is None else f" {in_utc(channel.wish.at)}"
    return f"asked for{when}, which passed before it might go out"
