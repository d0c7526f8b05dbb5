"""One job of a campaign: its texts, the wait for its time, and what people and the campaign's policy change in it."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from temporalio import workflow

from towpath.contracts.core.failure import Failure
from towpath.contracts.core.moments import in_utc
from towpath.contracts.core.run import Waiting
from towpath.contracts.publishing.campaign import PlatformRules, PublishingRequest
from towpath.contracts.publishing.posting import Job, JobState, Post, PublishedPost, Settle
from workflows.kit.steps import Steps

OPEN = frozenset({JobState.SCHEDULED, JobState.HELD})
"""Nothing of the job was begun yet."""
LATE_BY = timedelta(minutes=15)
"""From then on a person says whether it still goes out: its hour and its distance to other posts are others by then."""
LATE_TIMERS = "late-timers-2026-12"
STOPPED = frozenset({JobState.FAILED, JobState.PARTIAL, JobState.DROPPED})
"""Endings that count as not published for the campaign's policy."""


class JobRun:
    """A job while it lasts. Everything that changes it goes through `change`, so that whoever waits for it sees it."""

    def __init__(
        self, job: Job, posts: tuple[Post, ...], rules: PlatformRules, request: PublishingRequest, steps: Steps
    ) -> None:
        self.job = job
        self.posts = posts
        self.rules = rules
        self.settlement: Settle | None = None
        self.on_change: Callable[[], None] = lambda: None
        self.on_late: Callable[[JobRun], Awaitable[None]] = _told_nobody
        self.may_be_late = False
        """A person has said that it goes out although its time has passed."""
        self._request = request
        self._steps = steps
        self._changes = 0

    @property
    def step(self) -> str:
        return f"publish-{self.job.job}"

    @property
    def is_open(self) -> bool:
        return self.job.state in OPEN

    @property
    def cut_off(self) -> datetime | None:
        """Until when people may change the job; None: it is held, so as long as it is."""
        return None if self.job.state is JobState.HELD else self.job.at - self._request.cut_off

    def is_stale(self, now: datetime) -> bool:
        not_after = self._request.metadata.not_after
        return not_after is not None and now > not_after

    def change(self, **fields: object) -> None:
        self.job = self.job.model_copy(update=fields)
        self._changes += 1
        self._show()
        self.on_change()

    def add(self, post: PublishedPost) -> None:
        self.change(posts=(*self.job.posts, post))

    def end(self, state: JobState, reason: str, failure: Failure | None = None) -> None:
        self.change(state=state, reason=reason, failure=failure)

    def drop(self) -> None:
        not_after = self._request.metadata.not_after
        when = "" if not_after is None else f" was {in_utc(not_after)}"
        self.end(JobState.DROPPED, f"stale: not_after{when}, and nothing is published late")

    def is_late(self, now: datetime) -> bool:
        """Whether its time is long past, since no worker ran, and nobody said that it may go out all the same."""
        return now - self.job.at > LATE_BY and not self.may_be_late and workflow.patched(LATE_TIMERS)

    async def due(self) -> bool:
        """Wait for the job's time. False: it was cancelled or dropped instead. The wait is a durable timer."""
        while self.is_open:
            now = workflow.now()
            if self.is_stale(now):
                self.drop()
            elif self.job.state is JobState.HELD:
                await self._changed(self._request.metadata.not_after, "held")
            elif now < self.job.at:
                await self._changed(self.job.at, "until its time")
            elif self.is_late(now):
                when, why = in_utc(self.job.at), "passed while no worker could publish it"
                self.change(state=JobState.HELD, reason=f"its time was {when}, which {why}")
                await self.on_late(self)
            else:
                self.change(state=JobState.PUBLISHING)
                return True
        return False

    async def settled(self) -> Settle:
        """Wait until a person has looked. There is no deadline: nobody else can know."""
        await workflow.wait_condition(lambda: self.settlement is not None)
        settlement, self.settlement = self.settlement, None
        if settlement is None:
            raise RuntimeError("nobody settled it")
        return settlement

    async def _changed(self, until: datetime | None, why: str) -> None:
        """Return at the next change, or just after `until`."""
        seen = self._changes
        timeout = None if until is None else max(until - workflow.now(), timedelta()) + timedelta(milliseconds=1)
        try:
            await workflow.wait_condition(
                lambda: self._changes != seen, timeout=timeout, timeout_summary=f"{self.job.job}: {why}"
            )
        except TimeoutError:
            return

    def _show(self) -> None:
        """The step in the run's record says what the job does."""
        job, step, steps = self.job, self.step, self._steps
        steps.wait_in(step, self._waits())
        match job.state:
            case JobState.PUBLISHING if not job.posts and job.attempts == 0:
                steps.begin(step)
            case JobState.PUBLISHED:
                steps.complete(step, attempts=job.attempts, note=self._where())
            case JobState.WITHDRAWN:
                steps.undo(step)
            case JobState.CANCELLED:
                steps.cancel(step, job.reason)
            case JobState.DROPPED:
                steps.skip(step, job.reason)
            case JobState.PARTIAL | JobState.FAILED if job.failure is not None:
                steps.fail(step, job.failure)
            case JobState.PARTIAL | JobState.FAILED:
                steps.degrade(step, job.reason)
            case _:
                pass

    def _waits(self) -> tuple[Waiting, ...]:
        team = self._request.review.team
        match self.job.state:
            case JobState.SCHEDULED:
                return (Waiting(what="its time", who="nobody", until=self.job.at),)
            case JobState.HELD:
                return (Waiting(what="a release", who=team, until=self._request.metadata.not_after),)
            case JobState.UNKNOWN:
                return (Waiting(what="somebody to look whether it is out", who=team, until=None),)
            case _:
                return ()

    def _where(self) -> str:
        posts = self.job.posts
        count = f"{len(posts)} posts, " if len(posts) > 1 else ""
        return f"{count}{posts[0].url}" if posts else ""


async def _told_nobody(_: JobRun) -> None:
    """Until the board says who is told."""
