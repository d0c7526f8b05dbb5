"""Loops over items: once too many failed no other one begins, and a redrive does only what was not done."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.fakes.strict import StrictReceiver, StrictServices
from tests.redriving import failed
from tests.timeskip.declared import Handle, Runs, serve
from towpath.contracts.core.process import Again
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.process import DECLARED_RUN
from towpath.contracts.declared.run import DeclaredFailure, DeclaredResult

LOOP = """
  - id: check
    type: {kind}
    retry: {{max_attempts: 1}}
    for_each: {{in: "{{{{ range({count}) }}}}", as: row, concurrency: {concurrency}, {policy}}}
    config: {config}
    {more}
"""
CONFIGS = {
    "api": "{service: s, method: check, params: {row: '{{ row }}', at: '{{ now() }}'}}",
    "http": "{url: 'https://api.example.com/{{ row }}'}",
}
COLLECT = "on_item_error: collect, max_failures: '10%'"


def loop(count: int, kind: str = "api", concurrency: int = 4, policy: str = COLLECT, more: str = "") -> str:
    config = CONFIGS[kind]
    return LOOP.format(kind=kind, count=count, concurrency=concurrency, policy=policy, config=config, more=more)


@pytest_asyncio.fixture(loop_scope="session")
async def runs(env: WorkflowEnvironment) -> AsyncIterator[Runs]:
    async with serve(env, StrictServices()) as serving:
        yield serving


def receiver(runs: Runs, bad: Sequence[int], times: int = 1) -> StrictReceiver:
    """What refuses these items so many times."""
    assert isinstance(runs.services, StrictServices)
    strict = runs.services.receiver
    strict.faults = {f"/check/{number}": ["refused"] * times for number in bad}
    return strict


async def redriven(runs: Runs, handle: Handle, failure: DeclaredFailure, **changed: JsonObject) -> Handle:
    request = DECLARED_RUN.again(failure, Again(run_id=handle.result_run_id or ""))
    return await runs.env.client.start_workflow(
        "declared",
        request.model_copy(update=changed),
        id=handle.id,
        task_queue="declared",
        result_type=DeclaredResult,
    )


def places(strict: StrictReceiver) -> dict[int, int]:
    """How often each item was asked for."""
    return {int(key.rpartition("/")[2]): count for key, count in strict.requests.items()}


@pytest.mark.parametrize("count", [100, 400], ids=["here", "in parts"])
async def test_limit_stops_new_items_and_redrive_does_the_rest(runs: Runs, count: int) -> None:
    """With one failure too many nothing new begins, what is in flight ends, and a redrive keeps what was done."""
    most = count // 10
    bad = range(100, 101 + most) if count > 100 else range(10, 11 + most)
    strict = receiver(runs, bad)
    handle = await runs.start(loop(count))
    letter, failure = await failed(handle)
    assert f"{most + 1} of {count} items failed" in letter.failure.message
    first = places(strict)
    assert set(bad) <= set(first) and len(first) < count
    done = {number for number in first if number not in bad}
    kept = failure.items["check"]
    assert {index for begin, end in kept.done for index in range(begin, end + 1)} == done
    result = await (await redriven(runs, handle, failure)).result()
    assert result.outputs["check"] == [{}] * count
    assert places(strict) == {number: 2 if number in bad else 1 for number in range(count)}
    assert strict.conflicts == []


async def test_no_more_fail_than_may_and_a_few_in_flight(runs: Runs) -> None:
    """All items of a large loop fail: the parts together begin hardly more than one failure too many asks for."""
    strict = receiver(runs, [])
    strict.faults = {"/check/": ["refused"] * 1000}
    handle = await runs.start(loop(1000, concurrency=10))
    letter, _ = await failed(handle)
    assert 101 <= len(strict.requests) <= 101 + 3 * 10
    assert f"{len(strict.requests)} of 1000 items failed" in letter.failure.message


async def test_first_failure_stops_the_other_parts(runs: Runs) -> None:
    """With on_item_error fail nothing new begins in any part once an item has failed."""
    strict = receiver(runs, [600])
    handle = await runs.start(loop(1000, policy="on_item_error: fail"))
    _, failure = await failed(handle)
    assert len(strict.requests) < 1000
    await (await redriven(runs, handle, failure)).result()
    assert places(strict) == {number: 2 if number == 600 else 1 for number in range(1000)}


async def test_second_redrive_keeps_what_both_runs_did(runs: Runs) -> None:
    """Items that one run did and those that its redrive did are kept together."""
    strict = receiver(runs, range(10, 21), times=2)
    handle = await runs.start(loop(100))
    _, failure = await failed(handle)
    again = await redriven(runs, handle, failure)
    _, failure = await failed(again)
    [(first, ten), (twenty_one, last)] = failure.items["check"].done
    assert (first, ten, twenty_one) == (0, 9, 21) and last >= 23
    result = await (await redriven(runs, again, failure)).result()
    assert result.outputs["check"] == [{}] * 100
    assert places(strict) == {number: 3 if number in range(10, 21) else 1 for number in range(100)}
    assert strict.conflicts == []


async def test_answers_without_an_effect_are_kept_too(runs: Runs) -> None:
    """Items that only read are not read again, and results stay in the order of the items."""
    strict = receiver(runs, range(10, 21))
    runs.services.answers["http"] = [{"n": number} for number in range(300)]
    handle = await runs.start(loop(100, kind="http", concurrency=1))
    _, failure = await failed(handle)
    result = await (await redriven(runs, handle, failure)).result()
    output = result.outputs["check"]
    assert isinstance(output, list) and len(output) == 100
    numbers = [part["body"]["n"] for part in output if isinstance(part, dict) and isinstance(part["body"], dict)]
    assert numbers == [*range(10), *range(10, 21), *range(21, 100)] and strict.conflicts == []


async def test_items_that_were_undone_are_done_again(runs: Runs) -> None:
    """A loop that was undone when its run failed keeps nothing: a redrive does all of it."""
    strict = receiver(runs, range(10, 21))
    undo = "compensate: {type: api, config: {service: s, method: undo}}"
    handle = await runs.start(loop(100, more=undo))
    letter, failure = await failed(handle)
    assert letter.undone == ("check",) and failure.items == {}
    await (await redriven(runs, handle, failure)).result()
    assert min(strict.requests[f"{handle.id}/check/{number}"] for number in range(10)) == 2


async def test_other_items_are_not_taken_for_the_same(runs: Runs) -> None:
    """What the items are made of has changed before the redrive: none of the old results is used."""
    strict = receiver(runs, range(10, 21))
    more = "inputs: {word: {type: string}}"
    text = loop(100, kind="http").replace("{{ row }}", "{{ inputs.word }}/{{ row }}")
    handle = await runs.start(text, {"word": "old"}, more=more)
    _, failure = await failed(handle)
    before = len(runs.services.requests)
    strict.bodies.clear()
    await (await redriven(runs, handle, failure, inputs={"word": "new"})).result()
    urls = [str(request.url) for request in runs.services.requests[before:]]
    runs.services.house.reused.clear()
    assert len(urls) == 100 and all("/new/" in url for url in urls)


async def test_cut_off_loop_keeps_what_was_done(runs: Runs) -> None:
    """A loop that the failure of another step cut off goes on from there in the redrive."""
    strict = receiver(runs, [])
    gate = asyncio.Event()
    runs.services.answers["check"] = [{}, {}, {}, gate]
    strict.faults = {"/other": ["refused"]}
    other = (
        "      - {id: other, type: api, needs: [wait], config: {service: s, method: other}, retry: {max_attempts: 1}}"
    )
    wait = "      - {id: wait, type: wait, config: {for: 1s}}"
    member = "\n".join(f"    {line}" for line in loop(10, concurrency=1).splitlines())
    handle = await runs.start(f"  - on_error: cancel\n    parallel:{member}\n{wait}\n{other}")
    await runs.services.entered["check"].wait()
    _, failure = await failed(handle)
    assert failure.items["check"].done == ((0, 2),)
    gate.set()
    await (await redriven(runs, handle, failure)).result()
    assert [strict.requests[f"{handle.id}/check/{number}"] for number in range(3)] == [1, 1, 1]
