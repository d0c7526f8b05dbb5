"""Failures on order: what tests and the demo let a service do wrong. Switched on by `--faults` only."""

import asyncio
import itertools
from dataclasses import dataclass, field, fields
from typing import Any

MAX_HOLD_SECONDS = 120


@dataclass(slots=True)
class Fault:
    """What goes wrong with a matching request, and how often (`times` None: until it is lifted).

    `after_effect`: the effect happens and only its answer is lost. `hold`: the request waits until the fault is lifted.
    """

    id: int
    service: str
    operation: str | None = None
    reference: str | None = None
    status: int | None = None
    code: str = "fault"
    retry_after: str | None = None
    drop: bool = False
    hold: bool = False
    after_effect: bool = False
    times: int | None = None
    hits: int = 0
    lifted: asyncio.Event = field(default_factory=asyncio.Event)

    def matches(self, service: str, operation: str, reference: str) -> bool:
        return (
            self.service == service
            and self.operation in {None, operation}
            and self.reference in {None, reference}
            and (self.times is None or self.hits < self.times)
        )

    async def held(self) -> None:
        await asyncio.wait_for(self.lifted.wait(), MAX_HOLD_SECONDS)


class Faults:
    """All orders of one process, oldest first: the first that matches is taken."""

    def __init__(self) -> None:
        self._orders: dict[int, Fault] = {}
        self._ids = itertools.count(1)

    def order(self, wanted: dict[str, Any]) -> Fault:
        """Raises TypeError for a field that a fault does not have."""
        fault = Fault(id=next(self._ids), **wanted)
        self._orders[fault.id] = fault
        return fault

    def lift(self, fault_id: int | None = None) -> None:
        """Lift one order, or all."""
        for found in [fault_id] if fault_id is not None else list(self._orders):
            fault = self._orders.pop(found, None)
            if fault is not None:
                fault.lifted.set()

    def take(self, service: str, operation: str, reference: str) -> Fault | None:
        for fault in self._orders.values():
            if fault.matches(service, operation, reference):
                fault.hits += 1
                return fault
        return None

    def as_json(self) -> list[dict[str, Any]]:
        """Those that are not lifted, the oldest first."""
        names = [each.name for each in fields(Fault) if each.name != "lifted"]
        return [{name: getattr(fault, name) for name in names} for fault in self._orders.values()]

    def hits(self) -> dict[int, int]:
        return {fault.id: fault.hits for fault in self._orders.values()}
