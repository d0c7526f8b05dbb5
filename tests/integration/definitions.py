"""What tests of definitions on the real server share: the shipped files, and doors to their runs."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.client import WorkflowHandle

from tests.integration.conftest import House
from tests.waiting import until
from towpath.contracts.core.run import RunRecord, StepRecord
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import DeclaredRequest, DeclaredResult
from towpath.control.definitions import Definitions, make_request
from towpath.engine.checks.loading import digest
from towpath.engine.language.source import read_source

SHIPPED = Path(__file__).resolve().parents[2] / "definitions"
Handle = WorkflowHandle[Any, DeclaredResult]


def document(text: str) -> JsonObject:
    source = read_source(text)
    assert not source.diagnostics, source.diagnostics
    return source.value


def shipped(name: str) -> JsonObject:
    return document((SHIPPED / f"{name}.yaml").read_text(encoding="utf-8"))


def request(given: JsonObject, inputs: JsonObject, **fields: Any) -> DeclaredRequest:
    return make_request(given, digest(given), inputs).model_copy(update=fields)


async def start(house: House, given: JsonObject, inputs: JsonObject, key: str | None = None, **fields: Any) -> Handle:
    started = await Definitions(house.client).start(request(given, inputs, **fields), key or uuid4().hex)
    return started.handle


async def record(handle: Handle) -> RunRecord:
    return await handle.query("status", result_type=RunRecord)


async def step(handle: Handle, name: str) -> StepRecord:
    return next(found for found in (await record(handle)).steps if found.step == name)


async def until_state(handle: Handle, name: str, state: str) -> StepRecord:
    return await until(lambda: step(handle, name), lambda found: found.state == state)


def order(reference: str | None = None, **fields: Any) -> JsonObject:
    return {
        "reference": reference or f"order-{uuid4().hex[:10]}",
        "items": [{"sku": "A-1", "quantity": 2}],
        "amount": 20.5,
        **fields,
    }
