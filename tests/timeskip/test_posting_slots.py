"""The record of an account's reserved times, asked by several campaigns at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecution, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from tests.timeskip.conftest import time_skipping
from tests.waiting import until
from towpath.contracts.core.failure import FailureCode, PublishError
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.publishing.posting import POSTING_SLOTS, ReleaseSlot, ReserveSlot, SlotRecord
from towpath.contracts.publishing.process import PUBLISHING
from towpath.control.slots import SlotBook
from workflows.publishing.posting_slots import PostingSlotsWorkflow
from workflows.publishing.slots import MOST, Slots
from workflows.sandbox import runner

HALF_HOUR = timedelta(minutes=30)
NOON = datetime(2030, 6, 3, 12, 0, tzinfo=UTC)


def wish(place: str, key: str, at: datetime = NOON, not_after: datetime | None = None) -> ReserveSlot:
    return ReserveSlot(place=place, at=at, not_after=not_after, spacing=HALF_HOUR, key=EffectKey(key))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def short(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkflowEnvironment]:
    """A server that suggests a new history after 40 events, with a worker for the records."""
    folder = tmp_path_factory.mktemp("payloads")
    async with time_skipping(folder, "limit.historyCount.suggestContinueAsNew=40") as environment:
        worker = Worker(
            environment.client,
            task_queue=PUBLISHING.queue,
            workflows=[PostingSlotsWorkflow],
            workflow_runner=runner(),
            build_id="test",
        )
        async with worker:
            yield environment


@pytest_asyncio.fixture(loop_scope="session")
async def book(short: WorkflowEnvironment) -> SlotBook:
    return SlotBook(short.client)


async def executions(env: WorkflowEnvironment, place: str) -> list[WorkflowExecution]:
    query = f'WorkflowId="{POSTING_SLOTS}/{place}"'
    return [run async for run in env.client.list_workflows(query)]


async def test_campaigns_that_ask_at_once_keep_their_distance(book: SlotBook) -> None:
    """Eight campaigns want the same time: each gets its own, half an hour from the next, the first the wanted one."""
    slots = await asyncio.gather(*(book.reserve(wish("x/crowd", f"c{number}")) for number in range(8)))
    times = sorted(slot.at for slot in slots if slot.at is not None)

    assert times == [NOON + number * HALF_HOUR for number in range(8)]


async def test_a_key_has_one_slot(book: SlotBook) -> None:
    """Asked again it is the same, asked for another time it moves, and given up it is free for others."""
    first = await book.reserve(wish("x/one", "a"))
    again = await book.reserve(wish("x/one", "a"))
    moved = await book.reserve(wish("x/one", "a", NOON + timedelta(hours=4)))
    taken = await book.reserve(wish("x/one", "b"))
    released = [await book.release(ReleaseSlot(place="x/one", key=EffectKey("b"))) for _ in range(2)]
    free = await book.reserve(wish("x/one", "c"))

    assert (first.at, again.at, moved.at) == (NOON, NOON, NOON + timedelta(hours=4))
    assert taken.at == NOON
    assert [answer.found for answer in released] == [True, False]
    assert free.at == NOON


async def test_no_time_is_given_after_the_last_one(book: SlotBook) -> None:
    """A post that would be late gets no slot, keeps the one it has, and takes none from others."""
    last = NOON + timedelta(minutes=10)
    await book.reserve(wish("x/late", "a"))
    late = await book.reserve(wish("x/late", "b", not_after=last))
    moved = await book.reserve(wish("x/late", "a", NOON + timedelta(hours=1), not_after=NOON))
    kept = await book.reserve(wish("x/late", "a"))

    assert (late.at, moved.at, kept.at) == (None, None, NOON)


async def test_accounts_do_not_wait_for_each_other(book: SlotBook) -> None:
    """Each account has its own record."""
    slots = [await book.reserve(wish(f"linkedin/{name}", "a")) for name in ("main", "second")]

    assert [slot.at for slot in slots] == [NOON, NOON]


async def record_of(env: WorkflowEnvironment, place: str) -> SlotRecord:
    """The record of a place. One that has only just gone on in a new history answers no query for a moment."""
    handle = env.client.get_workflow_handle(f"{POSTING_SLOTS}/{place}")
    return await until(lambda: handle.query(PostingSlotsWorkflow.slots), lambda _: True)


async def test_a_record_goes_on_in_a_new_history(book: SlotBook, short: WorkflowEnvironment) -> None:
    """The history stays short however often it is asked, and nothing that is reserved is forgotten."""
    for number in range(30):
        await book.reserve(wish("x/long", f"k{number}"))
    again = [await book.reserve(wish("x/long", f"k{number}")) for number in range(30)]
    record = await record_of(short, "x/long")

    assert [slot.at for slot in again] == [NOON + number * HALF_HOUR for number in range(30)]
    assert len(record.reservations) == 30
    assert len(await executions(short, "x/long")) > 1


async def test_a_full_record_refuses(short: WorkflowEnvironment) -> None:
    """What an account may plan is bounded; the refusal says what to do, and changes nothing."""
    place = "x/full"
    slots = Slots(SlotRecord(place=place))
    for number in range(MOST):
        slots.reserve(wish(place, f"k{number}"), NOON)
    await short.client.start_workflow(
        PostingSlotsWorkflow.run, slots.record, id=f"{POSTING_SLOTS}/{place}", task_queue=PUBLISHING.queue
    )
    with pytest.raises(PublishError) as caught:
        await SlotBook(short.client).reserve(wish(place, "one more"))
    again = await SlotBook(short.client).reserve(wish(place, "k7"))

    assert isinstance(caught.value.__cause__, WorkflowUpdateFailedError)
    assert caught.value.code is FailureCode.PUBLISH_REFUSED
    assert "publish or cancel some first" in caught.value.message
    assert again.at == NOON + 7 * HALF_HOUR


def test_what_is_long_over_is_forgotten() -> None:
    """A past post keeps its distance for two days, or for its spacing where that is longer; then the place is free."""
    slots = Slots(SlotRecord(place="x/main"))
    slots.reserve(wish("x/main", "a"), NOON)
    week = wish("x/main", "weekly", NOON + timedelta(hours=1)).model_copy(update={"spacing": timedelta(days=7)})
    slots.reserve(week, NOON)
    slots.reserve(wish("x/main", "b", NOON + timedelta(days=3)), NOON + timedelta(days=3))

    assert [each.key for each in slots.record.reservations] == ["weekly", "b"]
