"""A step for each of many items: a window of a few at once, and beyond some hundreds in runs of their own."""

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import cast

from pydantic import JsonValue
from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, is_cancelled_exception

from towpath.contracts.declared.run import ItemsRequest, ItemsResult
from towpath.engine.expression.values import Value, size_of
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.reads import steps_read
from towpath.engine.language.steps import ForEach
from towpath.engine.run.actions import Failed, Outcome
from towpath.engine.run.each import HERE, Gathered, ItemWindow, allowed
from towpath.engine.run.evaluation import StepError
from towpath.temporal.failures import failure_of
from workflows.declared.run import DeclaredRun, Item, StepJob
from workflows.declared.steering import Steering, guarded

PART = 500
PART_BYTES = 500_000
PARTS_AT_ONCE = 2
"""While the last items of one part are under way, the next one is busy already."""


@dataclass(frozen=True, slots=True)
class _Part:
    first: int
    items: tuple[JsonValue, ...] = field(repr=False)


class Repeating:
    """Performs the for_each steps of one run."""

    def __init__(self, run: DeclaredRun, steering: Steering) -> None:
        self._run = run
        self._steering = steering
        self.partial: dict[str, list[JsonValue]] = {}
        """Results so far of the steps under way."""

    async def perform(self, node: PlanNode, items: list[Value]) -> Outcome:
        """Results in the order of the items. Fails by the policy of the step."""
        loop = loop_of(node)
        if len(items) <= HERE:
            gathered = await self.window(node, loop, tuple(items), 0, loop.concurrency)
        else:
            gathered = await self._parts(node, loop, items)
        return gathered.outcome(loop, unknown=self._run.doubts.is_open(node.id))

    async def window(
        self, node: PlanNode, loop: ForEach, items: tuple[JsonValue, ...], first: int, concurrency: int
    ) -> Gathered:
        """Do items here, never more than `concurrency` at once."""
        window = ItemWindow(len(items), concurrency, collect=loop.on_item_error == "collect")
        gathered = Gathered([None] * len(items))
        self.partial[node.id] = gathered.results
        done = asyncio.Event()
        running: dict[int, asyncio.Task[None]] = {}

        async def one(index: int) -> None:
            outcome = await guarded(self._item(node, loop, items[index], first + index), node.id)
            del running[index]
            end(index, ok=gathered.keep(index, outcome))

        def begin(index: int) -> None:
            if window.stopped:
                end(index, ok=True)
            else:
                running[index] = asyncio.ensure_future(one(index))

        def end(index: int, *, ok: bool) -> None:
            for following in window.finish(index, ok=ok):
                begin(following)
            if window.done:
                done.set()

        for index in window.begin():
            begin(index)
        try:
            if items:
                await done.wait()
        finally:
            await _ended(list(running.values()))
        return gathered

    async def _item(self, node: PlanNode, loop: ForEach, item: JsonValue, index: int) -> Outcome:
        evaluation = self._run.evaluation
        names: dict[str, Value] = {loop.as_: item, "index": index}
        try:
            config = evaluation.config(node, **names)
            if evaluation.is_pure(node):
                return evaluation.perform(node, config)
            return await self._steering.attempt(StepJob(self._run, node, config, Item(index, names)))
        except StepError as error:
            return Failed(error.failure, self._run.doubts.is_open(node.id, f"{node.id}/{index}"))

    async def _parts(self, node: PlanNode, loop: ForEach, items: list[Value]) -> Gathered:
        parts = _cut(items)
        at_once = min(PARTS_AT_ONCE, loop.concurrency)
        shares = [loop.concurrency // at_once + (number < loop.concurrency % at_once) for number in range(at_once)]
        gathered = Gathered([None] * len(items))
        self.partial[node.id] = gathered.results
        most = allowed(loop, len(items))
        names = self._names(node)
        waiting = list(reversed(parts))

        async def lane(concurrency: int) -> None:
            while waiting and gathered.failed <= most:
                part = waiting.pop()
                result = await self._part(node, part, names, concurrency)
                gathered.results[part.first : part.first + len(part.items)] = result.results
                gathered.failed += result.failed
                gathered.failure = gathered.failure or result.failure
                self._run.steps.add_cost(node.id, result.cost)

        await asyncio.gather(*(lane(share) for share in shares))
        return gathered

    async def _part(self, node: PlanNode, part: _Part, names: dict[str, JsonValue], concurrency: int) -> ItemsResult:
        request = ItemsRequest(
            run=self._run.request.model_copy(update={"seed": {}, "resume": None, "event": None, "earlier": None}),
            step=node.id,
            names=names,
            items=part.items,
            first=part.first,
            owner=self._run.owner,
            concurrency=concurrency,
            started_at=self._run.evaluation.facts.started_at,
            now=self._run.evaluation.moments.get(node.id),
            salt=self._run.evaluation.facts.salt,
            variant=self._run.variant(node.id),
            budget=self._run.steps.budget_left(self._run.budget),
        )
        last = part.first + len(part.items) - 1
        place = f"{node.id}/{part.first}-{last}"
        with self._run.doubts.sending(node.id, place) if self._run.evaluation.has_effect(node) else nullcontext():
            result = await self._part_run(node, part, request, place)
        if not result.effects:
            self._run.doubts.clear(node.id, place)
        return result

    async def _part_run(self, node: PlanNode, part: _Part, request: ItemsRequest, place: str) -> ItemsResult:
        summary = f"{self._run.title(node.id)}: items {place.rpartition('/')[2].replace('-', ' to ')}"
        run_id = f"{self._run.owner}/{place}"
        try:
            return await self._run.effects.run_items(request, run_id, summary, lambda: self._run.why_cancelled(node.id))
        except ChildWorkflowError as error:
            if is_cancelled_exception(error):
                raise
            failure = failure_of(error.cause or error)
            results: list[JsonValue] = [{"error": {"code": str(failure.code), "message": failure.message}}]
            count = len(part.items)
            return ItemsResult(results=tuple(results * count), failed=count, failure=failure, effects=True)

    def _names(self, node: PlanNode) -> dict[str, JsonValue]:
        """The roots that the items' expressions read, and no more: they travel with every part."""
        names = self._run.evaluation.roots()
        outputs = cast("dict[str, JsonValue]", names["steps"])
        read = steps_read(node, set(outputs))
        steps = outputs if read is None else {step: outputs[step] for step in sorted(read)}
        found: dict[str, JsonValue] = {"inputs": names["inputs"], "steps": steps, "event": names["event"]}
        errors = self._run.evaluation.errors
        return {**found, "errors": dict(errors)} if errors else found


def loop_of(node: PlanNode) -> ForEach:
    if node.step is None or node.step.for_each is None:
        raise TypeError(node.id)
    return node.step.for_each


async def _ended(running: list[asyncio.Task[None]]) -> None:
    """Cancel what runs, and wait for its end."""
    for task in running:
        task.cancel()
    if running:
        await workflow.wait(running)


def _cut(items: list[Value]) -> list[_Part]:
    """Parts of bounded length and size."""
    parts: list[_Part] = []
    begin, size = 0, 0
    for index, item in enumerate(items):
        size += size_of(item)
        if index - begin >= PART or (size > PART_BYTES and index > begin):
            parts.append(_Part(begin, tuple(items[begin:index])))
            begin, size = index, size_of(item)
    parts.append(_Part(begin, tuple(items[begin:])))
    return parts
