"""What operations of a document give in whole runs: the body, the whole answer, or its bytes, by the real client."""

import json
from base64 import b64decode

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from tests.fakes.documents import NAME, frozen
from tests.timeskip.declared import steps
from tests.timeskip.receivers import BASE, CANARY, receiving
from tests.timeskip.test_http_forms import BODIES, Bodies
from towpath.contracts.declared.run import DeclaredFailure

OPERATIONS = [path.removeprefix("/") for path in BODIES]
DOCUMENTS = f"documents: {json.dumps(frozen(*OPERATIONS, 'broken', server=BASE))}"
PLAIN = "".join(
    f"  - {{id: {name}, type: openapi, config: {{document: {NAME}, operation: {name}, params: {{n: 1}}}}}}\n"
    for name in OPERATIONS
)
STEPS = (
    PLAIN
    + f"""
  - id: each
    type: openapi
    for_each: {{in: "{{{{ steps.list }}}}", as: row}}
    config: {{document: {NAME}, operation: number, output: body, params: {{id: "{{{{ row.id }}}}"}}}}
  - {{id: some, type: openapi, config: {{document: {NAME}, operation: list}}, select: [id]}}
  - id: whole
    type: openapi
    when: "!steps.no"
    config: {{document: {NAME}, operation: list, output: response, params: {{token: "{{{{ secrets.CANARY }}}}"}}}}
  - id: parts
    type: openapi
    config: {{document: {NAME}, operation: list, output: response}}
    select: [status, request.uri]
  - {{id: bytes, type: openapi, config: {{document: {NAME}, operation: list, output: raw}}}}
  - id: sum
    type: set
    config:
      n: "{{{{ steps.number + size(steps.list) + steps.whole.body[0].x }}}}"
      nothing: "{{{{ steps.nothing ?? 'none' }}}}"
"""
)
GIVEN = {
    **{path.removeprefix("/"): body for path, body in BODIES.items()},
    "each": [41, 41],
    "some": [{"id": 1}, {"id": 3}],
    "parts": {"status": 200, "request": {"uri": f"{BASE}/list"}, "headers": {}, "body": None},
    "sum": {"n": 45, "nothing": "none"},
}


async def test_operations_give_what_their_output_says(env: WorkflowEnvironment) -> None:
    """Lists and scalars are read, looped over and selected from; a response tells no secret of its request."""
    async with receiving(env, Bodies()) as served:
        outputs = (await (await served.runs.start(STEPS, more=DOCUMENTS)).result()).outputs
    whole = outputs.pop("whole")
    assert isinstance(whole, dict) and isinstance(request := whole["request"], dict)
    assert (request["method"], request["uri"], whole["status"]) == ("POST", f"{BASE}/list", 200)
    assert whole["body"] == BODIES["/list"] and set(whole) == {"request", "status", "headers", "body"}
    assert json.loads(b64decode(str(outputs.pop("bytes")))) == BODIES["/list"]
    assert outputs == GIVEN
    assert CANARY not in str(whole)


async def test_a_redrive_keeps_what_operations_gave(env: WorkflowEnvironment) -> None:
    """A run that failed hands them over as they are, and the run that goes on asks for none of them again."""
    receivers = Bodies()
    config = f"{{document: {NAME}, operation: broken, output: response}}"
    broken = f"  - {{id: broken, type: openapi, config: {config}, retry: {{max_attempts: 1}}}}\n"
    async with receiving(env, receivers) as served:
        handle = await served.runs.start(STEPS + broken, more=DOCUMENTS)
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
        assert isinstance(caught.value.cause, ApplicationError)
        kept = DeclaredFailure.model_validate(caught.value.cause.details[1])
        assert {name: kept.completed[name] for name in GIVEN} == GIVEN
        receivers.mended, receivers.arrived = True, []
        again = await served.runs.start(STEPS + broken, more=DOCUMENTS, seed=kept.completed, redrive_of="first")
        outputs = (await again.result()).outputs
        assert (await steps(again))["list"].note == "kept from the run before"
    assert {name: outputs[name] for name in GIVEN} == GIVEN
    assert receivers.arrived == ["/broken"]
