"""Lifecycle events on the wire: CloudEvents in structured JSON, in order; failures by what can be done about them."""

import json
from datetime import UTC, datetime

import httpx
import pytest

from towpath.contracts.core.failure import DeliveryError, FailureCode
from towpath.contracts.declared.run import CloudEvent
from towpath.integrations.channels.sinks import Sinks

EVENTS = [
    CloudEvent(
        id=f"run:{number}",
        type="workflow.started",
        source="towpath/tried",
        subject="tried/1",
        time=datetime(2026, 3, 1, 12, tzinfo=UTC),
        data={"number": number},
    )
    for number in (1, 2)
]


def sinks(status: int, taken: list[httpx.Request]) -> Sinks:
    def answer(request: httpx.Request) -> httpx.Response:
        taken.append(request)
        return httpx.Response(status)

    return Sinks(httpx.AsyncClient(transport=httpx.MockTransport(answer)), {"audit": "https://events.example/in"})


async def test_events_are_posted_in_order() -> None:
    """One request an event, with what CloudEvents 1.0 wants of structured mode, and the id that makes it idempotent."""
    taken: list[httpx.Request] = []

    assert await sinks(202, taken).deliver(["audit"], EVENTS) == 2
    bodies = [json.loads(request.content) for request in taken]
    assert {request.headers["content-type"] for request in taken} == {"application/cloudevents+json; charset=utf-8"}
    assert [(body["specversion"], body["id"], body["source"], body["type"]) for body in bodies] == [
        ("1.0", "run:1", "towpath/tried", "workflow.started"),
        ("1.0", "run:2", "towpath/tried", "workflow.started"),
    ]
    assert bodies[0]["time"] == "2026-03-01T12:00:00Z"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, FailureCode.DELIVERY_UNAVAILABLE),
        (429, FailureCode.DELIVERY_UNAVAILABLE),
        (400, FailureCode.DELIVERY_REFUSED),
        (302, FailureCode.DELIVERY_REFUSED),
    ],
)
async def test_a_refusal_stops_the_batch(status: int, code: FailureCode) -> None:
    """The first event that is not taken ends the delivery; a retry keeps the order. Redirects are not followed."""
    taken: list[httpx.Request] = []
    with pytest.raises(DeliveryError) as refused:
        await sinks(status, taken).deliver(["audit"], EVENTS)

    assert refused.value.code is code and len(taken) == 1


async def test_unknown_sink_is_named() -> None:
    """A sink that this worker has not is refused for good."""
    with pytest.raises(DeliveryError, match="'nowhere'"):
        await sinks(202, []).deliver(["nowhere"], EVENTS)
