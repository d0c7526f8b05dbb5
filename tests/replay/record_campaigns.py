"""Records histories of content-publishing against a fake press: `python -m tests.replay.record_campaigns`.

A file that exists is kept.
"""

import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError

from tests.fakes.press import busy, down, forbidden
from tests.replay.record_incidents import write
from tests.timeskip.conftest import time_skipping
from tests.timeskip.publishing import Handle, Press, after, campaign, decide, job_in, serve, task_of
from tests.timeskip.test_publishing_late import approved_late, long_past
from tests.timeskip.test_publishing_paths import refusing, scored
from tests.timeskip.test_publishing_policy import ALL, held
from tests.timeskip.test_publishing_posting import lost_duplicate, settle, unsettled
from tests.timeskip.test_publishing_review import TEXT, edit
from tests.timeskip.test_publishing_times import DANA, moved, scheduled
from towpath.contracts.core.review import Verdict
from towpath.contracts.publishing.campaign import PublishingPolicy
from towpath.contracts.publishing.posting import JobState
from towpath.control.temporal import run_to_end
from workflows.publishing.workflow import ContentPublishingWorkflow

Recorded = AsyncGenerator[tuple[str, Handle]]


async def straight(press: Press) -> Recorded:
    """Three channels, nobody asked."""
    yield "straight", await press.start(campaign("x", "linkedin", "blog"))


async def revised(press: Press) -> Recorded:
    """Revised, edited and approved by a person; another one rejected."""
    press.fake.claude = scored({"score": 0.4, "issues": ["dull"], "evidence": ["canal"]})
    handle = await press.start(campaign("linkedin", max_revisions=1), skipping=False)
    await task_of(handle)
    await handle.execute_update(ContentPublishingWorkflow.edit, edit(TEXT))
    await decide(handle)
    yield "revised", handle
    handle = await press.start(campaign("linkedin", max_revisions=0), skipping=False)
    await task_of(handle)
    await decide(handle, Verdict.REJECT)
    yield "rejected", handle


async def expired(press: Press) -> Recorded:
    """Nobody approves."""
    yield "expired", await press.start(campaign(require_approval=True))


async def troubled(press: Press) -> Recorded:
    """A busy platform, a lost answer, a lost request, in one thread."""
    press.fake.plan("publish_post/x", busy(60), "taken", "lost", down())
    yield "troubled", await press.start(campaign())


async def settled(press: Press) -> Recorded:
    """An outcome that a person settles."""
    handle = await unsettled(press)
    await handle.execute_update(ContentPublishingWorkflow.settle, settle("x", published=False))
    yield "settled", handle


async def changed(press: Press) -> Recorded:
    """Moved, cancelled, published now."""
    handle = await scheduled(press, campaign("linkedin", "x", "blog", at=after(hours=2)))
    await handle.execute_update("reschedule", moved(after(hours=9)))
    await handle.execute_update(ContentPublishingWorkflow.cancel, DANA)
    await handle.execute_update(ContentPublishingWorkflow.publish_now, DANA.model_copy(update={"job": "x"}))
    yield "changed", handle


async def released(press: Press) -> Recorded:
    """Held after a failure, released by a person."""
    handle = await held(press)
    await handle.execute_update(ContentPublishingWorkflow.release, ALL)
    yield "released", handle


async def withdrawn(press: Press) -> Recorded:
    """All or none: taken back."""
    press.fake.plan("publish_post/linkedin", forbidden())
    yield "withdrawn", await press.start(campaign("x", "linkedin", "blog", policy=PublishingPolicy.NONE))


async def failed(press: Press) -> Recorded:
    """No analysis: told and queued."""
    refusing(press.fake, "analyse-content")
    yield "failed", await press.start(campaign())


async def cancelled(press: Press) -> Recorded:
    """Cancelled with one post out and one to come."""
    handle = await press.start(campaign("linkedin", "x", at=after(days=9)), skipping=False)
    await job_in(handle, JobState.SCHEDULED)
    await handle.execute_update(ContentPublishingWorkflow.publish_now, DANA)
    await job_in(handle, JobState.PUBLISHED, job="linkedin")
    await handle.cancel()
    yield "cancelled", handle


async def late(press: Press) -> Recorded:
    """A wish that passed before the approval is held, and moved."""
    handle = await approved_late(press)
    await handle.execute_update("reschedule", moved(after(hours=5)))
    await handle.execute_update(ContentPublishingWorkflow.release, DANA)
    yield "late", handle


async def stale(press: Press) -> Recorded:
    """`not_after` closes the approval; a job that went stale gives its time back."""
    request = campaign("linkedin", require_approval=True, not_after=after(minutes=40))
    yield "stale-approval", await press.start(request, skipping=False)
    press.fake.plan("publish_post/linkedin", busy(7200))
    at = after(hours=2)
    request = campaign("linkedin", at=at, not_after=at + timedelta(hours=1))
    yield "unused-slot", await press.start(request)


async def sooner(press: Press) -> Recorded:
    """Published now, and its time given back."""
    handle = await scheduled(press)
    await handle.execute_update(ContentPublishingWorkflow.publish_now, DANA)
    yield "sooner", handle


async def duplicated(press: Press) -> Recorded:
    """The platform has the post whose answer was lost, and a person says so."""
    handle = await lost_duplicate(press)
    await job_in(handle, JobState.UNKNOWN, job="linkedin")
    out = settle("linkedin", published=True, post_id="urn:li:share:71")
    await handle.execute_update(ContentPublishingWorkflow.settle, out)
    yield "lost-duplicate", handle


async def held_late(press: Press) -> Recorded:
    """Held since its time was long past, and let go by a person."""
    handle = await long_past(press)
    await job_in(handle, JobState.HELD, job="linkedin")
    await handle.execute_update(ContentPublishingWorkflow.release, DANA)
    yield "held-late", handle


async def kept_now(press: Press) -> Recorded:
    """Published now, and others keep their distance to now."""
    handle = await scheduled(press)
    await handle.execute_update(ContentPublishingWorkflow.publish_now, DANA)
    yield "kept-now", handle


SCENARIOS: Sequence[Callable[[Press], Recorded]] = (
    *(straight, revised, expired, troubled, settled, changed, released, withdrawn, failed, cancelled),
    *(late, stale, sooner, duplicated, held_late, kept_now),
)


async def main(version: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with time_skipping(Path(folder)) as env:
            for scenario in SCENARIOS:
                async with serve(env) as press:
                    async for name, handle in scenario(press):
                        with suppress(RPCError):  # it was started skipping, or has ended already
                            await press.forward(handle, timedelta(days=30))
                        with suppress(WorkflowFailureError):
                            await handle.result()
                        write(f"publishing-{name}-{version}", await handle.fetch_history())


if __name__ == "__main__":
    run_to_end(main(*(sys.argv[1:] or ["v1"])))
