"""Calls under way end within seconds of whatever ends them, at their receiver, and the record says who did it and why.

The receiver is a server that never answers. It knows when a caller let go.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError

from tests.fakes.silent import Silent, silent
from tests.integration.commands import starter_json
from tests.integration.conftest import House, open_house
from tests.integration.definitions import Handle, document, record, start, step
from tests.waiting import until
from towpath.contracts.core.run import Cancellation, RunRecord, StepRecord
from towpath.contracts.declared.run import CloudEvent, Edit
from towpath.control.emitting import emit
from towpath.local.processes import spawn
from towpath.local.server import free_port
from towpath.local.stack import python, worker_environment, worker_ready

PROMPT = 3.0
"""Seconds. Without heartbeats a call of ours would go on for its 10 s to 10 min."""
CALLS = {
    "http": "type: http, config: {url: '%(url)s', method: POST, timeout: 2m}",
    "api": "type: api, config: {service: order-service, method: reserveStock, params:"
    " {reference: '%(word)s', items: [{sku: A, quantity: 1}]}}",
    "function": "type: function, config: {handler: holdOn, params: {url: '%(url)s'}}",
    "stubborn": "type: function, config: {handler: holdFast, params: {url: '%(url)s'}}",
    "claude": "type: claude, config: {prompt: 'about %(word)s'}",
    "channels": "type: multi-channel, config: {channels: [{slack: {channel: '#a', message: '%(word)s'}}]}",
    "loop": "for_each: {times: 1}, type: function, config: {handler: holdOn, params: {url: '%(url)s'}}",
    "parts": "for_each: {times: 201, concurrency: 2}, type: function,"
    " config: {handler: holdOn, params: {url: '%(url)s'}}",
    "child": "type: workflow, config: {id: cancelled, inputs: {inner: true}}",
}
DEFINITION = """
id: cancelled
version: "1.0.0"
inputs: {inner: {type: boolean, default: false}}
%(more)s
steps:
  - id: which
    type: condition
    config:
      if: inputs.inner
      then: [{id: inside, type: function, config: {handler: holdOn, params: {url: '%(url)s'}}}]
      else:
        - id: first
          type: http
          config: {url: '%(base)s/quick/%(word)s-first', method: POST}
          compensate: {type: http, config: {url: '%(base)s/quick/%(word)s-undo', method: POST}}
        - %(call)s
        - {id: last, type: wait, config: {event: test.never}}
"""
STEP = "{id: call, %(options)s %(call)s}"
RACE = "{parallel: [%(step)s, {id: fast, type: wait, config: {event: test.fast, correlate: '%(word)s'}}], join: any}"
BY_DANA = Cancellation(by="dana", reason="no longer wanted")


@dataclass(frozen=True)
class Under:
    """A run whose call is held, by the word that is in its request."""

    house: House
    server: Silent
    handle: Handle
    word: str

    async def tell(self, kind: str) -> None:
        event = CloudEvent(id=f"{kind}-{self.word}", type=f"test.{kind}", source="shop", subject=self.word)
        await until(lambda: emit(self.house.client, event), lambda emitted: self.handle.id in emitted.told)

    async def request(self) -> None:
        await self.handle.cancel(reason=BY_DANA.in_words)

    async def edit(self, what: str) -> None:
        change = Edit(step="call", by="dana", reason="no longer wanted", value={"given": 1})
        await self.handle.execute_update(what, change)


@dataclass(frozen=True)
class Stack:
    house: House
    server: Silent


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A worker with the functions of `slow_worker`, whose services all stay silent."""
    folder = tmp_path_factory.mktemp("silent")
    async with silent() as server, open_house(folder) as house:
        services = ("ORDERS", "CRM", "SLACK")
        env = {
            **worker_environment(house.server.address, house.standins, free_port()),
            **house.environment(),
            **{f"TOWPATH_{name}_URL": server.url for name in services},
            "ANTHROPIC_BASE_URL": server.url,
        }
        async with spawn(
            "worker", python("-m", "tests.fakes.slow_worker"), env=env, log=folder / "worker.log"
        ) as child:
            await worker_ready(child, house.server.address)
            yield Stack(house, server)


