"""Gathers the short calls that a run makes at one moment into one activity, and brings each its own outcome.

The run's tasks go on until all of them wait; then what they want called is sent to the server as one ordinary activity,
in the order in which they asked. A single call is left to go by itself.
"""

import asyncio
from collections import Counter
from collections.abc import Container, Coroutine, Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError
from temporalio.workflow import ActivityCancellationType

from activities.batch import BatchActivities
from towpath.contracts.core.batch import CALLS_ENDED, UNWANTED_CALLS, BatchedCall, CallBatch, CallOutcome, CallsReport
from towpath.temporal.failures import failure_of
from workflows.kit.options import HEARD

MOST = 16
"""Calls in one batch. Another one is begun for more: a worker's slots, and what a crash repeats, stay bounded."""
MARGIN = timedelta(seconds=10)
"""What a batch may take beyond the longest of its calls."""
RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_attempts=3)
"""For a batch whose worker died: what a call raises is its outcome, and no reason to repeat the others."""
OF_RUN = "batches of calls"
NAMED = 3
"""So many calls are named in the id and the summary of their batch."""


class _Entry:
    """One call, what people read of it, and its outcome to come: None tells it to go by itself."""

    def __init__(self, call: BatchedCall, summary: str) -> None:
        self.call = call
        self.summary = summary
        self.ended: asyncio.Future[CallOutcome | None] = asyncio.get_running_loop().create_future()

    def end(self, outcome: CallOutcome | None) -> None:
        if not self.ended.done():
            self.ended.set_result(outcome)


class _Batch:
    """Calls that are under way together. `activity` is None before it is asked for."""

    def __init__(self, entries: Sequence[_Entry], name: str, number: int) -> None:
        self.entries = entries
        self.number = number
        self.id = name
        self.unwanted: list[str] = []
        self.activity: workflow.ActivityHandle[CallsReport] | None = None

    def end(self, report: CallsReport) -> None:
        ended = {outcome.id: outcome for outcome in report.outcomes}
        for entry in self.entries:
            if entry.call.id in ended:
                entry.end(ended[entry.call.id])

    def cancel(self, entry: _Entry) -> None:
        """The activity asks which calls are meant: see `Batches._unwanted`."""
        self.unwanted.append(entry.call.id)
        if self.activity is not None:
            self.activity.cancel()


class Batches:
    """The batches of one run."""

    def __init__(self) -> None:
        self._gathering: list[_Entry] = []
        self._open: dict[str, _Batch] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._names: set[str] = set()
        self._begun = 0
        workflow.set_signal_handler(CALLS_ENDED, self._hear)
        workflow.set_query_handler(UNWANTED_CALLS, self._unwanted)

    @contextmanager
    def distinct(self, name: str) -> Generator[str]:
        """An id for a call that no other open one has: Temporal refuses a second one, and the run would stand still."""
        found = _unused(name, self._names)
        self._names.add(found)
        try:
            yield found
        finally:
            self._names.discard(found)

    async def attempt(self, call: BatchedCall, summary: str) -> CallOutcome | None:
        """How the first attempt ended; None when the call is the only one of this moment, and was not made.

        A cancellation ends this call alone; it passes when the call was not made yet, else its outcome tells.
        """
        entry = _Entry(call, summary)
        if not self._gathering:
            self._in_background(self._send())
        self._gathering.append(entry)
        try:
            return await asyncio.shield(entry.ended)
        except asyncio.CancelledError:
            if entry in self._gathering:
                self._gathering.remove(entry)
                raise
            batch = next((found for found in self._open.values() if entry in found.entries), None)
            if batch is None:
                raise
            batch.cancel(entry)
        return await _whatever_happens(entry.ended)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self) -> None:
        """What is gathered, once every task of the run waits."""
        count = 0
        while count != len(self._gathering):
            count = len(self._gathering)
            await workflow.wait_condition(lambda: True)
        entries, self._gathering = self._gathering, []
        for first in range(0, len(entries), MOST):
            self._begin(entries[first : first + MOST])

    def _begin(self, entries: Sequence[_Entry]) -> None:
        if len(entries) == 1:
            entries[0].end(None)
            return
        # The calls that are named may have ended, and be made again, while another one goes on.
        name = _unused(_named((entry.call.id for entry in entries), under="/", again="+", mark="+"), self._open)
        self._begun += 1
        batch = _Batch(entries, name, self._begun)
        self._open[batch.id] = batch
        batch.activity = workflow.start_activity_method(
            BatchActivities.perform_calls,
            CallBatch(number=batch.number, calls=tuple(entry.call for entry in entries)),
            activity_id=batch.id,
            summary=_named((entry.summary for entry in entries), under=": ", again=", ", mark=" · "),
            start_to_close_timeout=timedelta(seconds=max(entry.call.seconds for entry in entries)) + MARGIN,
            heartbeat_timeout=HEARD,
            retry_policy=RETRY,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        self._in_background(self._follow(batch, batch.activity))

    async def _follow(self, batch: _Batch, activity: "workflow.ActivityHandle[CallsReport]") -> None:
        try:
            report = await activity
        except FailureError as error:
            self._lose(batch, error)
        else:
            batch.end(report)
        finally:
            del self._open[batch.id]
            # What has no outcome now is of a run that leaves its worker's memory: nobody is to wait on.
            for entry in batch.entries:
                entry.ended.cancel()

    def _lose(self, batch: _Batch, error: FailureError) -> None:
        """The batch has no result. A call of it may have had its effect; what is wanted of it goes on by itself."""
        failure = failure_of(error).model_copy(update={"unknown": True, "retryable": True})
        for entry in batch.entries:
            if entry.call.id in batch.unwanted:
                entry.end(CallOutcome(id=entry.call.id))
            else:
                entry.end(CallOutcome(id=entry.call.id, failure=failure))

    def _hear(self, report: CallsReport) -> None:
        """Calls have ended while their batch goes on."""
        batch = self._of(report.number)
        if batch is not None:
            batch.end(report)

    def _unwanted(self, number: int) -> list[str]:
        batch = self._of(number)
        return [] if batch is None else batch.unwanted

    def _of(self, number: int) -> _Batch | None:
        return next((batch for batch in self._open.values() if batch.number == number), None)


def batches() -> Batches:
    """The batches of the run that asks. They live with its workflow object, of whatever class that is."""
    kept = cast("dict[str, Any]", vars(workflow.instance()))
    if OF_RUN not in kept:
        kept[OF_RUN] = Batches()
    return cast("Batches", kept[OF_RUN])


async def _whatever_happens(ended: "asyncio.Future[CallOutcome | None]") -> CallOutcome | None:
    """The result, however often the waiting is cancelled."""
    while True:
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            if ended.cancelled():
                raise


def _unused(name: str, taken: Container[str]) -> str:
    count, found = 1, name
    while found in taken:
        count += 1
        found = f"{name}#{count}"
    return found


def _named(names: Iterable[str], *, under: str, again: str, mark: str) -> str:
    """The first names. One that is there several times has its number; a common head, up to `under`, is said once."""
    counts = Counter(names)
    shown, last = "", None
    for name, count in list(counts.items())[:NAMED]:
        head, found, tail = name.rpartition(under)
        same = bool(found) and head == last
        shown += ((again if same else mark) if shown else "") + (tail if same else name)
        shown += f" ({count} times)" if count > 1 else ""
        last = head
    more = counts.total() - sum(list(counts.values())[:NAMED])
    return shown + (f"{mark}{more} more" if more else "")
