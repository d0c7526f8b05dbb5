"""Groups with `for_each`: all members for every item, results in the order of the items, failed items alone again."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import cast

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from tests.fakes.strict import StrictReceiver, StrictServices
from tests.redriving import failed, redriven
from tests.timeskip.declared import Handle, Runs, serve, steps
from towpath.contracts.core.claude import Budget
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.within import Within

UNDO = "compensate: {type: api, config: {service: s, method: undo, params: {of: '{{ customer.name }}'}}}"
EACH = """
  - {{id: first, type: set, config: {{x: 1}}}}
  - id: each
    parallel:
      - id: account
        type: api
        retry: {{max_attempts: 1}}
        config:
          service: s
          method: account
          params: {{row: '{{{{ customer.name }}}}', n: '{{{{ steps.first.x }}}}'}}
        {undo}
      - id: mail
        type: api
        retry: {{max_attempts: 1}}
        needs: [account]
        when: "customer.name != 'b'"
        config:
          service: s
          method: mail
          params: {{to: "{{{{ customer.name }}}} {{{{ index }}}}", at: "{{{{ now() }}}}", id: "{{{{ uuid() }}}}"}}
        {undo}
    for_each: {{in: "{{{{ inputs.customers }}}}", as: customer, concurrency: 2, {policy}}}
"""
LAST = """
  - id: last
    type: api
    retry: {max_attempts: 1}
    config: {service: s, method: last, params: {all: "{{ steps.each }}"}}
"""
INPUTS = "inputs: {customers: {type: array}}"
COLLECT = "on_item_error: collect"


@pytest_asyncio.fixture(loop_scope="session")
async def runs(env: WorkflowEnvironment) -> AsyncIterator[Runs]:
    async with serve(env, StrictServices()) as serving:
        yield serving


def each(policy: str = COLLECT, undo: str = "") -> str:
    return EACH.format(policy=policy, undo=undo)


def receiver(runs: Runs, faults: Sequence[str]) -> StrictReceiver:
    assert isinstance(runs.services, StrictServices)
    runs.services.receiver.faults = {part: ["refused"] for part in faults}
    return runs.services.receiver


def named(*names: str) -> JsonObject:
    return {"customers": [{"name": name} for name in names]}


def sent(strict: StrictReceiver, handle: Handle) -> dict[str, int]:
    """How often each call went out, by its name in the run."""
    return {key.removeprefix(f"{handle.id}/"): count for key, count in strict.requests.items()}


async def test_all_members_for_every_item(runs: Runs) -> None:
    """Results stand in the order of the items, by the ids of the members; an item that failed is its error."""
    receiver(runs, ["/each/2/account"])
    handle = await runs.start(each() + LAST, named("a", "b", "c"), more=INPUTS)
    output = (await handle.result()).outputs["each"]
    assert output == [
        {"account": {}, "mail": {}},
        {"account": {}},
        {"error": {"code": "service.refused", "message": "account: 400 not now"}},
    ]
    assert (await steps(handle))["each"].note == f"3 items, 1 failed; the run of an item is {handle.id}/each/INDEX"


async def test_redrive_does_the_failed_items_only(runs: Runs) -> None:
    """What was done well is kept; what failed is sent once more, with the same bytes under the same keys."""
    strict = receiver(runs, ["/each/1/account", "/each/2/mail"])
    handle = await runs.start(
        each("on_item_error: collect, max_failures: '25%'"), named("a", "b", "c", "d"), more=INPUTS
    )
    letter, failure = await failed(handle)
    assert "2 of 4 items failed" in letter.failure.message
    result = await (await redriven(runs.env.client, handle, failure)).result()
    assert [sorted(item) for item in cast("list[JsonObject]", result.outputs["each"])] == [
        ["account", "mail"],
        ["account"],
        ["account", "mail"],
        ["account", "mail"],
    ]
    assert sent(strict, handle) == {
        "each/0/account": 1,
        "each/0/mail": 1,
        "each/1/account": 2,
        "each/2/account": 2,
        "each/2/mail": 2,
        "each/3/account": 1,
        "each/3/mail": 1,
    }
    assert strict.conflicts == [] and strict.twice == []


async def test_items_are_undone_with_their_run(runs: Runs) -> None:
    """A run that fails later undoes the members of each item once, the latest first; a redrive does them again."""
    strict = receiver(runs, ["/last"])
    handle = await runs.start(each(undo=UNDO) + LAST, named("a", "b"), more=INPUTS)
    letter, failure = await failed(handle)
    undos = [key.removeprefix(f"{handle.id}/").partition("/undo/")[0] for key in strict.keys("/undo/")]
    assert sorted(undos) == ["each/0/account", "each/0/mail", "each/1/account"]
    assert undos.index("each/0/mail") < undos.index("each/0/account")
    assert sorted(letter.undone) == sorted(undos) and letter.not_undone == ()
    assert str((await steps(handle))["each"].state) == "undone"
    await (await redriven(runs.env.client, handle, failure)).result()
    assert sent(strict, handle)["each/0/account"] == 2
    assert strict.conflicts == [] and strict.twice == []


async def test_many_items_are_undone_in_parts(runs: Runs) -> None:
    """Beyond some hundreds, parts of the items do them and undo them; no history holds all of them."""
    strict = receiver(runs, ["/last"])
    names = [f"n{number}" for number in range(210)]
    handle = await runs.start(
        each(undo=UNDO).replace("concurrency: 2", "concurrency: 20") + LAST, named(*names), more=INPUTS
    )
    letter, failure = await failed(handle)
    assert len(letter.undone) == 2 * len(names) and letter.not_undone == ()
    assert set(Counter(key.partition("/undo/")[0] for key in strict.keys("/undo/")).values()) == {1}
    await (await redriven(runs.env.client, handle, failure)).result()
    assert strict.conflicts == [] and strict.twice == []


async def test_nobody_starts_an_item(runs: Runs) -> None:
    """The members alone, without what stands before their group, are begun by a run and by nobody else."""
    strict = receiver(runs, [])
    own = Within(
        groups=("each",), run_id="x", started_at=datetime.now(UTC), names={"customer": {}}, salt="", budget=Budget()
    )
    handle = await runs.start(each(), named("a"), more=INPUTS, within=own)
    with pytest.raises(WorkflowFailureError) as raised:
        await handle.result()
    assert "within is for the items of a group" in str(raised.value.cause)
    assert sent(strict, handle).keys().isdisjoint({"account", "mail"})


async def test_undo_asks_first_where_nobody_knows(runs: Runs) -> None:
    """A member of which nobody knows whether it happened is looked for before it is undone, with its own item."""
    strict = receiver(runs, ["/last"])
    strict.faults["/each/1/account"] = ["lost"]
    check = "check: {type: api, config: {service: s, method: look, params: {of: '{{ customer.name }}'}}, done: 'true'}"
    text = each(undo=f"{UNDO}\n        {check}\n        on_error: continue")
    runs.services.answers["look"] = [HouseError(FailureCode.SERVICE_REFUSED, "no") for _ in range(20)]
    handle = await runs.start(text + LAST, named("a", "b"), more=INPUTS)
    letter, _ = await failed(handle)
    assert sorted(letter.undone) == ["each/0/account", "each/0/mail", "each/1/account"]
    assert any("/each/1/account/undo/" in key and key.endswith("/check") for key in strict.requests)