async def under_way(stack: Stack, call: str, options: str = "", more: str = "", *, race: bool = False) -> Under:
    word = f"w{uuid4().hex[:12]}"
    base = stack.server.url
    names = {"word": word, "url": f"{base}/slow/{word}", "base": base}
    one = STEP % {"options": options % names, "call": CALLS[call] % names}
    whole = RACE % {"step": one, "word": word} if race else one
    given = document(DEFINITION % {**names, "call": whole, "more": more % names})
    handle = await start(stack.house, given, {}, word)
    await stack.server.holding(word)
    return Under(stack.house, stack.server, handle, word)


async def ends(under: Under, ending: Callable[[], Awaitable[None]]) -> float:
    """How long after it was asked for the receiver was let go."""
    held = await under.server.holding(under.word)
    asked = asyncio.get_running_loop().time()
    await ending()
    async with asyncio.timeout(30):
        return await held.closed - asked


async def ended_run(under: Under) -> RunRecord:
    with pytest.raises(WorkflowFailureError) as caught:
        await under.handle.result()
    assert isinstance(caught.value.cause, CancelledError)
    found = await record(under.handle)
    assert found.status == "cancelled"
    assert not [one.step for one in found.steps if one.state == "running"]
    return found


def call_of(found: RunRecord) -> StepRecord:
    return next(one for one in found.steps if one.step == "call")


@pytest.mark.parametrize("call", sorted(CALLS))
async def test_cancelled_run_ends_its_call(stack: Stack, call: str) -> None:
    """Somebody cancels the run: its call is let go, what was done is undone, and who and why is in the record."""
    under = await under_way(stack, call)
    asked = asyncio.get_running_loop().time()
    assert await ends(under, under.request) < PROMPT
    found = await ended_run(under)
    assert under.server.quick[f"{under.word}-undo"] - asked < PROMPT + 1
    assert found.cancelled == call_of(found).cancelled == BY_DANA
    assert call_of(found).state == "cancelled" and BY_DANA.in_words in call_of(found).note


async def test_child_is_told_who_and_why(stack: Stack) -> None:
    """A cancellation is passed on to the run that a step waits for, with its author and reason."""
    under = await under_way(stack, "child")
    await ends(under, under.request)
    await ended_run(under)
    child = await record(stack.house.client.get_workflow_handle(f"{under.handle.id}/call"))
    assert (child.status, child.cancelled) == ("cancelled", BY_DANA)
    assert {one.step: str(one.state) for one in child.steps}["inside"] == "cancelled"


@pytest.mark.parametrize("call", sorted(CALLS))
async def test_event_that_cancels_the_run(stack: Stack, call: str) -> None:
    """`cancel_on` of the run: as if somebody had cancelled it, and the record names the event and its source."""
    under = await under_way(stack, call, more="cancel_on: {event: test.stop, correlate: '%(word)s'}")
    assert await ends(under, lambda: under.tell("stop")) < PROMPT
    found = await ended_run(under)
    why = Cancellation(by="its cancel_on", reason="the event test.stop of shop came")
    assert found.cancelled == call_of(found).cancelled == why
    assert call_of(found).state == "cancelled" and f"{under.word}-undo" in under.server.quick


@pytest.mark.parametrize("call", sorted(CALLS))
async def test_event_that_cancels_the_step(stack: Stack, call: str) -> None:
    """`cancel_on` of the step ends it alone, and the step is cancelled, not completed."""
    under = await under_way(stack, call, "cancel_on: {event: test.stop, correlate: '%(word)s'},")
    assert await ends(under, lambda: under.tell("stop")) < PROMPT
    found = await until(lambda: step(under.handle, "call"), lambda one: one.state != "running")
    assert found.state == "cancelled" and found.cancelled is not None
    assert found.cancelled.reason == "the event test.stop of shop came"
    await under.request()
    await ended_run(under)


