"""Publishing the posts of a job, each exactly once: look, one attempt, and on an unknown outcome look again.

Platforms know no idempotency keys, so the account's own timeline is asked: a post is recognised by its fingerprint, and
by its place in the thread.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception

from activities.publishing import PublishingActivities
from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.publishing.posting import (
    FindPost,
    JobState,
    PostOutcome,
    PreparePost,
    PublishedPost,
    PublishPost,
    RemovePost,
)
from towpath.policy.publishing.fingerprints import fingerprint
from towpath.policy.publishing.messages import unknown_notice
from workflows.kit.calling import CallFailedError, call
from workflows.kit.compensation import shielded
from workflows.kit.notices import tell_team
from workflows.kit.options import LAST_LOOKUP, LOOKUP, POST, UNDO, Work
from workflows.publishing.jobs import JobRun
from workflows.publishing.steps import PublishingState

ATTEMPTS = 3
FIRST_WAIT = timedelta(seconds=5)
"""Before the second attempt; doubled before each further one. What a platform asks for is waited when it is longer."""
LOOKS = (timedelta(seconds=2), timedelta(seconds=6), timedelta(seconds=18))
"""Waits before each look at the timeline after an unknown outcome: it may lag behind, and so may the request."""
AGAIN = frozenset({FailureCode.PUBLISH_RATE_LIMITED, FailureCode.PUBLISH_UNAVAILABLE})
"""After these nothing is out, and a later attempt may do."""

NO_ANSWER = Failure(
    code=FailureCode.PUBLISH_UNKNOWN, message="the platform did not say whether it took the post", unknown=True
)

LOST_DUPLICATES = "lost-duplicates-2026-12"


class OutcomeUnknownError(Exception):
    """The platform did not say whether it took the post, and its timeline cannot be read."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class NotPublishedError(Exception):
    """Nothing was published, and it will not be tried again."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class StaleError(Exception):
    """The time after which nothing is published passed while it was tried."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One post of the job on its way: its number, and the names of its activities."""

    number: int
    of: int
    job: str
    platform: str

    @property
    def name(self) -> str:
        return (
            f"post {self.number + 1} of {self.of} on {self.platform}" if self.of > 1 else f"the post on {self.platform}"
        )

    def activity(self, what: str) -> str:
        return f"publish-{self.job}/{self.number + 1}/{what}"


