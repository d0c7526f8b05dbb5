"""Activities of definitions as one fake beside the house: answers at once, remembers, fails on request."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity

from tests.fakes.house import FakeHouse
from towpath.contracts.core.failure import HouseError
from towpath.contracts.declared.http_call import HttpAnswer, HttpRequest, OperationCall
from towpath.contracts.declared.run import (
    CallAnswer,
    CloudEvent,
    EventsDelivered,
    FunctionCall,
    LifecycleEvents,
    ServiceCall,
)


@dataclass
class FakeServices:
    """`answers[operation]` are given in turn, the last one again and again; a HouseError is raised, an asyncio.Event is
    waited for.
    """

    house: FakeHouse = field(default_factory=FakeHouse)
    answers: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    calls: list[ServiceCall] = field(default_factory=list[ServiceCall])
    entered: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    functions: list[FunctionCall] = field(default_factory=list[FunctionCall])
    requests: list[HttpRequest] = field(default_factory=list[HttpRequest])
    events: list[CloudEvent] = field(default_factory=list[CloudEvent])

    def activities(self) -> Sequence[Callable[..., Any]]:
        return (*self.house.activities(), self.call_service, *self.calling(), self.deliver_events)

    def calling(self) -> Sequence[Callable[..., Any]]:
        return (self.call_function, self.http_request, self.call_operation)

    def operations(self) -> list[str]:
        return [call.operation for call in self.calls]

    def notices(self) -> list[tuple[str, str]]:
        """Team and title of every notice, in order."""
        return [(notice.team, notice.title) for notice in self.house.asked("notify_team")]

    @activity.defn(name="call_service")
    async def call_service(self, request: ServiceCall) -> CallAnswer:
        self.calls.append(request)
        self.house.see("call_service", request)
        self.entered[request.operation].set()
        answer = self._next(request.operation, {})
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            return CallAnswer(value={})
        return CallAnswer(value=answer)

    @activity.defn(name="call_function")
    async def call_function(self, request: FunctionCall) -> CallAnswer:
        self.functions.append(request)
        self.house.see("call_function", request)
        return CallAnswer(value=self._next(request.handler, {}))

    @activity.defn(name="http_request")
    async def http_request(self, request: HttpRequest) -> HttpAnswer:
        self.requests.append(request)
        self.house.see("http_request", request)
        return HttpAnswer(status=200, body=self._next("http", {}))

    @activity.defn(name="call_operation")
    async def call_operation(self, request: OperationCall) -> CallAnswer:
        self.house.see("call_operation", request)
        return CallAnswer(value=self._next(str(request.operation["operationId"]), {}))

    @activity.defn(name="deliver_events")
    async def deliver_events(self, request: LifecycleEvents) -> EventsDelivered:
        self.events.extend(request.events)
        return EventsDelivered(delivered=len(request.events))

    def _next(self, operation: str, otherwise: Any) -> Any:
        given = self.answers[operation]
        answer = otherwise if not given else given[0] if len(given) == 1 else given.pop(0)
        if isinstance(answer, HouseError):
            raise answer
        return answer
