"""Short calls of one moment: one activity, an outcome each, and each cancelled, failed or late by itself."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import CancelledError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from activities.attempts import ActivityEdge
from activities.batch import with_batches
from tests.fakes.calls import Letter, Mail, MailWorkflow, Receiver, Sent
from towpath.contracts.core.batch import CALLS_ENDED, CallOutcome, CallsReport
from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.control.temporal import converter
from workflows.sandbox import runner

Handle = WorkflowHandle[MailWorkflow, Sent]


@dataclass(frozen=True)
class Post:
    env: WorkflowEnvironment
    receiver: Receiver
    queue: str

    async def start(self, *stages: Sequence[str], kind: str = "effect") -> Handle:
        """`a<b` is a letter to a that is sent once one to b has ended."""
        split = [[letter.partition("<") for letter in stage] for stage in stages]
        letters = [tuple(Letter(to=to, kind=kind, after=after) for to, _, after in stage) for stage in split]
        mail = Mail(stages=tuple(letters))
        with self.env.with_time_skipping_disabled():
            return await self.env.client.start_workflow(
                MailWorkflow.run, mail, id=f"mail/{uuid4().hex}", task_queue=self.queue
            )


@pytest_asyncio.fixture(loop_scope="session")
async def post(env: WorkflowEnvironment) -> AsyncIterator[Post]:
    receiver, queue = Receiver(), f"mail-{uuid4().hex}"
    worker = Worker(
        env.client,
        task_queue=queue,
        workflows=[MailWorkflow],
        activities=with_batches(receiver.activities()),
        workflow_runner=runner(),
        interceptors=[ActivityEdge()],
        build_id="test",
    )
    async with worker:
        yield Post(env, receiver, queue)


async def activities_of(handle: Handle) -> list[tuple[str, str, str]]:
    """Type, id and summary of every activity in the history, which replays."""
    history = await handle.fetch_history()
    replayer = Replayer(workflows=[MailWorkflow], workflow_runner=runner(), data_converter=converter(None))
    await replayer.replay_workflow(history)
    return [
        (given.activity_type.name, given.activity_id, event.user_metadata.summary.data.decode().strip('"'))
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        for given in [event.activity_task_scheduled_event_attributes]
    ]


async def ended(handle: Handle, wanted: str) -> Sent:
    async with asyncio.timeout(30):
        while True:
            sent = await handle.query(MailWorkflow.ended)
            if wanted in sent.ended:
                return sent
            await asyncio.sleep(0)


async def test_calls_of_one_moment_are_one_activity(post: Post) -> None:
    """Three calls together and then one: two activities, and the history names every call."""
    handle = await post.start("abc", "d")
    sent = await handle.result()

    assert sorted(sent.ended) == ["a ok:1", "b ok:1", "c ok:1", "d ok:1"]
    assert await activities_of(handle) == [
        ("perform_calls", "a+b+c", "To a · To b · To c"),
        ("deliver", "d", "To d"),
    ]


@pytest.mark.parametrize(
    ("letters", "name", "summary"),
    [
        (("kim/0", "kim/1", "kim/2", "kim/3"), "kim/0+1+2+1 more", "To kim (4 times)"),
        (("kim/0", "lee/0", "lee/1"), "kim/0+lee/0+1", "To kim · To lee (2 times)"),
        (
            ("all: mail", "all: chat", "kim", "lee", "max"),
            "all: mail+all: chat+kim+2 more",
            "To all: mail, chat · To kim · 2 more",
        ),
    ],
    ids=["items of a loop", "two loops", "channels of a step"],
)
async def test_a_batch_says_nothing_twice(post: Post, letters: Sequence[str], name: str, summary: str) -> None:
    """Temporal's UI names a batch by its calls: what they have in common once, and how often each is made."""
    handle = await post.start(letters)
    await handle.result()

    assert await activities_of(handle) == [("perform_calls", name, summary)]


async def test_many_calls_are_several_activities(post: Post) -> None:
    """Forty calls are three activities: what a crash repeats stays bounded."""
    letters = [f"l{number}" for number in range(40)]
    handle = await post.start(letters)
    await handle.result()

    assert [name for name, _, _ in await activities_of(handle)] == ["perform_calls"] * 3
    assert sorted(post.receiver.got) == sorted(letters)


async def test_a_failed_call_goes_on_by_itself(post: Post) -> None:
    """One of two fails for a moment: only that one is tried again, as an activity by itself, under its own name."""
    post.receiver.faults["b"] = [ServiceError(FailureCode.SERVICE_UNAVAILABLE, "down")]
    handle = await post.start("ab")
    sent = await handle.result()

    assert sorted(sent.ended) == ["a ok:1", "b ok:2"]
    assert sorted(post.receiver.got) == ["a", "b", "b"]
    assert [found[:2] for found in await activities_of(handle)] == [("perform_calls", "a+b"), ("deliver", "b")]


