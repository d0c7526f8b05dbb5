"""A receiver that is strict about keys: the same key with other bytes is refused with 422, and remembered."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from temporalio import activity

from tests.fakes.house import FakeHouse
from tests.fakes.services import FakeServices
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.wire import Wire
from towpath.contracts.declared.http_call import HttpAnswer, HttpRequest, OperationCall
from towpath.contracts.declared.run import CallAnswer, FunctionCall, ServiceCall
from towpath.engine.run.effects import READING

Fault = Literal["refused", "lost", "unavailable"]
VARIANT = re.compile(r"/[0-9a-f]{12}$")
FAULTS: tuple[Fault, ...] = ("refused", "lost", "unavailable")


@dataclass
class StrictReceiver:
    """`faults[part of a key]` come in turn; `applied` counts effects by key, `conflicts` are keys with two bodies.

    `twice` are effects under another key while that of the same place stands: nothing has undone it.
    """

    faults: dict[str, list[Fault]] = field(default_factory=dict[str, list[Fault]])
    bodies: dict[str, str] = field(default_factory=dict[str, str])
    applied: Counter[str] = field(default_factory=Counter[str])
    requests: Counter[str] = field(default_factory=Counter[str])
    conflicts: list[str] = field(default_factory=list[str])
    twice: list[str] = field(default_factory=list[str])
    standing: dict[str, str] = field(default_factory=dict[str, str])

    def take(self, request: Wire) -> None:
        """Raises HouseError for a fault, and for a key that has come with other bytes."""
        key, body = str(vars(request)["key"]), request.model_dump_json()
        self.requests[key] += 1
        if self.bodies.setdefault(key, body) != body:
            self.conflicts.append(f"{key}\n  {self.bodies[key]}\n  {body}")
            raise HouseError(FailureCode.SERVICE_REFUSED, "422 key_reused")
        fault = self._fault(key)
        if fault == "refused":
            raise HouseError(FailureCode.SERVICE_REFUSED, "400 not now")
        if fault == "unavailable":
            raise HouseError(FailureCode.SERVICE_UNAVAILABLE, "connection refused", sent=False)
        if isinstance(request, HttpRequest) and request.method in READING:
            return
        self._apply(key)
        if fault == "lost":
            raise HouseError(FailureCode.SERVICE_UNAVAILABLE, "the answer was lost", sent=True)

    def _apply(self, key: str) -> None:
        self.applied[key] = 1
        step, undo, _ = key.partition("/undo/")
        if undo:
            step = VARIANT.sub("", step)
            for place in [place for place in self.standing if f"{place}/".startswith(f"{step}/")]:
                del self.standing[place]
            return
        place = VARIANT.sub("", key)
        if self.standing.setdefault(place, key) != key:
            self.twice.append(key)

    def _fault(self, key: str) -> Fault | None:
        for part, faults in self.faults.items():
            if part in key and faults:
                return faults.pop(0)
        return None

    def keys(self, part: str) -> list[str]:
        return [key for key in self.bodies if part in key]


@dataclass
class StrictHouse(FakeHouse):
    receiver: StrictReceiver = field(default_factory=StrictReceiver)

    async def enter(self, name: str, request: Wire) -> None:
        await super().enter(name, request)
        if "key" in vars(request):
            self.receiver.take(request)


class StrictServices(FakeServices):
    """All activities of definitions in front of one strict receiver."""

    def __init__(self) -> None:
        self.receiver = StrictReceiver()
        super().__init__(house=StrictHouse(receiver=self.receiver))

    @activity.defn(name="call_service")
    async def call_service(self, request: ServiceCall) -> CallAnswer:
        self.receiver.take(request)
        return await super().call_service(request)

    @activity.defn(name="call_function")
    async def call_function(self, request: FunctionCall) -> CallAnswer:
        self.receiver.take(request)
        return await super().call_function(request)

    @activity.defn(name="call_operation")
    async def call_operation(self, request: OperationCall) -> CallAnswer:
        self.receiver.take(request)
        return await super().call_operation(request)

    @activity.defn(name="http_request")
    async def http_request(self, request: HttpRequest) -> HttpAnswer:
        self.receiver.take(request)
        return await super().http_request(request)


def given(count: int, name: str) -> list[Any]:
    """Answers that differ from each other: what is done again has another output."""
    return [{"id": f"{name}-{number}"} for number in range(count)]