class Posting:
    """Publishes one job. Threads resume at the post that failed: what is out stays out and is replied to."""

    def __init__(self, run: JobRun, state: PublishingState, since: datetime) -> None:
        self._run = run
        self._steps = state.steps
        self._team = state.request.review.team
        self._since = since
        self._in_doubt = False
        """A post may come out of which nobody knows yet."""

    async def publish(self) -> None:
        """Ends the job as published, partly published, failed or dropped. A cancellation lets a post on its way go."""
        run = self._run
        while len(run.job.posts) < len(run.posts):
            try:
                await self._post(len(run.job.posts))
            except OutcomeUnknownError as unknown:
                if not await self._settle():
                    self._stop(JobState.FAILED, "a person said that it is not out, and gave it up", unknown.failure)
                    return
            except NotPublishedError as error:
                self._stop(JobState.FAILED, f"not published: {error.failure.message}", error.failure)
                return
            except StaleError:
                self._stale()
                return
        run.end(JobState.PUBLISHED, run.job.reason)

    async def withdraw(self) -> bool:
        """Take back what is out, the last post of a thread first; whether all of it is gone."""
        run = self._run
        if not run.rules.can_delete:
            return False
        for number, post in reversed(list(enumerate(run.job.posts))):
            place = self._place(number)
            request = RemovePost(
                adapter=run.rules.adapter,
                account=run.job.account,
                post_id=post.post_id,
                key=self._key(number, "/remove"),
            )
            try:
                await call(
                    PublishingActivities.remove_post,
                    request,
                    UNDO,
                    activity_id=place.activity("remove"),
                    summary=f"Take back {place.name}",
                )
            except CallFailedError as error:
                run.change(failure=error.failure)
                return False
        return True

    async def _post(self, number: int) -> None:
        """Return once the post is out. Raises what keeps it from being so."""
        self._in_doubt = False
        try:
            await self._attempts(self._place(number))
        except BaseException as error:
            if is_cancelled_exception(error) and self._in_doubt:
                await shielded(self._look_last(self._place(number)))
            raise

    async def _attempts(self, place: _Place) -> None:
        wait = FIRST_WAIT
        for attempt in range(1, ATTEMPTS + 1):
            if self._run.is_stale(workflow.now()):
                raise StaleError
            look_first = place.number == 0 or attempt > 1
            failure = await self._attempt(place, look_first=look_first)
            if failure is None:
                return
            if attempt == ATTEMPTS or not (failure.unknown or failure.code in AGAIN):
                raise NotPublishedError(failure)
            pause = max(wait, timedelta(seconds=failure.retry_after_seconds or 0))
            self._steps.remark(self._run.step, f"{place.name}: {failure.code}, next attempt in {pause}")
            await workflow.sleep(pause, summary=f"{place.name}: wait before attempt {attempt + 1}")
            wait *= 2

    async def _attempt(self, place: _Place, *, look_first: bool) -> Failure | None:
        """Look, publish once, look again where the outcome is unknown. The post is booked, or the failure says why not.

        The first try of a follow-up needs no look: the run itself knows that it was never sent. Where the outcome of an
        earlier attempt is unknown, its post may come late, so there is a look whatever this one comes to.
        """
        run, before = self._run, self._in_doubt
        run.change(attempts=run.job.attempts + 1)
        failure = None
        try:
            post = (await self._prepare(place)).post if look_first else None
            self._in_doubt = True
            post = post or (await self._publish(place)).post
        except CallFailedError as error:
            failure, post = error.failure, None
            self._in_doubt = before or failure.unknown
        if post is None and self._in_doubt:
            post = await self._look(place, failure or NO_ANSWER, was_lost=before)
        if post is None:
            return failure or NO_ANSWER
        self._in_doubt = False
        run.add(post)
        return None

    async def _prepare(self, place: _Place) -> PostOutcome:
        return await call(
            PublishingActivities.prepare_post,
            self._wish(place.number),
            LOOKUP,
            activity_id=place.activity(f"prepare/{self._run.job.attempts}"),
            summary=f"Look whether {place.name} may go out",
        )

    async def _publish(self, place: _Place) -> PostOutcome:
        return await call(
            PublishingActivities.publish_post,
            PublishPost(**self._wish(place.number).model_dump()),
            POST,
            activity_id=place.activity(f"publish/{self._run.job.attempts}"),
            summary=f"Publish {place.name}",
        )

    async def _look(self, place: _Place, failure: Failure, *, was_lost: bool) -> PublishedPost | None:
        """Several looks at the timeline; None when all of them say that the post is not there.

        Raises OutcomeUnknownError when the last one could not be made, or when an earlier attempt had no answer and the
        platform now has such a text; NotPublishedError when it refused a duplicate that is not this post.
        """
        self._steps.remark(self._run.step, f"{place.name}: outcome unknown, looking for it")
        outcome: PostOutcome | None = None
        problem = failure
        for look, wait in enumerate(LOOKS, 1):
            await workflow.sleep(wait, summary=f"{place.name}: wait before look {look}")
            try:
                outcome = await self._find(place, str(look), LOOKUP)
            except CallFailedError as error:
                outcome, problem = None, error.failure
                continue
            if outcome.post is not None:
                return outcome.post
        if outcome is None:
            self._run.change(state=JobState.UNKNOWN, failure=problem)
            raise OutcomeUnknownError(problem)
        if failure.code is FailureCode.PUBLISH_DUPLICATE:
            if was_lost and workflow.patched(LOST_DUPLICATES):
                self._run.change(state=JobState.UNKNOWN, failure=failure)
                raise OutcomeUnknownError(failure)
            raise NotPublishedError(failure)
        return None

    async def _look_last(self, place: _Place) -> None:
        """The run is cancelled, with a post on its way: one look, at once. What it does not find may still come out."""
        try:
            post = (await self._find(place, "last", LAST_LOOKUP)).post
        except CallFailedError:
            post = None
        if post is None:
            self._run.change(state=JobState.UNKNOWN, failure=NO_ANSWER)
        else:
            self._run.add(post)

    async def _find(self, place: _Place, look: str, work: Work) -> PostOutcome:
        return await call(
            PublishingActivities.find_post,
            FindPost(**self._wish(place.number).model_dump()),
            work,
            activity_id=place.activity(f"find/{self._run.job.attempts}.{look}"),
            summary=f"Look for {place.name} on the timeline ({look})",
        )

    async def _settle(self) -> bool:
        """Wait for a person; False when the post is given up."""
        run = self._run
        title, text = unknown_notice(workflow.info().workflow_id, run.job)
        await tell_team(self._team, f"{run.step}/unknown/{run.job.attempts}", title, text)
        settlement = await run.settled()
        run.change(state=JobState.PUBLISHING, failure=None, changed_by=settlement.by)
        if settlement.published:
            run.add(PublishedPost(post_id=settlement.post_id, url=settlement.url, at=workflow.now()))
            return True
        return not settlement.give_up

    def _stale(self) -> None:
        if self._run.job.posts:
            self._stop(JobState.PARTIAL, "the rest became stale", None)
        else:
            self._run.drop()

    def _stop(self, state: JobState, reason: str, failure: Failure | None) -> None:
        out, all_ = len(self._run.job.posts), len(self._run.posts)
        if out:
            state, reason = JobState.PARTIAL, f"{out} of {all_} posts are out; {reason}"
        self._run.end(state, reason, failure)

    def _wish(self, number: int) -> PreparePost:
        run = self._run
        known = tuple(post.post_id for post in run.job.posts)
        return PreparePost(
            adapter=run.rules.adapter,
            account=run.job.account,
            post=run.posts[number],
            fingerprint=fingerprint(run.posts[number]),
            since=self._since,
            key=self._key(number),
            reply_to=known[-1] if known else None,
            known=known,
        )

    def _key(self, number: int, suffix: str = "") -> EffectKey:
        return self._steps.key(f"{self._run.step}/{number + 1}{suffix}")

    def _place(self, number: int) -> _Place:
        run = self._run
        return _Place(number, len(run.posts), run.job.job, run.rules.title)
