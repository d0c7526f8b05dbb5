"""Each of the four processes, cancelled at each of its calls: it ends soon, nothing runs, and the record says why."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import CancelledError
from temporalio.testing import WorkflowEnvironment

from tests.fakes.house import FakeHouse
from tests.fakes.incident import FakeIncident
from tests.timeskip import conftest, incident, publishing
from tests.timeskip.pipeline import serve_pipelines
from tests.timeskip.test_onboarding_paths import request
from towpath.contracts.core.run import Cancellation, RunRecord

SOON = 6.0
"""Seconds from the request to the end of the run, with what it undoes and whom it tells."""
BESIDE = frozenset({"load_catalogue", "reserve_slot", "hold_datasets"})
"""Calls that belong to no step."""
BY_DANA = Cancellation(by="dana", reason="no longer wanted")
Begin = Callable[[], Awaitable[WorkflowHandle[Any, Any]]]


async def hold_in(house: FakeHouse, name: str, begin: Begin) -> WorkflowHandle[Any, Any]:
    """A run whose first call of that name does not answer."""
    house.held[name] = asyncio.Event()
    handle = await begin()
    async with asyncio.timeout(30):
        await house.entered[name].wait()
    del house.held[name]
    return handle


async def cancelled(handle: WorkflowHandle[Any, Any]) -> RunRecord:
    """The record of a run after its cancellation, which is over soon."""
    await handle.cancel(reason=BY_DANA.in_words)
    with pytest.raises(WorkflowFailureError) as caught:
        async with asyncio.timeout(SOON):
            await handle.result()
    assert isinstance(caught.value.cause, CancelledError)
    return await handle.query("status", result_type=RunRecord)


def check(found: RunRecord, name: str) -> None:
    """Nothing runs, and whatever was ended says by whom and why."""
    assert (found.status, found.cancelled) == ("cancelled", BY_DANA)
    states = {step.step: str(step.state) for step in found.steps}
    assert "running" not in states.values(), states
    ended = [step for step in found.steps if step.state == "cancelled"]
    assert ended or "undone" in states.values() or name in BESIDE, states
    assert all(step.cancelled == BY_DANA and step.note and step.ended_at is not None for step in ended), ended


@pytest.mark.parametrize(
    "name",
    ["verify_email", "ask", "create_account", "set_up_billing", "send_email", "post_slack", "update_crm"],
)
async def test_onboarding(env: WorkflowEnvironment, name: str) -> None:
    """An onboarding, cancelled while this call is under way."""
    async with conftest.serve(env, FakeHouse()) as bench:
        check(await cancelled(await hold_in(bench.house, name, lambda: bench.start(request(), skipping=False))), name)


@pytest.mark.parametrize(
    "name",
    [
        *("load_catalogue", "fetch_logs", "fetch_metrics", "list_deployments", "find_similar", "find_runbooks"),
        *("ask", "page"),
    ],
)
async def test_incident(env: WorkflowEnvironment, name: str) -> None:
    """An incident, cancelled while this call is under way."""
    world = FakeIncident()
    async with incident.serve_incidents(env, world) as serving:
        check(await cancelled(await hold_in(world.house, name, lambda: serving.start(skipping=False))), name)


@pytest.mark.parametrize("name", ["load_campaign", "check_texts", "choose_times", "reserve_slot"])
async def test_publishing(env: WorkflowEnvironment, name: str) -> None:
    """A campaign, cancelled while this call is under way."""
    async with publishing.serve(env) as press:
        press.fake.hold(name, skip=0)
        handle = await press.start(publishing.campaign(at=publishing.after(hours=2)), skipping=False)
        async with asyncio.timeout(30):
            await press.fake.entered[name].wait()
        check(await cancelled(handle), name)


@pytest.mark.parametrize(
    "name",
    [
        *("plan_partitions", "extract_partition", "check_specification", "transform_part"),
        *("check_quality", "prepare_destination", "load_part", "hold_datasets"),
    ],
)
async def test_pipeline(env: WorkflowEnvironment, tmp_path: Path, name: str) -> None:
    """A pipeline, cancelled while this task is under way."""
    async with serve_pipelines(env, tmp_path) as serving:
        serving.write("id price updated_at", ("1", "1.00", "2026-11-01 00:00:00"))
        world = serving.world
        world.hold(name)
        handle = await serving.start(serving.config(), skipping=False)
        async with asyncio.timeout(30):
            await world.entered[name].wait()
        del world.held[name]
        check(await cancelled(handle), name)
