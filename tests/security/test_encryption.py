"""Encryption was no authentication: without a key anybody started and approved, with one run's approval in another."""

import json
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
)
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from tests.integration.conftest import House, new_customer, open_house
from tests.sealing import KEY, REQUIRED, SEALING, settings_with
from tests.waiting import open_task, until
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.onboarding.customer import OnboardingRequest
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.control import reviews
from towpath.control.problems import list_problems
from towpath.control.temporal import converter, interceptors
from towpath.integrations.storage.codec import DecryptionError, EncryptionCodec
from towpath.integrations.storage.payloads import PayloadStore

APPROVAL = Decision(verdict=Verdict.APPROVE, reviewer="dana", reason="forged")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sealed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A stack that demands encryption, with one worker."""
    folder = tmp_path_factory.mktemp("sealed")
    SEALING.on = True
    try:
        async with open_house(folder) as opened, opened.worker(log=folder / "worker.log"):
            yield opened
    finally:
        SEALING.on = False


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def outsider(sealed: House) -> Client:
    """Reaches Temporal, and has no key."""
    return await Client.connect(sealed.server.address, data_converter=converter(None))


async def waiting(house: House) -> str:
    """A run that waits for a reviewer."""
    run = (await house.start(new_customer(country="XX"))).handle.id
    await open_task(lambda: reviews.find_review(house.client, run))
    return run


async def still_open(house: House, run: str) -> bool:
    task = await reviews.find_review(house.client, run)
    return task is not None and not reviews.closed(task)


async def payloads_of(client: Client, run: str, what: str) -> Payload:
    """What lies in a run's history, as anybody sees it who reaches Temporal."""
    async for event in client.get_workflow_handle(run).fetch_history_events():
        if what == "start" and event.HasField("workflow_execution_started_event_attributes"):
            return event.workflow_execution_started_event_attributes.input.payloads[0]
        if what == "update" and event.HasField("workflow_execution_update_accepted_event_attributes"):
            return event.workflow_execution_update_accepted_event_attributes.accepted_request.input.args.payloads[0]
        if what == "result" and event.HasField("activity_task_completed_event_attributes"):
            return event.activity_task_completed_event_attributes.result.payloads[0]
    raise AssertionError(f"no {what} in the history of {run}")


async def refused_update(client: Client, run: str, value: object) -> ApplicationError:
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await client.get_workflow_handle(run).execute_update("decide", value)
    cause = refused.value.cause
    assert isinstance(cause, ApplicationError) and cause.type == FailureCode.ENCRYPTION_REFUSED
    return cause


async def approved(house: House) -> str:
    """A run that dana approved, with the key."""
    run = await waiting(house)
    await reviews.decide(house.client, run, APPROVAL)
    await house.client.get_workflow_handle(run).result()
    return run