@pytest.mark.parametrize("call", sorted(CALLS))
async def test_winner_ends_the_others(stack: Stack, call: str) -> None:
    """A race is won: the loser's call is let go, and its record names the winner."""
    under = await under_way(stack, call, race=True)
    assert await ends(under, lambda: under.tell("fast")) < PROMPT
    found = await until(lambda: step(under.handle, "call"), lambda one: one.state != "running")
    assert found.state == "cancelled" and found.cancelled == Cancellation(by="the race", reason="first: fast")
    await under.request()
    await ended_run(under)


@pytest.mark.parametrize("call", sorted(CALLS))
@pytest.mark.parametrize(("what", "state"), [("skip", "skipped"), ("set_output", "completed")])
async def test_operator_ends_a_step(stack: Stack, call: str, what: str, state: str) -> None:
    """A running step is skipped, or its output set: its call is let go, and the record says who and why."""
    under = await under_way(stack, call)
    assert await ends(under, lambda: under.edit(what)) < PROMPT
    found = await step(under.handle, "call")
    assert (str(found.state), found.cancelled) == (state, BY_DANA) and BY_DANA.in_words in found.note
    await under.request()
    await ended_run(under)


@pytest.mark.parametrize("call", sorted(CALLS))
async def test_time_limit_ends_a_call(stack: Stack, call: str) -> None:
    """The `timeout` of a step is when its call is let go, and what its failure says."""
    under = await under_way(stack, call, "timeout: 4s,")
    assert await ends(under, lambda: asyncio.sleep(0)) < 4 + PROMPT
    with pytest.raises(WorkflowFailureError) as caught:
        await under.handle.result()
    assert isinstance(caught.value.cause, ApplicationError) and caught.value.cause.type == "step.timeout"
    found = await step(under.handle, "call")
    assert found.state == "failed" and found.failure is not None and " within 4" in found.failure.message
    assert f"{under.word}-undo" in under.server.quick


async def test_one_of_two_calls_is_ended(stack: Stack) -> None:
    """Two short calls of one moment share an activity: the cancelled one is let go, the other goes on until the run
    is cancelled, too.
    """
    word, base = f"w{uuid4().hex[:12]}", stack.server.url
    config = "type: http, config: {url: '%s/slow/%s-%s', method: POST}"
    cancel_on = f"cancel_on: {{event: test.stop, correlate: '{word}'}}"
    given = document(f"""
id: cancelled
version: "1.0.0"
steps:
  - parallel:
      - {{id: one, {cancel_on}, {config % (base, word, "one")}}}
      - {{id: two, {config % (base, word, "two")}}}
""")
    handle = await start(stack.house, given, {}, word)
    one, two = [Under(stack.house, stack.server, handle, f"{word}-{name}") for name in ("one", "two")]
    other = await stack.server.holding(two.word)
    assert await ends(one, lambda: Under(stack.house, stack.server, handle, word).tell("stop")) < PROMPT
    assert (await until(lambda: step(handle, "one"), lambda found: found.state != "running")).state == "cancelled"
    assert not other.closed.done() and (await step(handle, "two")).state == "running"
    assert await ends(two, two.request) < PROMPT
    assert {found.step: str(found.state) for found in (await ended_run(two)).steps} == {
        "one": "cancelled",
        "two": "cancelled",
    }


async def test_command_says_who_and_why(stack: Stack) -> None:
    """`starter cancel --by --reason` is what the record says."""
    under = await under_way(stack, "function")
    asked = await starter_json(stack.house, "cancel", under.handle.id, "--by", BY_DANA.by, "--reason", BY_DANA.reason)
    found = await ended_run(under)
    assert asked["by"] == "dana" and found.cancelled == BY_DANA
