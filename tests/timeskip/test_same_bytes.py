"""Same key, same bytes: whatever a run sends again, in a retry or a redrive, a strict receiver refuses nothing."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeVar

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from tests.fakes.strict import FAULTS, Fault, StrictReceiver, StrictServices, given
from tests.timeskip.declared import Handle, Runs, serve
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.run import DeadLetter
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import DeclaredFailure, DeclaredOutcome, DeclaredResult

SEEDS = 24
ChoiceT = TypeVar("ChoiceT")
BODY = "at: '{{ now() }}', began: '{{ run.started_at }}', id: '{{ uuid() }}', other: '{{ uuid() }}'"
NOTE = "{{ now() }} {{ run.started_at }} {{ uuid() }}"
CONFIGS = {
    "http": f"type: http, config: {{url: 'https://api.example.com/{{{{ uuid() }}}}', method: POST, body: {{{BODY}}}}}",
    "api": f"type: api, config: {{service: s, method: charge, params: {{{BODY}}}}}",
    "openapi": f"type: openapi, config: {{document: d, operation: charge, params: {{{BODY}}}}}",
    "function": f"type: function, config: {{handler: sample.post, params: {{{BODY}}}}}",
    "notify": f"type: notify, config: {{target: ops-team, title: t, message: '{NOTE}'}}",
    "multi-channel": "type: multi-channel, config: {channels: ["
    f"{{email: {{to: kim@example.com, subject: s, template: plain, data: {{text: '{NOTE}'}}}}}},"
    f"{{slack: {{channel: '#x', message: '{NOTE}'}}}}]}}",
}
RETRY = "retry: {max_attempts: 2, initial: 1s}"
PRICED = """
  - {id: price, type: api, config: {service: s, method: price}, retry: {max_attempts: 1}}
  - {id: charge, type: api, retry: {max_attempts: 1},
     config: {service: s, method: charge, params: {at: '{{ now() }}', amount: '{{ steps.price.id }}'}}}
"""
UNDO = "compensate: {type: api, config: {service: s, method: undo, params: {at: '{{ now() }}', id: '{{ uuid() }}'}}}"


class Chosen:
    """Choices that the seed in a test's name makes again."""

    def __init__(self, seed: int) -> None:
        self._seed, self._count = seed, 0

    def choice(self, among: Sequence[ChoiceT]) -> ChoiceT:
        self._count += 1
        number = hashlib.sha256(f"{self._seed}:{self._count}".encode()).digest()
        return among[int.from_bytes(number[:4], "big") % len(among)]


@pytest_asyncio.fixture(loop_scope="session")
async def runs(env: WorkflowEnvironment) -> AsyncIterator[Runs]:
    async with serve(env, StrictServices()) as serving:
        yield serving


def receiver(runs: Runs) -> StrictReceiver:
    assert isinstance(runs.services, StrictServices)
    return runs.services.receiver


async def failed(handle: Handle) -> DeclaredFailure:
    with pytest.raises(WorkflowFailureError) as raised:
        await handle.result()
    assert isinstance(raised.value.cause, ApplicationError)
    return DeclaredFailure.model_validate(raised.value.cause.details[1])


async def redriven(runs: Runs, handle: Handle, failure: DeclaredFailure, **seed: Any) -> Handle:
    """The run again, with what it had and has sent."""
    assert failure.sending is not None
    update: JsonObject = {"seed": {**failure.completed, **seed}}
    request = failure.request.model_copy(update={**update, "earlier": failure.sending})
    return await runs.env.client.start_workflow(
        "declared", request, id=handle.id, task_queue="declared", result_type=DeclaredResult
    )


async def ended(runs: Runs, handle: Handle) -> int:
    """Redrive until it is completed; how often that was. What is refused because some of it stands is given instead."""
    for count in range(10):
        [ended] = await asyncio.gather(handle.result(), return_exceptions=True)
        if not isinstance(ended, WorkflowFailureError):
            return count
        cause = ended.cause
        assert isinstance(cause, ApplicationError), cause
        failure = DeclaredFailure.model_validate(cause.details[1])
        refused = cause.type == FailureCode.STEP_INPUT
        handle = await redriven(runs, handle, failure, **{"target": {}} if refused else {})
    raise AssertionError("the run never completed")