async def test_a_start_in_clear_fails_before_any_effect(sealed: House, outsider: Client) -> None:
    """The run ends with `encryption.refused`, and nobody was asked for anything."""
    customer = new_customer()
    request = OnboardingRequest(customer=customer)
    handle = await outsider.start_workflow(
        ONBOARDING.name, request, id=f"forged-{uuid4().hex}", task_queue=ONBOARDING.queue
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == FailureCode.ENCRYPTION_REFUSED
    assert "TOWPATH_ENCRYPTION=require" in str(failed.value.cause)
    seen = json.dumps(await sealed.effects())
    assert f'"{customer.customer_id}"' not in seen


async def test_an_approval_in_clear_is_no_approval(sealed: House, outsider: Client) -> None:
    """By update, by signal, and by a signal without any value; the run goes on when somebody with the key decides."""
    run = await waiting(sealed)
    handle = outsider.get_workflow_handle(run)
    refused = await refused_update(outsider, run, APPROVAL)
    await handle.signal("decide", APPROVAL)
    await handle.signal("decide")
    assert "TOWPATH_ENCRYPTION=require" in str(refused) and await still_open(sealed, run)
    answer = await reviews.decide(sealed.client, run, APPROVAL.model_copy(update={"verdict": Verdict.REJECT}))
    assert answer.verdict is Verdict.REJECT
    result = await sealed.client.get_workflow_handle(run, result_type=ONBOARDING.result).result()
    assert not ONBOARDING.succeeded(result)


async def test_an_approval_of_another_run_is_none_here(sealed: House, outsider: Client) -> None:
    """Encrypted with the right key, copied out of a history: as update, as signal, and as a start."""
    other, run = await approved(sealed), await waiting(sealed)
    copied = RawValue(await payloads_of(outsider, other, "update"))
    assert other in str(await refused_update(outsider, run, copied))
    await outsider.get_workflow_handle(run).signal("decide", copied)
    assert await still_open(sealed, run)


@pytest.mark.parametrize("what", ["start", "result"])
async def test_a_payload_of_the_same_run_is_only_what_it_was(sealed: House, outsider: Client, what: str) -> None:
    """Neither its input nor a result of its activities is a decision."""
    run = await waiting(sealed)
    await refused_update(outsider, run, RawValue(await payloads_of(outsider, run, what)))
    await outsider.get_workflow_handle(run).signal("decide", RawValue(await payloads_of(outsider, run, what)))
    assert await still_open(sealed, run)


async def test_a_start_is_of_one_workflow_id(sealed: House, outsider: Client) -> None:
    """The encrypted input of a run starts no other."""
    run = await waiting(sealed)
    handle = await outsider.start_workflow(
        ONBOARDING.name,
        RawValue(await payloads_of(outsider, run, "start")),
        id=f"copied-{uuid4().hex}",
        task_queue=ONBOARDING.queue,
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert run in str(failed.value.cause)


@pytest.mark.parametrize("spoiled", ["bit", "cut", "all", "unbound", "another kind in clear"])
async def test_what_was_altered_is_refused(sealed: House, outsider: Client, spoiled: str) -> None:
    """Cut, changed, and encrypted with the right key as before there were places: typed errors, and nothing decided."""
    other, run = await approved(sealed), await waiting(sealed)
    payload = await payloads_of(outsider, other, "update")
    if spoiled == "bit":
        payload = Payload(metadata=dict(payload.metadata), data=payload.data[:-1] + bytes([payload.data[-1] ^ 1]))
    elif spoiled == "cut":
        payload = Payload(metadata=dict(payload.metadata), data=payload.data[:20])
    elif spoiled == "all":
        payload = Payload(metadata=dict(payload.metadata), data=b"")
    elif spoiled == "unbound":
        inner = Payload(metadata={"encoding": b"json/plain"}, data=APPROVAL.model_dump_json().encode())
        nonce = os.urandom(12)
        data = nonce + AESGCM(KEY).encrypt(nonce, inner.SerializeToString(), b"t1")
        payload = Payload(metadata={"encoding": b"binary/encrypted", "encryption-key-id": b"t1"}, data=data)
    else:
        here = payload.metadata["encryption-place"].replace(other.encode(), run.encode())
        payload = Payload(metadata={**payload.metadata, "encryption-place": here}, data=payload.data)
    await refused_update(outsider, run, RawValue(payload))
    assert await still_open(sealed, run)


async def test_marks_of_the_codec_cannot_be_sent(sealed: House, outsider: Client) -> None:
    """A payload in clear that says it was compared already is in clear."""
    run = await waiting(sealed)
    place = json.dumps(
        {"kind": "update", "name": "decide", "namespace": "default", "workflow": run}, separators=(",", ":")
    )
    marked = Payload(
        metadata={"encoding": b"json/plain", "towpath-place": place.encode()},
        data=APPROVAL.model_dump_json().encode(),
    )
    await refused_update(outsider, run, RawValue(marked))
    assert await still_open(sealed, run)


async def test_a_result_in_clear_decides_nothing(sealed: House, outsider: Client) -> None:
    """Somebody without a key completes an activity: the run stands still, is told, and is not what they said."""
    customer = new_customer()
    held = await sealed.fault(service="accounts", reference=customer.customer_id, hold=True)
    run = (await sealed.start(customer)).handle
    sealed.watch.pretended.add(run.id)
    await until(lambda: sealed.hits(held), bool)
    (pending,) = (await run.describe()).raw_description.pending_activities
    forged = outsider.get_async_activity_handle(
        workflow_id=run.id, run_id=run.result_run_id, activity_id=pending.activity_id
    )
    await forged.complete({"account_id": "forged"})
    problem = await until(
        lambda: list_problems(sealed.client), lambda found: any(each.workflow_id == run.id for each in found)
    )
    assert "TOWPATH_ENCRYPTION=require" in next(each.message for each in problem if each.workflow_id == run.id)
    await run.terminate("the test is over")
    await sealed.lift()


async def test_what_a_schedule_starts_has_a_time_in_its_id(sealed: House, outsider: Client) -> None:
    """The run of a schedule is let in, and its input starts nothing else."""
    customer = new_customer(country="XX")
    name = f"scheduled-{uuid4().hex[:8]}"
    action = ScheduleActionStartWorkflow(
        ONBOARDING.name,
        OnboardingRequest(customer=customer),
        id=name,
        task_queue=ONBOARDING.queue,
        execution_timeout=timedelta(minutes=5),
    )
    handle = await sealed.client.create_schedule(name, Schedule(action, ScheduleSpec()), trigger_immediately=True)

    async def started() -> list[str]:
        return [run.id async for run in sealed.client.list_workflows(f"WorkflowId STARTS_WITH '{name}-'")]

    run = (await until(started, bool))[0]
    await open_task(lambda: reviews.find_review(sealed.client, run))
    for other in (f"{name}x", f"{name}-2026", f"{run}x"):
        copied = await outsider.start_workflow(
            ONBOARDING.name,
            RawValue(await payloads_of(outsider, run, "start")),
            id=other,
            task_queue=ONBOARDING.queue,
        )
        with pytest.raises(WorkflowFailureError) as failed:
            await copied.result()
        assert isinstance(failed.value.cause, ApplicationError)
        assert failed.value.cause.type == FailureCode.ENCRYPTION_REFUSED
    await handle.delete()
    await sealed.client.get_workflow_handle(run).terminate("the test is over")


async def test_refusals_are_counted_and_logged(sealed: House, outsider: Client) -> None:
    """The worker's log says which run, and nothing of what was sent."""
    run = await waiting(sealed)
    await outsider.get_workflow_handle(run).signal("decide", APPROVAL.model_copy(update={"reason": "not-for-logs"}))
    await until(lambda: logged(sealed, run), bool)
    assert "not-for-logs" not in (sealed.folder / "worker.log").read_text(encoding="utf-8")


async def logged(house: House, run: str) -> bool:
    lines = (house.folder / "worker.log").read_text(encoding="utf-8").splitlines()
    return any("a payload was refused" in line and run in line for line in lines)


async def test_a_key_that_is_not_here_holds_a_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing is decided on what cannot be read: with its key the run goes on, and the next key writes the rest."""
    new = {"k2": bytes(range(32)), "t1": KEY}
    SEALING.on = True
    try:
        async with open_house(tmp_path_factory.mktemp("rotated")) as house:
            async with house.worker():
                run = (await house.start(new_customer(country="XX"))).handle
                await open_task(lambda: reviews.find_review(house.client, run.id))
            convert = converter(EncryptionCodec(new, REQUIRED), PayloadStore(str(house.folder / "payloads")))
            both = await Client.connect(
                house.server.address, data_converter=convert, interceptors=interceptors(convert)
            )
            async with house.worker(settings_with({"k2": new["k2"]})):
                await house.client.get_workflow_handle(run.id).signal("decide", APPROVAL)
                assert "no key 't1'" in (await until(lambda: problems_of(both, run.id), bool))[0]
                assert "no key 'k2'" in (await problems_of(house.client, run.id))[0]
            async with house.worker(settings_with(new)):
                await until(run.describe, lambda found: found.status is WorkflowExecutionStatus.COMPLETED)
            with pytest.raises(DecryptionError, match="no key 'k2'"):
                await run.result()
            result = await both.get_workflow_handle(run.id, result_type=ONBOARDING.result).result()
            assert ONBOARDING.succeeded(result)
    finally:
        SEALING.on = False


async def problems_of(client: Client, run: str) -> list[str]:
    return [found.message for found in await list_problems(client) if found.workflow_id == run]
