"""Failures on order: what tests let this Claude do wrong. Each order says which calls it hits, and how often.

Orders come from the stand-in's own control path, or from the one that all stand-ins of a process share.
"""

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from towpath.standins.faults import Fault, Faults

Kind = Literal[
    "status",
    "overloaded_midstream",
    "slow",
    "stall",
    "truncated",
    "not_json",
    "html",
    "too_long",
    "refusal",
    "max_tokens",
    "pause_turn",
    "pause_before_text",
    "bad_output",
    "unsupported_claims",
]
KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}
MAX_STALL_SECONDS = 120.0


class FaultOrder(BaseModel):
    """`match` is a part of what the user turns say, `times` None holds until lifted, `seconds` is for slow answers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Kind
    status: int = Field(default=500, ge=400, le=599)
    retry_after: str | int | None = None
    times: int | None = Field(default=None, ge=1)
    schema_title: str | None = None
    match: str | None = None
    seconds: float = Field(default=2.0, ge=0, le=MAX_STALL_SECONDS)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What goes wrong with one call."""

    kind: Kind
    lifted: asyncio.Event
    status: int = 500
    retry_after: str | None = None
    seconds: float = 2.0

    async def pause(self) -> None:
        """A stall ends when it is lifted, and a slow answer comes after its seconds; nothing else waits."""
        seconds = {"stall": MAX_STALL_SECONDS, "slow": self.seconds}.get(self.kind)
        if seconds is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await self.lifted.wait()
        except TimeoutError:
            return


@dataclass(slots=True)
class _Standing:
    order: FaultOrder
    hits: int = 0
    lifted: asyncio.Event = field(default_factory=asyncio.Event)

    def matches(self, title: str, text: str) -> bool:
        return (
            self.order.schema_title in {None, title}
            and (self.order.match is None or self.order.match in text)
            and (self.order.times is None or self.hits < self.order.times)
        )


class ClaudeFaults:
    """Own orders, oldest first, and after them the ones for `claude` among the shared orders."""

    def __init__(self, shared: Faults | None) -> None:
        self._shared = shared
        self._standing: dict[int, _Standing] = {}
        self._ids = itertools.count(1)

    def order(self, order: FaultOrder) -> int:
        number = next(self._ids)
        self._standing[number] = _Standing(order)
        return number

    def lift(self, number: int | None = None) -> None:
        """Lift one order, or all; what it holds goes on."""
        for found in [number] if number is not None else list(self._standing):
            standing = self._standing.pop(found, None)
            if standing is not None:
                standing.lifted.set()

    def take(self, title: str, text: str) -> Disturbance | None:
        for standing in self._standing.values():
            if standing.matches(title, text):
                standing.hits += 1
                return _ordered(standing)
        fault = None if self._shared is None else self._shared.take("claude", title, "")
        return None if fault is None else _from_shared(fault)

    def hits(self) -> dict[int, int]:
        return {number: standing.hits for number, standing in self._standing.items()}


def _ordered(standing: _Standing) -> Disturbance:
    order = standing.order
    after = None if order.retry_after is None else str(order.retry_after)
    return Disturbance(order.kind, standing.lifted, order.status, after, order.seconds)


def _from_shared(fault: Fault) -> Disturbance:
    """A shared order names the kind in `code`; `status`, `hold` and `drop` mean the same as for the other services."""
    if fault.status is None and fault.hold:
        return Disturbance("stall", fault.lifted)
    if fault.status is None and fault.drop:
        return Disturbance("truncated", fault.lifted)
    kind = KINDS.get(fault.code, "status") if fault.status is None else "status"
    return Disturbance(kind, fault.lifted, fault.status or 500, fault.retry_after)