def sampled(chosen: Chosen) -> tuple[str, dict[str, list[Fault]]]:
    """Steps and faults: one before, which is undone and done again, the one in question, and what lets the run fail."""
    kind = chosen.choice(sorted(CONFIGS))
    undone = chosen.choice(["", f", {UNDO}"])
    reads = chosen.choice([True, False])
    looped = chosen.choice([True, False])
    config = CONFIGS[kind].replace("{{ now() }}", "{{ now() }} {{ steps.before.id }}") if reads else CONFIGS[kind]
    loop = f", for_each: {{times: {chosen.choice([2, 30])}, concurrency: 3}}" if looped else ""
    steps = f"""
  - {{id: before, type: api, config: {{service: s, method: before, params: {{{BODY}}}}}, {UNDO}, {RETRY}}}
  - {{id: target, {config}{undone}, {RETRY}{loop}}}
  - {{id: after, type: api, config: {{service: s, method: after, params: {{{BODY}}}}}, {RETRY}}}
"""
    faults: dict[str, list[Fault]] = {
        place: [chosen.choice(FAULTS) for _ in range(chosen.choice(range(5)))] for place in ("/target", "/after")
    }
    return steps, faults


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_strict_receiver_refuses_nothing(runs: Runs, seed: int) -> None:
    """Whatever fails, and however often a run is redriven: no key comes with two bodies, and what may stand under one
    key is never sent under another.
    """
    chosen = Chosen(seed)
    steps, faults = sampled(chosen)
    strict = receiver(runs)
    strict.faults = faults
    runs.services.answers["before"] = given(100, "before")
    handle = await runs.start(steps)
    await ended(runs, handle)
    assert strict.conflicts == []
    assert strict.twice == []
    assert strict.applied


async def test_what_certainly_does_not_stand_gets_a_key_of_its_own(runs: Runs) -> None:
    """A refused charge of 5 is redriven as a charge of 7: the receiver gets that under another key, once."""
    strict = receiver(runs)
    strict.faults = {"/charge": ["refused"]}
    runs.services.answers["price"] = [{"id": 5}]
    handle = await runs.start(PRICED)
    again = await redriven(runs, handle, await failed(handle), price={"id": 7})
    await again.result()
    first, second = strict.keys("/charge")
    assert first == f"{handle.id}/charge" and second.startswith(f"{first}/")
    assert (strict.applied[first], strict.applied[second]) == (0, 1)
    assert [call.params["amount"] for call in runs.services.calls if call.operation == "charge"] == [7]


async def test_what_may_stand_is_sent_as_it_was(runs: Runs) -> None:
    """A charge whose answer was lost is sent as it was, whatever it would be now: nobody is charged twice."""
    strict = receiver(runs)
    strict.faults = {"/charge": ["lost"]}
    runs.services.answers["price"] = [{"id": 5}]
    handle = await runs.start(PRICED)
    again = await redriven(runs, handle, await failed(handle), price={"id": 7})
    await again.result()
    assert strict.keys("/charge") == [f"{handle.id}/charge"] and strict.conflicts == []
    assert (strict.requests[f"{handle.id}/charge"], strict.applied[f"{handle.id}/charge"]) == (2, 1)


async def test_doubt_outlives_a_redrive(runs: Runs) -> None:
    """A charge whose answer was lost is still told as not undone when the redriven run is refused."""
    strict = receiver(runs)
    strict.faults = {"/charge": ["lost", "refused"]}
    runs.services.answers["price"] = [{"id": 5}]
    handle = await runs.start(PRICED)
    again = await redriven(runs, handle, await failed(handle))
    failure = await failed(again)
    with pytest.raises(WorkflowFailureError) as raised:
        await again.result()
    assert isinstance(raised.value.cause, ApplicationError)
    assert DeadLetter.model_validate(raised.value.cause.details[0]).not_undone == ("charge",)
    assert failure.sending is not None and failure.sending.steps["charge"].stands


async def test_items_that_changed_are_not_sent_while_some_stand(runs: Runs) -> None:
    """Items that changed after some were sent are not sent: the run fails and says what to do, and keeps its letter."""
    strict = receiver(runs)
    strict.faults = {"/charge/1": ["refused"]}
    runs.services.answers["price"] = [{"id": [5, 6, 8]}]
    loop = PRICED.replace("steps.price.id }}'}}}", "item }}'}}, for_each: {in: '{{ steps.price.id }}'}}")
    handle = await runs.start(loop)
    failure = await failed(handle)
    sent = dict(strict.requests)
    again = await redriven(runs, handle, failure, price={"id": [7, 6]})
    failure = await failed(again)
    with pytest.raises(WorkflowFailureError) as raised:
        await again.result()
    assert isinstance(raised.value.cause, ApplicationError) and raised.value.cause.type == FailureCode.STEP_INPUT
    assert strict.conflicts == [] and sent == dict(strict.requests)
    await (await redriven(runs, again, failure, price={"id": [5, 6, 8]})).result()
    assert strict.applied.total() == 4 and strict.conflicts == []


async def test_parts_of_a_large_loop_send_the_same_again(runs: Runs) -> None:
    """Items that are done in runs of their own are made again from the same moment and the same uuids, too."""
    strict = receiver(runs)
    strict.faults = {"/target/204": ["refused"]}
    loop = "for_each: {times: 205, concurrency: 50}"
    handle = await runs.start(f"  - {{id: target, {CONFIGS['api']}, {loop}}}")
    await (await redriven(runs, handle, await failed(handle))).result()
    assert strict.conflicts == [] and len(strict.applied) == 205
    assert max(strict.requests.values()) == 2


