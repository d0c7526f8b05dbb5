"""Whose turn it is at a place with limits: calls at once, tokens a minute, and groups of calls that take turns.

A turn is held until the call ends, or until its time is over: nothing that died keeps one for ever. Groups take turns
by start-time fair queuing: each call begins, in the time of the line, where the one before it of its group ended.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from towpath.contracts.core.quota import (
    HeldTurn,
    LineRecord,
    SpentTokens,
    Ticket,
    TurnEnded,
    TurnRequest,
)

MINUTE = timedelta(minutes=1)
MOST = 2_000
"""Calls that stand in a line. What comes beyond asks again: the record stays within what Temporal carries."""


class WaitingLine:
    """The record of one place, changed by what is asked of it."""

    def __init__(self, record: LineRecord) -> None:
        self.record = record

    def join(self, request: TurnRequest, now: datetime) -> None:
        """A place in the line, which `settle` gives its turn. Asked again, the call keeps what it has."""
        self._learn(request, now)
        if not self.is_held(request.call) and not self._waits(request.call) and len(self.record.waiting) < MOST:
            self._append(request)

    def take(self, request: TurnRequest, now: datetime) -> bool:
        """The call is about to be sent: whether it has its turn, or gets it, since nobody waits. It holds it anew."""
        self._learn(request, now)
        held = next((turn for turn in self.record.held if turn.call == request.call), None)
        if held is None and (self.record.waiting or not self._has_room(request.tokens, now)):
            return False
        self._drop(request.call)
        self._hold(request, now)
        return True

    def leave(self, ended: TurnEnded, now: datetime) -> None:
        held = next((turn for turn in self.record.held if turn.call == ended.call), None)
        if held is not None and ended.attempt and held.attempt != ended.attempt:
            return
        self._drop(ended.call)
        waiting = tuple(ticket for ticket in self.record.waiting if ticket.request.call != ended.call)
        used = 0 if held is None else held.tokens if ended.tokens is None else ended.tokens
        spent = (*self.record.spent, SpentTokens(at=now, tokens=used)) if used else self.record.spent
        self._keep(waiting=waiting, spent=spent)

    def settle(self, now: datetime) -> list[TurnRequest]:
        """Give the turns that are free to those who waited; who got one."""
        self._forget(now)
        granted: list[TurnRequest] = []
        while self.record.waiting:
            first = min(self.record.waiting, key=_order)
            if not self._has_room(first.request.tokens, now):
                break
            self._keep(waiting=tuple(ticket for ticket in self.record.waiting if ticket is not first))
            self._keep(clock=max(self.record.clock, first.start))
            self._hold(first.request, now)
            granted.append(first.request)
        if not self.record.waiting:
            self._keep(groups={}, clock=0.0)
        return granted

    def is_held(self, call: str) -> bool:
        return any(turn.call == call for turn in self.record.held)

    def ahead(self, call: str) -> int:
        """How many go before the call; all that wait, when it is not in the line."""
        own = next((ticket for ticket in self.record.waiting if ticket.request.call == call), None)
        if own is None:
            return 0 if self.is_held(call) else len(self.record.waiting)
        return sum(_order(ticket) < _order(own) for ticket in self.record.waiting)

    def next_change(self, now: datetime) -> timedelta | None:
        """When time alone may give somebody a turn; None while nobody waits."""
        if not self.record.waiting:
            return None
        moments = [turn.until for turn in self.record.held]
        moments += [entry.at + MINUTE for entry in self.record.spent]
        return max(min(moments) - now, timedelta()) if moments else MINUTE

    def _learn(self, request: TurnRequest, now: datetime) -> None:
        """The limits are those of the worker that asked last."""
        self._keep(concurrent=request.concurrent, tokens_per_min=request.tokens_per_min)
        self._forget(now)

    def _forget(self, now: datetime) -> None:
        """Turns whose time is over end with all their tokens; what was used a minute ago counts no more."""
        over = [turn for turn in self.record.held if turn.until <= now]
        spent = [*self.record.spent, *(SpentTokens(at=turn.until, tokens=turn.tokens) for turn in over if turn.tokens)]
        self._keep(
            held=tuple(turn for turn in self.record.held if turn.until > now),
            spent=tuple(entry for entry in spent if entry.at + MINUTE > now),
        )

    def _append(self, request: TurnRequest) -> None:
        start = max(self.record.clock, self.record.groups.get(request.group, 0.0))
        groups = {name: end for name, end in self.record.groups.items() if end > self.record.clock}
        ticket = Ticket(request=request, start=start, number=self.record.numbers)
        self._keep(
            waiting=(*self.record.waiting, ticket),
            groups={**groups, request.group: start + 1},
            numbers=self.record.numbers + 1,
        )

    def _has_room(self, tokens: int, now: datetime) -> bool:
        """A call that asks for more tokens than a minute has goes when nothing else counts."""
        most, each = self.record.tokens_per_min, self.record.concurrent
        if each is not None and len(self.record.held) >= each:
            return False
        used = _tokens(self.record.held) + _tokens(entry for entry in self.record.spent if entry.at + MINUTE > now)
        return most is None or used == 0 or used + tokens <= most

    def _hold(self, request: TurnRequest, now: datetime) -> None:
        until = now + timedelta(seconds=request.seconds)
        turn = HeldTurn(call=request.call, tokens=request.tokens, until=until, attempt=request.attempt)
        self._keep(held=(*self.record.held, turn))

    def _waits(self, call: str) -> bool:
        return any(ticket.request.call == call for ticket in self.record.waiting)

    def _drop(self, call: str) -> None:
        self._keep(held=tuple(turn for turn in self.record.held if turn.call != call))

    def _keep(self, **fields: object) -> None:
        self.record = self.record.model_copy(update=fields)


def _order(ticket: Ticket) -> tuple[float, int]:
    return ticket.start, ticket.number


def _tokens(entries: Iterable[HeldTurn | SpentTokens]) -> int:
    return sum(entry.tokens for entry in entries)
