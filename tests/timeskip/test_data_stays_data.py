"""Data is never a reference, and an answer never tells a secret: for every step type, and for every way in."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.declared import Handle
from tests.timeskip.receivers import BASE, CANARY, PIN, Served, receiving
from towpath.contracts.core.wire import JsonObject

MARKER: JsonObject = {"$text": ["x"]}


@pytest_asyncio.fixture(loop_scope="session")
async def served(env: WorkflowEnvironment) -> AsyncIterator[Served]:
    async with receiving(env) as found:
        yield found


async def outputs(handle: Handle) -> dict[str, Any]:
    return dict((await handle.result()).outputs)


async def told(handle: Handle) -> str:
    """All that a run's history holds."""
    history = await handle.fetch_history()
    return "\n".join(str(event) for event in history.events)


async def test_a_marker_in_data_is_sent_as_it_is(served: Served) -> None:
    """An object that looks like a text with a secret in it is an object, and goes out as JSON."""
    step = f'  - {{id: p, type: http, config: {{method: POST, url: "{BASE}/echo", body: "{{{{ inputs.o }}}}"}}}}'
    handle = await served.runs.start(step, {"o": MARKER}, more="inputs: {o: {}}")

    assert (await outputs(handle))["p"]["body"] == MARKER
    assert served.receivers.arrived == [{"path": "/echo", "query": {}, "headers": {}, "body": MARKER}]


@pytest.mark.parametrize("pin", ["PIN", "CANARY"])
async def test_a_functions_answer_is_masked(served: Served, pin: str) -> None:
    """What a function gives back of a secret that it was given is masked, a short one where it is the whole value."""
    config = f'{{handler: giveBack, params: {{pin: "{{{{ secrets.{pin} }}}}", name: kim}}}}'
    handle = await served.runs.start(f"  - {{id: p, type: function, config: {config}}}")

    found = (await outputs(handle))["p"]
    short = f"the pin {PIN} of kim"
    assert found["pin"] == "***"
    assert found["told"] == (short if pin == "PIN" else "the pin *** of kim")
    assert CANARY not in await told(handle)


async def test_a_functions_error_is_masked(served: Served) -> None:
    """What a function that was given a secret says when it fails holds none: in the run, and in its history."""
    config = '{handler: breakOff, params: {pin: "{{ secrets.CANARY }}"}}'
    step = f"  - {{id: p, type: function, config: {config}, retry: {{max_attempts: 1}}}}"
    handle = await served.runs.start(step)

    with pytest.raises(WorkflowFailureError):
        await handle.result()
    history = await told(handle)
    assert CANARY not in history
    assert "the pin *** is wrong" in history


async def test_only_secrets_of_the_step_are_masked(served: Served) -> None:
    """An answer that holds a secret of another step stays as it came: numbers, words, and JSON in a text."""
    body = {"n": 4711, "t": "order 4711 shipped 147110", "s": "available", "j": '{"pin": 4711}'}
    steps = f"""
  - {{id: e, type: http, config: {{method: POST, url: "{BASE}/echo", body: {json.dumps(body)}}}}}
  - {{id: f, type: http, config: {{url: "{BASE}/echo", headers: {{Authorization: "{{{{ secrets.PIN }}}}"}}}}}}"""
    handle = await served.runs.start(steps)

    assert (await outputs(handle))["e"]["body"] == body


async def test_no_data_gets_a_secret_that_the_step_names(served: Served) -> None:
    """The step sends a token in its header, and data names the same one: the receiver gets the data."""
    data: JsonObject = {"a": {"$secret": "CANARY"}, "b": {"$text": ["Bearer ", {"$secret": "CANARY"}]}}
    config = (
        f'{{method: POST, url: "{BASE}/echo", headers: {{Authorization: "Bearer {{{{ secrets.CANARY }}}}"}}, '
        'body: "{{ inputs.o }}"}'
    )
    handle = await served.runs.start(
        f"  - {{id: p, type: http, config: {config}}}", {"o": data}, more="inputs: {o: {}}"
    )

    assert (await outputs(handle))["p"]["body"] == data
    sent = served.receivers.arrived[0]
    assert isinstance(sent, dict)
    assert (sent["headers"], sent["body"]) == ({"authorization": f"Bearer {CANARY}"}, data)


@pytest.mark.parametrize(("name", "gets"), [("CANARY", CANARY), ("PIN", None)])
async def test_an_input_may_name_a_secret_of_the_definition(served: Served, name: str, gets: str | None) -> None:
    """An input with x-secret chooses among the secrets that the definition names; another one fails the step."""
    steps = f"""
  - {{id: p, type: http, config: {{url: "{BASE}/echo", headers: {{Authorization: "{{{{ inputs.token }}}}"}}}}}}
  - {{id: q, type: http, when: "false", config: {{url: "{BASE}/q", headers: {{X: "{{{{ secrets.CANARY }}}}"}}}}}}"""
    handle = await served.runs.start(steps, {"token": name}, more="inputs: {token: {x-secret: true}}")

    if gets is None:
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        assert served.receivers.arrived == []
    else:
        await handle.result()
        assert [one["headers"] for one in served.receivers.arrived if isinstance(one, dict)] == [
            {"authorization": gets}
        ]
