"""Another service starts and approves a run with the `temporal` command and plain JSON, as the README shows."""

import asyncio
import json
from uuid import uuid4

from tests.integration.conftest import House
from tests.waiting import until
from towpath.local.server import find_executable

CUSTOMER = {"email": "sam@northwind.example", "company": "Northwind", "plan": "enterprise", "country": "XX"}
DECISION = {"verdict": "approve", "reviewer": "dana", "reason": "known to us"}


async def temporal(house: House, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(str(find_executable()), *arguments, "--address", house.server.address, "-o", "json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def begin(house: House) -> str:
    workflow_id = f"customer-onboarding/crm-{uuid4().hex[:8]}"
    code, output = await temporal(
        house,
        *("workflow", "start", "--task-queue", "customer-onboarding", "--type", "customer-onboarding"),
        *("--workflow-id", workflow_id, "--input", json.dumps({"customer": CUSTOMER})),
    )
    assert code == 0, output
    await until(lambda: house.client.get_workflow_handle(workflow_id).query("review"), lambda task: task is not None)
    return workflow_id


async def result(house: House, workflow_id: str) -> str:
    _, output = await temporal(house, "workflow", "result", "--workflow-id", workflow_id)
    return output


async def test_update_from_the_command_line(house: House) -> None:
    """Start, refuse a stranger, approve and read the result, all with JSON."""
    workflow_id = await begin(house)
    update = ("workflow", "update", "execute", "--workflow-id", workflow_id, "--name", "decide", "--input")
    refused, why = await temporal(house, *update, json.dumps(DECISION | {"reviewer": "mallory"}))
    code, _ = await temporal(house, *update, json.dumps(DECISION))

    assert refused != 0
    assert "is not a reviewer" in why
    assert code == 0
    assert '"outcome": "onboarded"' in await result(house, workflow_id)


async def test_signal_from_the_command_line(house: House) -> None:
    """A plain signal decides as well."""
    workflow_id = await begin(house)
    code, _ = await temporal(
        house, "workflow", "signal", "--workflow-id", workflow_id, "--name", "decide", "--input", json.dumps(DECISION)
    )

    assert code == 0
    assert '"by_signal": true' in await result(house, workflow_id)


async def test_input_that_does_not_fit_fails_the_run_at_once(house: House) -> None:
    """A run started with a broken customer fails with the place that is wrong; it does not retry for ever."""
    workflow_id = f"customer-onboarding/broken-{uuid4().hex[:8]}"
    await temporal(
        house,
        *("workflow", "start", "--task-queue", "customer-onboarding", "--type", "customer-onboarding"),
        *("--workflow-id", workflow_id, "--input", json.dumps({"customer": {"email": "x"}})),
    )
    output = await result(house, workflow_id)

    assert "PayloadValidationError" in output
    assert "customer.company" in output
