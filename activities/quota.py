"""Turns at places with limits: asked for before a call leaves, and the activity by which a run stands in line."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Protocol

from temporalio import activity
from temporalio.client import Client

from towpath.contracts.core.failure import FailureCode, QuotaError
from towpath.contracts.core.quota import JoinLine, LinePlace, Quota, TurnQuestion, TurnRequest

KEPT_SECONDS = 60.0
"""How long a turn waits for its call, beside what the rate of its place may take."""
LEASE_MARGIN = timedelta(seconds=10)
"""A turn outlasts the attempt that holds it, whose worker may have died."""


class Records(Protocol):
    """The records of turns."""

    async def ask(self, place: str, question: TurnQuestion) -> LinePlace:
        """Raises QuotaError."""
        ...


class Quotas:
    """The limits that this worker keeps, by place. Implements `TurnKeeper`, within activities."""

    def __init__(self, quotas: Mapping[str, Quota], records: Callable[[Client], Records]) -> None:
        self.quotas = quotas
        self._open = records
        self._opened: Records | None = None

    @asynccontextmanager
    async def turn(self, place: str) -> AsyncGenerator[None]:
        """Around one call. Raises QuotaError, so that the run sends it to the queue of its place, or waits in line."""
        quota = self.quotas.get(place)
        if quota is None:
            yield
            return
        if activity.info().task_queue != quota.queue:
            raise _refused(quota, "its calls are made on a queue of their own")
        if not quota.has_line:
            yield
            return
        spent = Spent()
        async with self.held(quota, 0, spent):
            yield

    @asynccontextmanager
    async def held(self, quota: Quota, tokens: int, spent: "Spent") -> AsyncGenerator[None]:
        """A turn of its line, given back with what was spent. Raises QuotaError."""
        records, call = self._records(), _call(activity.info().activity_id)
        turn = _request(quota, call, tokens, _lease().total_seconds())
        turn = turn.model_copy(update={"attempt": activity.info().attempt})
        found = await records.ask(quota.place, TurnQuestion(verb="take", request=turn))
        if not found.granted:
            raise _refused(quota, "others have its turns", tokens)
        try:
            yield
        finally:
            over = TurnQuestion(verb="leave", request=turn, used=spent.tokens)
            await _to_its_end(records.ask(quota.place, over))

    async def join(self, request: JoinLine) -> LinePlace:
        """A place in line for a call of the run; where nothing is limited any more, its turn."""
        quota = self.quotas.get(request.place)
        if quota is None or not quota.has_line:
            return LinePlace(granted=True)
        pace = 0.0 if not quota.rps or quota.concurrent is None else quota.concurrent / quota.rps
        turn = _request(quota, _call(request.call), request.tokens, KEPT_SECONDS + pace, request.group)
        return await self._records().ask(quota.place, TurnQuestion(verb="join", request=turn))

    def _records(self) -> Records:
        """One for all calls: what they ask at one moment, it asks at once."""
        if self._opened is None:
            self._opened = self._open(activity.client())
        return self._opened


class Spent:
    """What a call used; None is all that it asked for."""

    tokens: int | None = None


class QuotaActivities:
    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas

    @activity.defn(name="join_line")
    async def join_line(self, request: JoinLine) -> LinePlace:
        """Raises QuotaError."""
        return await self._quotas.join(request)


def _request(quota: Quota, call: str, tokens: int, seconds: float, group: str = "") -> TurnRequest:
    info = activity.info()
    return TurnRequest(
        call=call,
        workflow_id=str(info.workflow_id),
        run_id=str(info.workflow_run_id),
        group=group,
        tokens=tokens,
        concurrent=quota.concurrent,
        tokens_per_min=quota.tokens_per_min,
        seconds=seconds,
    )


def _call(name: str) -> str:
    """A call of the run, as records know it."""
    return f"{activity.info().workflow_run_id}/{name}"


def _lease() -> timedelta:
    return (activity.info().start_to_close_timeout or timedelta(minutes=5)) + LEASE_MARGIN


def _refused(quota: Quota, why: str, tokens: int = 0) -> QuotaError:
    """What the run is told: where the call is to be made, and whether it waits in line first."""
    evidence = {"place": quota.place, "queue": quota.queue, "line": int(quota.has_line)}
    evidence |= {"paced": int(quota.rps is not None), "tokens": tokens}
    return QuotaError(FailureCode.QUOTA_TURN, f"{quota.in_words}: {why}", evidence=evidence, sent=False)


async def _to_its_end(work: Coroutine[Any, Any, LinePlace]) -> None:
    """A cancellation does not keep a turn from being given back; one that nobody hears of ends with its time."""
    giving = asyncio.ensure_future(work)
    try:
        await asyncio.shield(giving)
    except QuotaError as error:
        activity.logger.warning("a turn is not given back before its time is over: %s", error.code)
