"""Calls of a run that wait for their turn at places with limits: what is known of those places, and who waits."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from temporalio import workflow
from temporalio.exceptions import FailureError

from towpath.contracts.core.failure import CallFailedError, Failure, FailureCode
from towpath.contracts.core.quota import (
    LEAVE_LINE,
    QUOTA,
    YOUR_TURN,
    JoinLine,
    LinePlace,
    TurnEnded,
    in_words,
)
from towpath.contracts.core.run import Waiting
from workflows.kit.options import Work

OF_RUN = "turns of calls"
ASKED_AGAIN = timedelta(minutes=1)
"""A call in line asks for its place anew: a record may have lost it, or it stands beyond what a record keeps."""


@dataclass(frozen=True, slots=True)
class LimitedPlace:
    """Where a call is made, as its refusal said."""

    name: str
    queue: str
    has_line: bool
    is_paced: bool
    tokens: int

    @classmethod
    def of(cls, refused: Failure) -> "LimitedPlace":
        told = refused.evidence
        return cls(
            str(told["place"]), str(told["queue"]), bool(told["line"]), bool(told["paced"]), int(told["tokens"] or 0)
        )


class WaitingCalls:
    """Of one run."""

    def __init__(self) -> None:
        self._places: dict[str, LimitedPlace] = {}
        self._granted: set[str] = set()
        workflow.set_signal_handler(YOUR_TURN, self._hear)

    def place_of(self, name: str) -> LimitedPlace | None:
        """Where the call is made, if another call of its step was told."""
        return self._places.get(_step(name))

    def learn(self, name: str, place: LimitedPlace) -> None:
        """Calls of one step go one way. One that asks for tokens has to say how many, and is asked each time."""
        if not place.tokens:
            self._places[_step(name)] = place

    async def wait(
        self,
        place: LimitedPlace,
        name: str,
        work: Work,
        until: datetime | None,
        ask: Callable[[JoinLine], Awaitable[LinePlace]],
    ) -> None:
        """Until it is the call's turn. Raises CallFailedError when the time is over before that: nothing was sent."""
        call = f"{workflow.info().run_id}/{name}"
        self._granted.discard(call)
        wanted = JoinLine(place=place.name, call=name, group=work.terms.group, tokens=place.tokens)
        in_time = False
        try:
            in_time = await self._stand(place, wanted, call, work, until, ask)
        finally:
            if not in_time:
                await _leave(place, call)
        if not in_time:
            raise CallFailedError(late(place.name))

    async def _stand(
        self,
        place: LimitedPlace,
        wanted: JoinLine,
        call: str,
        work: Work,
        until: datetime | None,
        ask: Callable[[JoinLine], Awaitable[LinePlace]],
    ) -> bool:
        """Whether the call's turn came in time."""
        while True:
            found = await ask(wanted)
            if found.granted:
                return True
            left = ASKED_AGAIN if until is None else min(until - workflow.now(), ASKED_AGAIN)
            if left <= timedelta():
                return False
            where = f", {ordinal(found.ahead + 1)} in line"
            with work.terms.waits(wanted.call, waiting(place, where)), suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: call in self._granted, timeout=left, timeout_summary=f"{wanted.call}: its turn"
                )
            if call in self._granted:
                return True

    def _hear(self, call: str) -> None:
        self._granted.add(call)


def turns() -> WaitingCalls:
    """Of the run that asks, from the first refusal on."""
    kept = cast("dict[str, Any]", vars(workflow.instance()))
    if OF_RUN not in kept:
        kept[OF_RUN] = WaitingCalls()
    return cast("WaitingCalls", kept[OF_RUN])


def known_place(name: str) -> LimitedPlace | None:
    """Where a call is made that is not an ordinary one, as far as the run was told."""
    kept = cast("dict[str, Any]", vars(workflow.instance()))
    return cast("WaitingCalls", kept[OF_RUN]).place_of(name) if OF_RUN in kept else None


def waiting(place: LimitedPlace, where: str = "") -> Waiting:
    return Waiting(what=f"quota of {in_words(place.name)}{where}", who="its limits", until=None)


def late(place: str) -> Failure:
    """The time of a call was over before its turn came."""
    message = f"it was not sent in time: it waited for the quota of {in_words(place)}"
    return Failure(code=FailureCode.STEP_TIMEOUT, message=message, retryable=True)


def ordinal(number: int) -> str:
    last = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{last}"


async def _leave(place: LimitedPlace, call: str) -> None:
    """Out of the line. What a record does not hear ends with its time."""
    if workflow.in_workflow():
        record = workflow.get_external_workflow_handle(f"{QUOTA}/{place.name}")
        with suppress(FailureError):
            await record.signal(LEAVE_LINE, TurnEnded(call=call, tokens=0))


def _step(name: str) -> str:
    return name.partition("/")[0].partition("#")[0]
