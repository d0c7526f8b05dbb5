"""Definitions whose effects really leave: over HTTP to receivers that keep what came, counted by their own code."""

import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
from pydantic import JsonValue
from temporalio import activity
from temporalio.testing import WorkflowEnvironment

from activities.functions import FunctionActivities
from activities.http import HttpActivities
from activities.operations import OperationActivities
from activities.services import ServiceActivities
from tests.fakes.services import FakeServices
from tests.timeskip.declared import Runs, serve
from towpath.config.connections import Connection, Connections
from towpath.config.secrets import Secrets
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import Emission, EmitEvent, EventReceivers, FindDefinition, FoundDefinition
from towpath.control.definitions import make_request
from towpath.engine.checks.loading import digest
from towpath.engine.language.source import read_source
from towpath.functions.registry import StepFunction, registered, step_function
from towpath.integrations.http.guarded_http import GuardedHttp
from towpath.integrations.http.operations import OperationClient
from towpath.integrations.http.services import ServiceClient, ServiceEndpoint

CANARY, PIN = "canary-4d0f7e", "4711"
SECRETS = {"CANARY": CANARY, "PIN": PIN}
BASE = "https://receiver.example"
CHILD = """
id: child
version: "1.0.0"
inputs: {value: {}}
steps: [{id: hold, type: set, config: {value: "{{ inputs.value }}"}}]
"""


@dataclass
class Receivers(FakeServices):
    """What arrived, in order, as JSON. `answer` is what `/answer` says; all else is answered with what was sent."""

    arrived: list[JsonValue] = field(default_factory=list[JsonValue])
    answer: JsonValue = None

    def activities(self) -> Sequence[Callable[..., Any]]:
        secrets = Secrets(SECRETS)
        client = httpx.AsyncClient(transport=httpx.MockTransport(self.serve))
        places = Connections({"receiver": Connection(name="receiver", hosts=("receiver.example",))})
        guarded = GuardedHttp(places, secrets, transport=lambda _: httpx.MockTransport(self.serve))
        own = (
            HttpActivities(guarded).http_request,
            ServiceActivities(ServiceClient(client, {"crm": ServiceEndpoint(BASE)}), secrets).call_service,
            FunctionActivities(secrets).call_function,
            OperationActivities(OperationClient(guarded, secrets)).call_operation,
            self.find_definition,
            self.emit_event,
        )
        names = {one.__name__ for one in own}
        return (*(one for one in super().activities() if one.__name__ not in names), *own)

    @activity.defn(name="find_definition")
    async def find_definition(self, request: FindDefinition) -> FoundDefinition:
        document = read_source(CHILD).value
        return FoundDefinition(request=make_request(document, digest(document), request.inputs))

    @activity.defn(name="emit_event")
    async def emit_event(self, request: EmitEvent) -> Emission:
        self.arrived.append({"event": request.event.model_dump(mode="json")})
        return Emission(delivered=EventReceivers.of([]), started=EventReceivers.of([]))

    def serve(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/answer":
            return httpx.Response(200, json=self.answer)
        token = request.headers.get("authorization")
        headers: JsonObject = {} if token is None else {"authorization": token}
        sent = json.loads(request.content) if request.content else None
        path, query = request.url.path, cast("JsonObject", dict(request.url.params))
        self.arrived.append({"path": path, "query": query, "headers": headers, "body": sent})
        if path == "/lost":
            raise httpx.ReadTimeout("lost", request=request)
        if path.startswith("/customers"):
            return httpx.Response(200, json={"update_id": "u-1"})
        return httpx.Response(200, json=sent)

    def everything(self) -> list[JsonValue]:
        """What arrived anywhere: at the fake house, too, whose channels take no secret."""
        return [*self.arrived, *(request.model_dump(mode="json") for _, request in self.house.calls)]


@dataclass(frozen=True)
class Served:
    runs: Runs
    receivers: Receivers


async def give_back(receivers: Receivers, value: JsonValue, pin: str, name: str) -> JsonValue:
    receivers.arrived.append({"function": "giveBack", "value": value, "pin": pin})
    return {"value": value, "pin": pin, "name": name, "told": f"the pin {pin} of {name}"}


@asynccontextmanager
async def receiving(env: WorkflowEnvironment, receivers: Receivers | None = None) -> AsyncGenerator[Served]:
    """A worker whose library has two more functions: `giveBack` and `breakOff`, which tells its pin when it fails."""
    found = receivers or Receivers()
    with _library(found):
        async with serve(env, found) as runs:
            yield Served(runs, found)


@contextmanager
def _library(receivers: Receivers) -> Generator[None]:
    @step_function("giveBack")
    async def give(value: JsonValue = None, pin: str = "", name: str = "") -> JsonValue:
        return await give_back(receivers, value, pin, name)

    @step_function("breakOff")
    async def break_off(pin: str) -> None:
        raise ValueError(f"the pin {pin} is wrong")

    assert callable(give) and callable(break_off)
    try:
        yield
    finally:
        known = cast("dict[str, StepFunction]", registered())
        for name in ("giveBack", "breakOff"):
            del known[name]


def labelled(values: JsonValue) -> dict[str, list[str]]:
    """What stands beside each `door` in some values, wherever it is, also in JSON that is a text: to be compared."""
    found: dict[str, list[str]] = {}
    for given in inside(values):
        value: JsonValue = json.loads(given) if isinstance(given, str) and '"door":' in given else given
        if isinstance(value, dict) and "door" in value:
            found.setdefault(str(value["door"]), []).append(as_compared(value.get("data")))
    return found


def as_compared(value: JsonValue) -> str:
    """1 and 1.0 and true are three values, the order of names is none."""
    return json.dumps(value, sort_keys=True)


def inside(value: JsonValue) -> Iterator[JsonValue]:
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from inside(one)


def texts_with(values: JsonValue, secret: str) -> Counter[str]:
    """Texts and names that hold a secret."""
    found: Counter[str] = Counter()
    for value in inside(values):
        for text in [value] if isinstance(value, str) else value if isinstance(value, dict) else ():
            found.update([text] if secret in text else ())
    return found
