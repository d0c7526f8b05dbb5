"""A for_each over events, in memory: by the rules that a run on Temporal has."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from towpath.engine.expression.values import Value
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.steps import ForEach
from towpath.engine.run.actions import Failed, Outcome
from towpath.engine.run.awaited import closes
from towpath.engine.run.each import EventItems, Gathered
from towpath.engine.run.evaluation import StepError
from towpath.engine.trial.run import TrialRun
from towpath.engine.trial.virtual import Strand

PerformItem = Callable[[PlanNode, ForEach, Value, int], Coroutine[Any, Any, Outcome]]


class TrialArrivals:
    """One loop under way."""

    def __init__(self, run: TrialRun, node: PlanNode, loop: ForEach, gathered: Gathered) -> None:
        self._run = run
        self._node = node
        self._loop = loop
        self._arrivals = EventItems(loop, gathered)
        self._running: dict[int, Strand[Outcome]] = {}

    async def perform(self, item: PerformItem) -> Outcome:
        time, arrivals = self._run.time, self._arrivals
        beside: list[Strand[None]] = []
        try:
            if self._loop.within is not None:
                within = self._run.evaluation.duration(self._loop.within, "within")
                beside.append(time.start(self._close_at(within.total_seconds())))
            beside.append(time.start(self._receive(item)))
            while not arrivals.done:
                await time.until(lambda: arrivals.done or any(strand.done for strand in self._running.values()))
                for index in [index for index, strand in self._running.items() if strand.done]:
                    self._begin(arrivals.finish(index, self._running.pop(index).result()), item)
        except StepError as error:
            return Failed(error.failure)
        finally:
            for strand in (*beside, *self._running.values()):
                strand.close()
        return arrivals.outcome(unknown=self._run.doubts.is_open(self._run.evaluation.place(self._node.id)))

    async def _receive(self, item: PerformItem) -> None:
        while not self._arrivals.closed:
            event = await self._run.event(self._loop.on_event or "", self._loop, {})
            is_closing = closes(self._run.evaluation, self._loop, event, len(self._arrivals.events))
            self._begin(self._arrivals.arrive(event, is_closing=is_closing), item)

    async def _close_at(self, seconds: float) -> None:
        await self._run.time.wait_for(timedelta(seconds=seconds))
        self._arrivals.close("its time, which was over")

    def _begin(self, indexes: list[int], item: PerformItem) -> None:
        for index in indexes:
            event = self._arrivals.events[index].model_dump(mode="json")
            self._running[index] = self._run.time.start(item(self._node, self._loop, event, index))