@pytest.mark.parametrize("letters", ["a", "ab"], ids=["alone", "in a batch"])
@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ([FailureCode.SERVICE_REFUSED], "failed:service.refused:1:False"),
        ([FailureCode.SERVICE_UNAVAILABLE, FailureCode.SERVICE_REFUSED], "failed:service.refused:2:True"),
        ([FailureCode.SERVICE_RATE_LIMITED, FailureCode.SERVICE_REFUSED], "failed:service.refused:2:False"),
        ([FailureCode.SERVICE_RATE_LIMITED] * 3, "failed:service.rate_limited:3:False"),
        (
            [FailureCode.SERVICE_RATE_LIMITED, FailureCode.SERVICE_TIMEOUT, FailureCode.SERVICE_RATE_LIMITED],
            "failed:service.rate_limited:3:True",
        ),
        ([FailureCode.SERVICE_UNAVAILABLE] * 3, "failed:service.unavailable:3:True"),
    ],
    ids=["refused", "lost, refused", "busy, refused", "busy", "busy, lost, busy", "down"],
)
async def test_a_failure_says_what_all_attempts_left_unknown(
    post: Post, letters: str, faults: list[FailureCode], told: str
) -> None:
    """Whatever the last attempt said: one before it that may have had its effect leaves the outcome unknown."""
    post.receiver.faults["a"] = [ServiceError(code, "no") for code in faults]
    sent = await (await post.start(letters)).result()

    assert f"a {told}" in sent.ended
    assert post.receiver.got.count("a") == len(faults)


async def test_an_error_nobody_foresaw_fails_one_call(post: Post) -> None:
    """A bug in one activity is that call's failure: the others of its moment are sent once."""
    post.receiver.faults["b"] = [KeyError("x"), KeyError("x"), KeyError("x")]
    sent = await (await post.start("ab")).result()

    assert sorted(sent.ended) == ["a ok:1", "b failed:unexpected:3:True"]
    assert post.receiver.got.count("a") == 1


async def test_a_slow_call_holds_nobody_up(post: Post) -> None:
    """While one call takes its time, the run goes on with the answers of the others."""
    post.receiver.held["slow"] = asyncio.Event()
    handle = await post.start(["fast", "slow"])
    before = await ended(handle, "fast ok:1")
    post.receiver.held["slow"].set()
    sent = await handle.result()

    assert before.ended == ("fast ok:1",)
    assert sent.ended == ("fast ok:1", "slow ok:1")
    assert len(await activities_of(handle)) == 1


async def test_a_call_is_cancelled_alone(post: Post) -> None:
    """Two calls are under way; one is cancelled and ends at once, then a second one; the third is answered."""
    for name in "abc":
        post.receiver.held[name] = asyncio.Event()
    handle = await post.start("abc")
    for name in "abc":
        await post.receiver.arrived[name].wait()
    for name in "ab":
        await handle.signal(MailWorkflow.drop, name)
        await ended(handle, f"{name} cancelled")
    post.receiver.held["c"].set()
    sent = await handle.result()

    assert sent.ended == ("a cancelled", "b cancelled", "c ok:1")
    assert post.receiver.dropped == ["a", "b"] and post.receiver.got == ["a", "b", "c"]
    assert len(await activities_of(handle)) == 1


async def test_a_cancelled_run_ends_all_its_calls(post: Post) -> None:
    """Cancelling the run cancels what is under way, and the run ends cancelled."""
    for name in "ab":
        post.receiver.held[name] = asyncio.Event()
    handle = await post.start("ab", "c")
    for name in "ab":
        await post.receiver.arrived[name].wait()
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()

    assert isinstance(caught.value.cause, CancelledError)
    assert sorted(post.receiver.dropped) == ["a", "b"] and "c" not in post.receiver.got
    assert len(await activities_of(handle)) == 1


async def test_two_calls_of_one_name_are_two_calls(post: Post) -> None:
    """Temporal refuses a second open activity of one id, and the run would stand still: the second gets its own."""
    sent = await (handle := await post.start("aab")).result()

    assert sorted(sent.ended) == ["a ok:1", "a ok:1", "b ok:1"]
    assert post.receiver.got.count("a") == 2
    assert await activities_of(handle) == [("perform_calls", "a+a#2+b", "To a (2 times) · To b")]


async def test_two_batches_of_one_name_are_two_activities(post: Post) -> None:
    """The calls that name a batch are made again while another one of it goes on: the run does not stand still."""
    post.receiver.held["d"] = asyncio.Event()
    handle = await post.start(["a", "b", "c", "d", "a<c", "b<c", "c<c", "e<c"])
    await ended(handle, "e ok:1")
    post.receiver.held["d"].set()
    await handle.result()

    assert sorted(post.receiver.got) == ["a", "a", "b", "b", "c", "c", "d", "e"]
    assert [name for _, name, _ in await activities_of(handle)] == ["a+b+c+1 more", "a+b+c+1 more#2"]


async def test_what_is_told_of_another_batch_counts_for_none(post: Post) -> None:
    """A worker that was given up for dead may still speak of an earlier batch, whose calls had the same names."""
    for name in "ab":
        post.receiver.held[name] = asyncio.Event()
    handle = await post.start("ab")
    await post.receiver.arrived["b"].wait()
    stale = CallOutcome(id="a", value={"to": "nobody", "attempt": 9})
    await handle.signal(CALLS_ENDED, CallsReport(number=7, outcomes=(stale,)))
    for name in "ab":
        post.receiver.held[name].set()
    sent = await handle.result()

    assert sorted(sent.ended) == ["a ok:1", "b ok:1"]
