"""One run with a hostile pattern and thirty letters stopped every run of every process on its worker."""

from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError

from tests.integration.conftest import House
from tests.integration.definitions import document, request, start
from towpath.contracts.declared.run import DECLARED
from towpath.control.definitions import Definitions
from towpath.engine.checks.loading import digest

LETTERS = "a" * 30 + "!"


def hostile(pattern: str) -> str:
    return f"""
id: hostile
version: "1.0.0"
inputs: {{name: {{type: string, pattern: '{pattern}'}}}}
steps: [{{id: only, type: set, config: {{name: "{{{{ inputs.name }}}}"}}}}]
"""


@pytest.mark.parametrize("pattern", ["^(?:a?a?)*$", "^(a|a)*$", "^([a-z]+)*$", "^(.*)*a$"])
async def test_a_hostile_pattern_stops_no_worker(house: House, pattern: str) -> None:
    """Started past the starter's checks, the run is refused at once, and the next run on the worker goes through."""
    given = request(document(hostile(pattern)), {"name": "aa"}).model_copy(update={"inputs": {"name": LETTERS}})
    started = await Definitions(house.client).start(given, uuid4().hex)
    beside = await start(house, document(hostile("^b$")), {"name": "b"})
    with pytest.raises(WorkflowFailureError) as ended:
        await started.handle.result()

    assert "breaks pattern" in str(ended.value.cause)
    await beside.result()


async def test_a_pattern_that_is_not_taken_is_refused(house: House) -> None:
    """Nobody knows whether the value keeps it: the run does not begin."""
    given = document(hostile("(?=a)a"))
    plain = request(document(hostile("^a")), {"name": "aa"})
    plain = plain.model_copy(update={"definition": given, "digest": digest(given)})
    handle = await house.client.start_workflow(DECLARED, plain, id=f"hostile/{uuid4().hex}", task_queue=DECLARED)
    with pytest.raises(WorkflowFailureError) as ended:
        await handle.result()

    assert "a pattern in its schema that is not taken" in str(ended.value.cause)
