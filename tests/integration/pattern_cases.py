"""The 20 workflow patterns and the 21 scenarios of the CTK as definitions, and what is done with a run of each."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from pydantic import BaseModel, ConfigDict
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, CancelledError

from tests.integration.conftest import House
from tests.integration.definitions import Handle, document, record, start, until_state
from tests.waiting import until
from towpath.cli.definition.documents import beside
from towpath.config.catalogue import make_catalogue
from towpath.config.connections import Connections
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.core.run import DeadLetter, StepRecord
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.published import Publication
from towpath.contracts.declared.run import CloudEvent
from towpath.control.definitions import Definitions
from towpath.engine.checks.documents import with_documents
from towpath.engine.checks.loading import digest
from towpath.engine.language.source import read_source

FOLDER = Path(__file__).with_name("patterns")
CATALOGUE = make_catalogue(Connections.load(FOLDER.parents[2] / "connections.json"), frozenset())
PASSWORD = "conformance-test"
PETS = '[{"id": 1, "name": "Rex", "status": "available"}, {"id": 2, "name": "Mia", "status": "available"}]'
ONE = '{"id": %s, "name": "Rex", "status": "available"}'


class Act(BaseModel):
    """An event to the run, or an approval of a task, once a step of it is in a state."""

    step: str
    state: str
    event: str = ""
    decide: str = ""
    reason: str = ""
    data: Any = None


class PatternCase(BaseModel):
    """`hold` ends the reference of the call inside which the worker is killed; without `file` it is `missing`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    file: str = ""
    missing: str = ""
    how: str = ""
    given: dict[str, Any] = {}
    hold: str = ""
    before: list[Act] = []
    after: list[Act] = []
    effects: int = 0
    status: str = "completed"
    outputs: dict[str, Any] = {}
    output: Any = None
    """The one that the definition gives instead of named ones."""
    size: dict[str, int] = {}
    states: dict[str, str] = {}
    order: list[str] = []
    """Each of these steps ended before the next one began."""
    apart: list[str] = []
    """No two of these steps were under way together."""
    failure: str = ""
    step: str = ""
    evidence: dict[str, Any] = {}


def pattern_cases() -> list[PatternCase]:
    """All of them, in the order of their numbers."""
    given = read_source((FOLDER / "cases.yaml").read_text(encoding="utf-8")).value
    return [PatternCase.model_validate(entry) for entry in cast("list[Any]", given)]


@dataclass
class Ended:
    """How a run ended."""

    status: str
    outputs: JsonObject
    output: Any = None
    letter: DeadLetter | None = None
    applied: tuple[int, ...] = ()
    """How often each of its keys took effect at the receiver."""
    steps: Mapping[str, StepRecord] = field(default_factory=dict[str, StepRecord])

    def in_turn(self, first: str, then: str) -> bool:
        """Whether one step ended before the other began."""
        ended, began = self.steps[first].ended_at, self.steps[then].started_at
        return ended is not None and began is not None and ended <= began


@dataclass(frozen=True)
class PatternRun:
    """A run that stands still inside the call that its case names."""

    case: PatternCase
    handle: Handle

    async def act(self, acts: list[Act]) -> None:
        for act in acts:
            await until_state(self.handle, act.step, act.state)
            if act.decide:
                await until(lambda: self.handle.query("reviews"), partial(_is_open, act.decide))
                approval = Decision(verdict=Verdict.APPROVE, reviewer="dana", reason=act.reason, task=act.decide)
                await until(partial(self._decided, approval), bool)
                continue
            await self.handle.signal("event", CloudEvent(id=uuid4().hex, type=act.event, data=act.data))

    async def _decided(self, approval: Decision) -> bool:
        """A query may show a task a moment before its opening is in the history: a decision then comes too early."""
        try:
            await self.handle.execute_update("decide", approval)
        except WorkflowUpdateFailedError as refused:
            if getattr(refused.cause, "type", "") != FailureCode.REVIEW_NOT_OPEN:
                raise
            return False
        return True

    async def ended(self, house: House) -> Ended:
        found = await _result(self.handle)
        applied = await until(lambda: self._applied(house), lambda applied: len(applied) >= self.case.effects)
        found.applied = applied
        found.steps = {step.step: step for step in (await record(self.handle)).steps}
        return found

    async def _applied(self, house: House) -> tuple[int, ...]:
        effects = (await house.effects())["effects"]
        return tuple(effect["applied"] for effect in effects if effect["key"].startswith(f"{self.handle.id}/"))


def _is_open(name: str, tasks: list[JsonObject]) -> bool:
    return any(task["task"] == name for task in tasks)


async def _result(handle: Handle) -> Ended:
    try:
        result = await handle.result()
        return Ended("completed", result.outputs, result.output)
    except WorkflowFailureError as error:
        if isinstance(error.cause, CancelledError):
            return Ended("cancelled", {})
        cause = cast("ApplicationError", error.cause)
        return Ended("failed", {}, letter=DeadLetter.model_validate(cause.details[0]))


async def held_run(house: House, case: PatternCase, pets: str) -> PatternRun:
    """Begun, and brought to where its worker is to be killed."""
    word = uuid4().hex[:10]
    fault = {"service": "orders", "operation": "reserveStock", "reference": f"{word}-{case.hold}"}
    number = await house.fault(**fault, hold=True, after_effect=True, times=1)
    given = read_pattern(FOLDER / case.file, pets)
    inputs: JsonObject = {"word": word, **case.given}
    if "pets" in cast("JsonObject", given["inputs"]):
        inputs["pets"] = pets
    run = PatternRun(case, await start(house, given, inputs, key=word))
    await run.act(case.before)
    await until(lambda: house.hits(number), lambda hits: hits == 1)
    return run


def read_pattern(file: Path, pets: str) -> JsonObject:
    """The definition; what it names of documents is frozen, as publishing does it, with where the service is."""
    text = file.read_bytes()
    documents = {name: replace(known, server=pets) for name, known in beside(file, text).items()}
    return with_documents(document(text.decode()), replace(CATALOGUE, documents=documents))


async def publish_instance(house: House) -> None:
    """What P12 starts runs of."""
    text = (FOLDER / "workflow" / "one-instance.yaml").read_text(encoding="utf-8")
    given = document(text)
    publication = Publication(document=given, source=text, digest=digest(given), by="kim")
    await Definitions(house.client).publish("one-instance", publication)


@asynccontextmanager
async def pet_store() -> AsyncGenerator[str]:
    """A service that answers as the CTK's scenarios want, one request a connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status, body = _answer(head.split(" ", 2)[1], head)
        lines = (f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(body)}")
        writer.write("\r\n".join([*lines, "Connection: close", "", body]).encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _answer(path: str, head: str) -> tuple[int, str]:
    token = b64encode(f"conformance:{PASSWORD}".encode()).decode()
    if path == "/basic-auth/conformance":
        return (200, "{}") if f"basic {token}".lower() in head.lower() else (401, "{}")
    if path == "/pet/findByStatus?status=available":
        return 200, PETS
    name = path.removeprefix("/pet/")
    return (200, ONE % name) if name.isdecimal() else (404, "{}")
