"""A step for each event that comes, a few at once, until one closes the loop or its time is over."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from pydantic import JsonValue
from temporalio import workflow

from towpath.contracts.declared.run import CloudEvent
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.steps import ForEach
from towpath.engine.run.actions import Outcome
from towpath.engine.run.awaited import AwaitedEvent, closes
from towpath.engine.run.each import EventItems
from workflows.declared.run import DeclaredRun
from workflows.declared.waiting import Waits

PerformItem = Callable[[JsonValue, int], Awaitable[Outcome]]


class Receiving:
    """One loop under way."""

    def __init__(
        self, run: DeclaredRun, node: PlanNode, loop: ForEach, arrivals: EventItems, item: PerformItem
    ) -> None:
        self._run = run
        self._node = node
        self._place = run.evaluation.place(node.id)
        self._loop = loop
        self._arrivals = arrivals
        self._item = item
        self._running: dict[int, asyncio.Task[None]] = {}
        self._done = asyncio.Event()

    async def perform(self, waits: Waits) -> Outcome:
        """Raises StepError."""
        evaluation, loop = self._run.evaluation, self._loop
        wanted = self._run.wanted(loop.on_event or "", loop.correlate, loop.filter)
        within = None if loop.within is None else evaluation.duration(loop.within, "within")
        until = None if within is None else workflow.now() + within
        beside: list[asyncio.Task[None]] = []
        try:
            self._go_on(self._arrivals.begin())
            if not self._arrivals.closed:
                beside.append(asyncio.ensure_future(self._receive(wanted)))
                if within is not None:
                    beside.append(asyncio.ensure_future(self._close_after(within)))
                with waits.saying(self._place, f"events {wanted.type}", "whoever emits them", until):
                    await workflow.wait_condition(lambda: bool(self._arrivals.closed) or self._done.is_set())
            await _end(beside)
            self._run.inbox.watch(lambda event: wanted.takes(event, self._run.evaluation), self._ignore)
            await self._done.wait()
        finally:
            await _end([*beside, *self._running.values()])
        return self._arrivals.outcome(unknown=self._run.doubts.is_open(self._place))

    async def _receive(self, wanted: AwaitedEvent) -> None:
        while not self._arrivals.closed:
            event = await self._run.inbox.take(wanted, lambda event: wanted.takes(event, self._run.evaluation))
            is_closing = closes(self._run.evaluation, self._loop, event, len(self._arrivals.events))
            self._go_on(self._arrivals.arrive(event, is_closing=is_closing))

    async def _close_after(self, within: timedelta) -> None:
        await workflow.sleep(within, summary=f"{self._place}: within")
        self._arrivals.close("its time, which was over")
        self._go_on([])

    def _ignore(self, event: CloudEvent) -> None:
        note = self._arrivals.ignore(event)
        if self._place == self._run.evaluation.place(self._node.id):
            self._run.steps.remark(self._node.id, note)

    def _go_on(self, indexes: list[int]) -> None:
        for index in indexes:
            self._running[index] = asyncio.ensure_future(self._one(index))
        if self._arrivals.done:
            self._done.set()

    async def _one(self, index: int) -> None:
        outcome = await self._item(self._arrivals.events[index].model_dump(mode="json"), index)
        del self._running[index]
        self._go_on(self._arrivals.finish(index, outcome))


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel what runs, and wait for its end."""
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    if running:
        await workflow.wait(running)
