"""Whoever changes a campaign or takes an incident is known, and has a role; nobody else is heard."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from tests.fakes.incident import FakeIncident, request, resolved
from tests.timeskip.incident import Incidents, serve_incidents, told, view_of
from tests.timeskip.publishing import Press, after, campaign, job_in
from tests.timeskip.test_publishing_review import TEXT, edit
from towpath.contracts.core.signed import Signed
from towpath.contracts.incident.incident import Acknowledge
from towpath.contracts.publishing.posting import JobChange, JobState, Reschedule
from towpath.control.reviews import refusal

STRANGER, TRAINEE = "mallory", "noah"
CODES = {STRANGER: "review.unknown_reviewer", TRAINEE: "review.role_not_allowed"}


@pytest_asyncio.fixture(loop_scope="session")
async def incidents(env: WorkflowEnvironment) -> AsyncIterator[Incidents]:
    async with serve_incidents(env, FakeIncident()) as serving:
        yield serving


async def refused(handle: Any, update: str, message: Signed) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update(update, message)
    return str(refusal(caught.value))


@pytest.mark.parametrize("by", [STRANGER, TRAINEE])
async def test_strangers_change_no_campaign(press: Press, by: str) -> None:
    """Where no approval was needed either: neither texts nor times, nor whether it goes out."""
    handle = await press.start(campaign("linkedin", at=after(hours=2)), skipping=False)
    await job_in(handle, JobState.SCHEDULED, job="linkedin")
    change = JobChange(job="linkedin", by=by)
    messages: dict[str, Signed] = {
        "edit": edit(TEXT, by=by),
        "reschedule": Reschedule(job="linkedin", at=after(hours=5), by=by),
        "cancel": change,
        "publish_now": change,
    }
    assert {name: await refused(handle, name, message) for name, message in messages.items()} == dict.fromkeys(
        messages, CODES[by]
    )
    result = await press.finish(handle)
    assert [job.state for job in result.jobs] == [JobState.PUBLISHED] and result.jobs[0].changed_by == ""


@pytest.mark.parametrize("by", [STRANGER, "ines-of-nowhere"])
async def test_a_stranger_stops_no_chain(incidents: Incidents, by: str) -> None:
    """The next level is called all the same; whoever is called may take it."""
    handle = await incidents.start(asked=request(acknowledge_within=timedelta(minutes=2)), skipping=False)
    await view_of(handle, lambda view: bool(view.paging.pages))
    assert await refused(handle, "acknowledge", Acknowledge(by=by, note="mine")) == "review.unknown_reviewer"
    await incidents.env.fast_forward(handle, timedelta(minutes=3))
    view = await view_of(handle, lambda view: view.paging.level > 1)
    assert view.paging.acknowledged is None
    await told(handle, resolved())
    await handle.result()
