"""The record that guards all remediation, as every run asks it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.attempts import ActivityEdge
from activities.batch import with_batches
from tests.fakes.house import FakeHouse
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.incident.remediation import (
    ActionReservation,
    ControlRecord,
    KillSwitch,
    ReserveAction,
    SetSwitch,
    SettleAction,
)
from towpath.control.reviews import refusal
from workflows.incident.remediation import RemediationControlWorkflow
from workflows.sandbox import runner

Handle = WorkflowHandle[RemediationControlWorkflow, None]
WHY = SetSwitch(by="dana", reason="looking into it")


@pytest_asyncio.fixture(loop_scope="session")
async def record(env: WorkflowEnvironment) -> AsyncIterator[Handle]:
    queue = f"remediation-{uuid4().hex}"
    worker = Worker(
        env.client,
        task_queue=queue,
        workflows=[RemediationControlWorkflow],
        activities=with_batches([FakeHouse().find_reviewers]),
        interceptors=[ActivityEdge()],
        workflow_runner=runner(),
        build_id="test",
    )
    async with worker:
        with env.with_time_skipping_disabled():
            handle = await env.client.start_workflow(
                RemediationControlWorkflow.run, ControlRecord(), id=queue, task_queue=queue
            )
        yield handle
        await handle.terminate()


async def reserve(record: Handle, key: str, action: str = "restart-instance", limit: int = 2) -> ActionReservation:
    request = ReserveAction(action=action, max_per_hour=limit, key=EffectKey(key))
    return await record.execute_update(RemediationControlWorkflow.reserve, request)


async def test_limit_holds_over_an_hour(env: WorkflowEnvironment, record: Handle) -> None:
    """An action runs as often as it may in any hour; the same key counts once, and an hour later it may run again."""
    first = [await reserve(record, "a"), await reserve(record, "a"), await reserve(record, "b")]
    third = await reserve(record, "c")
    other = await reserve(record, "c", action="scale-out")
    await env.fast_forward(record, timedelta(hours=1, seconds=1))
    later = await reserve(record, "c")

    assert all(answer.allowed for answer in (*first, other, later))
    assert not third.allowed
    assert third.reason == "restart-instance ran 2 times in the last hour, its limit is 2"


@pytest.mark.parametrize(
    ("by", "code"), [("mallory", FailureCode.REVIEW_UNKNOWN_REVIEWER), ("noah", FailureCode.REVIEW_ROLE_NOT_ALLOWED)]
)
async def test_only_people_with_a_role_move_the_switch(record: Handle, by: str, code: FailureCode) -> None:
    """A stranger and a trainee move it neither on nor off."""
    for move in (RemediationControlWorkflow.switch_on, RemediationControlWorkflow.switch_off):
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await record.execute_update(move, SetSwitch(by=by, reason="why not"))
        assert refusal(refused.value) is code
    assert (await record.query(RemediationControlWorkflow.state)).moves == ()


async def test_kill_switch_stops_everything(record: Handle) -> None:
    """While the switch is on nothing is allowed, not even what was reserved before; off again, all is as before."""
    await reserve(record, "a")
    await record.execute_update(RemediationControlWorkflow.switch_on, WHY)
    stopped = [await reserve(record, "a"), await reserve(record, "b")]
    state = await record.query(RemediationControlWorkflow.state)
    await record.execute_update(RemediationControlWorkflow.switch_off, WHY)
    allowed = await reserve(record, "b")

    assert [answer.reason for answer in stopped] == ["the kill switch is on: dana: looking into it"] * 2
    assert isinstance(state.switch, KillSwitch)
    assert (state.switch.on, state.switch.by, len(state.moves)) == (True, "dana", 1)
    assert allowed.allowed


@pytest.mark.parametrize("field", ["by", "reason"])
def test_switch_is_moved_by_somebody_for_a_reason(field: str) -> None:
    """Nobody moves the switch without a name and a reason."""
    with pytest.raises(ValueError, match=field):
        SetSwitch.model_validate({"by": "dana", "reason": "x"} | {field: " "})


async def hold(record: Handle, key: str, target: str = "checkout") -> ActionReservation:
    request = ReserveAction(action="a", max_per_hour=100, key=EffectKey(key), target=target, incident=f"incident-{key}")
    return await record.execute_update(RemediationControlWorkflow.reserve, request)


async def test_one_action_on_one_target(record: Handle) -> None:
    """Of two incidents that act on one service the first may, and the second is told whose turn it is until it ends."""
    first, again = await hold(record, "1"), await hold(record, "1")
    second, elsewhere = await hold(record, "2"), await hold(record, "3", "search")
    settle = SettleAction(key=EffectKey("1"), verified=True)
    for _ in range(2):
        await record.execute_update(RemediationControlWorkflow.settle, settle)
    after = await hold(record, "2")
    known = await record.query(RemediationControlWorkflow.state)

    assert first.allowed and again.allowed and elsewhere.allowed and after.allowed
    assert (second.allowed, second.reason) == (False, "incident-1 is acting on checkout: one action at a time")
    assert known.outcomes == {"a": (True,)}


async def test_a_lost_run_frees_its_target(env: WorkflowEnvironment, record: Handle) -> None:
    """A target that nobody settles is free when its lease is over."""
    assert (await hold(record, "1")).allowed
    await env.fast_forward(record, timedelta(hours=2))

    assert (await hold(record, "2")).allowed
