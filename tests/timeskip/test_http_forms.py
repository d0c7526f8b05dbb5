"""Bodies as outputs in whole runs: lists and scalars are read, looped over, kept for a redrive, like objects."""

from dataclasses import dataclass

import httpx
import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.declared import states
from tests.timeskip.receivers import BASE, CANARY, Receivers, receiving
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import DeclaredFailure

STEPS = f"""
  - {{id: list, type: http, config: {{url: "{BASE}/list", output: body}}}}
  - {{id: number, type: http, config: {{url: "{BASE}/number", output: body}}}}
  - {{id: no, type: http, config: {{url: "{BASE}/no", output: body}}}}
  - {{id: nothing, type: http, config: {{url: "{BASE}/nothing", output: body}}}}
  - id: each
    type: http
    for_each: {{in: "{{{{ steps.list }}}}", as: row}}
    config: {{url: "{BASE}/number", output: body, query: {{id: "{{{{ row.id }}}}"}}}}
  - {{id: some, type: http, config: {{url: "{BASE}/list", output: body}}, select: [id]}}
  - id: whole
    type: http
    when: "!steps.no"
    config: {{url: "{BASE}/list", headers: {{A: "{{{{ secrets.CANARY }}}}"}}, output: response}}
  - id: sum
    type: set
    config: {{n: "{{{{ steps.number + size(steps.list) }}}}", nothing: "{{{{ steps.nothing ?? 'none' }}}}"}}
"""
BROKEN = f'  - {{id: broken, type: http, config: {{url: "{BASE}/broken"}}, retry: {{max_attempts: 1}}}}\n'
BODIES = {"/list": [{"id": 1, "x": 2}, {"id": 3}], "/number": 41, "/no": False, "/nothing": None}


@dataclass
class Bodies(Receivers):
    """Each path has a body of its own."""

    mended: bool = False

    def serve(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.arrived.append(path)
        return httpx.Response(200 if path in BODIES or self.mended else 404, json=BODIES.get(path))


def kept_of(outputs: JsonObject) -> JsonObject:
    names = ("list", "number", "no", "nothing", "each", "some", "sum")
    return {name: outputs[name] for name in names}


OUTPUTS = {
    "list": BODIES["/list"],
    "number": 41,
    "no": False,
    "nothing": None,
    "each": [41, 41],
    "some": [{"id": 1}, {"id": 3}],
    "sum": {"n": 43, "nothing": "none"},
}


async def test_lists_and_scalars_are_outputs_like_others(env: WorkflowEnvironment) -> None:
    """They are read, looped over and selected from, in conditions too; a response tells no secret of its request."""
    async with receiving(env, Bodies()) as served:
        handle = await served.runs.start(STEPS)
        outputs = (await handle.result()).outputs

    assert kept_of(outputs) == OUTPUTS
    whole = outputs["whole"]
    assert isinstance(whole, dict) and isinstance(request := whole["request"], dict)
    assert (request["method"], request["uri"]) == ("GET", f"{BASE}/list")
    assert CANARY not in str(outputs)


async def test_a_redrive_keeps_them(env: WorkflowEnvironment) -> None:
    """A run that failed hands them over as they are, and the run that goes on asks for none of them again."""
    receivers = Bodies()
    async with receiving(env, receivers) as served:
        handle = await served.runs.start(STEPS + BROKEN)
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
        assert isinstance(caught.value.cause, ApplicationError)
        kept = DeclaredFailure.model_validate(caught.value.cause.details[1])
        assert kept_of(kept.completed) == OUTPUTS
        receivers.mended, receivers.arrived = True, []
        again = await served.runs.start(STEPS + BROKEN, seed=kept.completed, redrive_of="first")
        outputs = (await again.result()).outputs
        ended = await states(again)

    assert kept_of(outputs) == OUTPUTS
    assert receivers.arrived == ["/broken"]
    assert ended["number"] == "completed"