@pytest.mark.parametrize("kind", sorted(CONFIGS))
async def test_what_has_not_changed_keeps_its_key(runs: Runs, kind: str) -> None:
    """A refused step whose config reads the clock and makes uuids is redriven under the same key, the same bytes."""
    strict = receiver(runs)
    strict.faults = {"/target": ["refused"]}
    handle = await runs.start(f"  - {{id: target, {CONFIGS[kind]}, retry: {{max_attempts: 1}}}}")
    failure = await failed(handle)
    keys = strict.keys("/target")
    await (await redriven(runs, handle, failure)).result()
    assert strict.keys("/target") == keys and strict.conflicts == []
    assert max(strict.requests[key] for key in keys) == 2


async def test_run_of_a_step_sends_the_same_again(runs: Runs) -> None:
    """A run that a step begins and that fails is begun again by the redrive, under its id: it sends the same, too."""
    strict = receiver(runs)
    strict.faults = {"/sub/leaf": ["refused", "refused"]}
    handle = await runs.start(
        f"""
  - id: which
    type: condition
    config:
      if: inputs.inner
      then:
        - {{id: first, {CONFIGS["http"]}, {UNDO}}}
        - {{id: leaf, {CONFIGS["api"]}, retry: {{max_attempts: 1}}, needs: [first]}}
      else: [{{id: sub, type: workflow, config: {{id: tried, inputs: {{inner: true}}}}}}]
""",
        more="inputs: {inner: {type: boolean, default: false}}",
    )
    again = await redriven(runs, handle, await failed(handle))
    await (await redriven(runs, again, await failed(again))).result()
    assert strict.conflicts == [] and strict.requests[f"{handle.id}/sub/leaf"] == 3
    assert strict.keys("/sub/first") and len([key for key in strict.keys("/sub/first") if "/undo/" not in key]) == 1


ASKED = "url: 'https://api.example.com/{{ steps.price.id }}', headers: {at: '{{ now() }}', id: '{{ uuid() }}'}"
READS = {
    "get": f"type: http, config: {{{ASKED}}}",
    "head": f"type: http, config: {{{ASKED}, method: HEAD}}",
    "loop": f"type: http, config: {{{ASKED}}}, for_each: {{times: 3}}",
    "parts": f"type: http, config: {{{ASKED}}}, for_each: {{times: 205, concurrency: 50}}",
    "pages": f"type: http, config: {{{ASKED}, paging: {{style: cursor, items: '{{{{ output.body.items }}}}',"
    " next: '{{ output.body.next }}', parameter: cursor}}",
}


@pytest.mark.parametrize("reading", READS)
async def test_what_only_reads_is_asked_under_another_key(runs: Runs, reading: str) -> None:
    """A GET that is done again, and whose inputs changed, or only the clock, comes under no key with other bytes."""
    strict = receiver(runs)
    strict.faults = {"/read": ["refused"] * 2, "/charge": ["refused"]}
    runs.services.answers["price"] = [{"id": 5}]
    cursor: JsonObject = {"items": [1], "next": "b"}
    if reading == "pages":
        runs.services.answers["http"] = [cursor, {"items": [2], "next": None}] * 3
    read = f"  - {{id: read, {READS[reading]}, retry: {{max_attempts: 1}}}}\n"
    handle = await runs.start(PRICED.replace("  - {id: charge", f"{read}  - {{id: charge"))
    prices = iter((7, 5, 9))
    while isinstance((await asyncio.gather(handle.result(), return_exceptions=True))[0], WorkflowFailureError):
        handle = await redriven(runs, handle, await failed(handle), price={"id": next(prices)})
    assert (await handle.result()).outcome is DeclaredOutcome.COMPLETED
    assert strict.conflicts == [] and strict.twice == []
    assert len({key.partition("/read")[2] for key in strict.keys("/read")}) > 1


async def test_pages_that_are_read_again_have_keys_of_their_own(runs: Runs) -> None:
    """Read once more for an error that is caught, the second page may be another one: its key says which it is."""
    strict = receiver(runs)
    strict.faults = {"/read/page-2": ["refused"]}
    runs.services.answers["http"] = [{"items": [1], "next": cursor} for cursor in "bc"] + [{"items": [2], "next": None}]
    again = "retry: {max_attempts: 1}, catch: [{retry: {max_attempts: 3}, do: []}]"
    price = "  - {id: price, type: set, config: {id: 1}}\n"
    result = await (await runs.start(f"{price}  - {{id: read, {READS['pages']}, {again}}}\n")).result()
    assert strict.conflicts == []
    assert result.outputs["read"] == {"items": [1, 2], "pages": 2}
