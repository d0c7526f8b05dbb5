"""A step for each of many items: a window of a few at once, and beyond some hundreds in runs of their own."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from pydantic import JsonValue
from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, is_cancelled_exception

from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import ItemsRequest, ItemsResult, KeptItems
from towpath.contracts.declared.within import Left
from towpath.engine.checks.loading import digest
from towpath.engine.expression.values import Value, size_of
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.reads import steps_read
from towpath.engine.language.steps import ForEach, Step
from towpath.engine.run.actions import Failed, Outcome, State
from towpath.engine.run.each import HERE, Allowance, EventItems, Gathered, ItemWindow, allowed
from towpath.engine.run.evaluation import StepError
from towpath.engine.run.within import names_read
from towpath.engine.scheduling.approvals import asks_people
from towpath.engine.scheduling.leaving import ItemsUndone
from towpath.engine.scheduling.progress import Progress
from towpath.engine.scheduling.visits import step_of
from towpath.temporal.failures import failure_of
from workflows.declared.arriving import Receiving
from workflows.declared.performing_groups import tell_items, undo_items, with_runs
from workflows.declared.run import DeclaredRun, Item, StepJob
from workflows.declared.steering import Steering, guarded
from workflows.kit.signing import kept_counts

PART = 500
PART_BYTES = 500_000
PARTS_AT_ONCE = 2
"""While the last items of one part are under way, the next one is busy already."""
KEPT_BYTES = 1_500_000
"""Results of items are kept for a redrive up to here: they must fit into a failure."""


STOPS = "items-stop-2026-11"
"""The patch since which nothing new begins once too many items failed, neither here nor in parts."""


@dataclass(slots=True)
class Stop:
    """Whether no more items are to begin, as the run says of which this is a part."""

    is_set: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Items to do in one window; `numbers` are their indexes in the whole for_each."""

    items: Sequence[JsonValue] = field(repr=False)
    numbers: Sequence[int]
    concurrency: int
    may_fail: int
    stop: Stop = field(default_factory=Stop)

    @property
    def place(self) -> str:
        return f"{self.numbers[0]}-{self.numbers[-1]}"


class Repeating:
    """Performs the for_each steps of one run."""

    def __init__(self, run: DeclaredRun, steering: Steering) -> None:
        self._run = run
        self._steering = steering
        self.gathered: dict[str, Gathered] = {}
        """Results so far, of the steps that were begun; by place, as they are sent."""
        self._arrivals: dict[str, EventItems] = {}

    def partial(self, place: str) -> list[JsonValue] | None:
        """Results so far of a step, where it was begun for its items."""
        found = self.gathered.get(place)
        return None if found is None else found.results

    async def perform(self, node: PlanNode, items: list[Value], made_of: str, place: str) -> Outcome:
        """Results in the order of the items. Fails by the policy of the step. What an earlier run did well of the same
        items is kept.
        """
        loop = loop_of(node)
        gathered = self.gathered[place] = Gathered([None] * len(items))
        if loop.on_event is not None:
            return await self._events(node, place, gathered, made_of)
        kept = self._kept(node, place)
        if kept is not None and kept.count == len(items) and kept.digest == items_digest(node, made_of):
            gathered.take_over(kept)
        left = gathered.left()
        if len(left) <= HERE:
            batch = Batch([items[index] for index in left], left, loop.concurrency, self._may_fail(loop, len(items)))
            await self.window(node, batch, gathered, left)
        else:
            await self._parts(node, loop, items, gathered)
        outcome = gathered.outcome(loop, unknown=self._run.doubts.is_open(place))
        return with_runs(self._run, node, place, outcome)

    def _kept(self, node: PlanNode, place: str) -> KeptItems | None:
        """What the run before did. Who decided then is not known here; without a signature, all is done again."""
        kept = self._run.request.items.get(place)
        if kept is not None and asks_people(node) and not kept_counts(self._run.request):
            kept = None
        if kept is None and asks_people(node):
            self._run.approvers[place] = None
        return kept

    async def _events(self, node: PlanNode, place: str, gathered: Gathered, made_of: str) -> Outcome:
        loop = loop_of(node)
        arrivals = self._arrivals[place] = EventItems(loop, gathered)
        kept = self._kept(node, place)
        if kept is not None:
            arrivals.take_over(kept, is_same=kept.digest == items_digest(node, made_of))
        receiving = Receiving(
            self._run, node, loop, arrivals, lambda item, index: guarded(self._item(node, item, index), node.id)
        )
        try:
            return await receiving.perform(self._steering.waits)
        except StepError as error:
            return Failed(error.failure)

    def _may_fail(self, loop: ForEach, count: int) -> int:
        most = allowed(loop, count)
        has_limit = loop.on_item_error == "collect" and loop.max_failures is not None
        return count if has_limit and not workflow.patched(STOPS) else most

    async def window(self, node: PlanNode, batch: Batch, gathered: Gathered, kept_at: Sequence[int]) -> int:
        """Do items here, never more than `concurrency` at once. How many of them were begun."""
        window = ItemWindow(len(batch.items), batch.concurrency, batch.may_fail)
        done = asyncio.Event()
        running: dict[int, asyncio.Task[None]] = {}

        async def one(place: int) -> None:
            outcome = await guarded(self._item(node, batch.items[place], batch.numbers[place]), node.id)
            del running[place]
            end(place, ok=gathered.keep(kept_at[place], outcome))
            tell_items(self._run, node, gathered)

        def end(place: int, *, ok: bool) -> None:
            window.stopped = window.stopped or batch.stop.is_set
            for following in window.finish(place, ok=ok):
                running[following] = asyncio.ensure_future(one(following))
            if window.done:
                done.set()

        tell_items(self._run, node, gathered)
        for place in window.begin():
            running[place] = asyncio.ensure_future(one(place))
        try:
            if batch.items:
                await done.wait()
        finally:
            await _ended(list(running.values()))
        return window.begun

    async def undo(self, node: PlanNode, place: str, items: Mapping[str, Left]) -> ItemsUndone:
        """Undo what the items of a group left, the last of them first; many of them in parts."""
        run, concurrency = self._run, loop_of(node).concurrency
        if len(items) <= HERE:
            return await undo_items(run, node, items, concurrency)
        names, found = [*items][::-1], ItemsUndone()
        for begin in range(0, len(names), PART):
            part = {name: items[name] for name in reversed(names[begin : begin + PART])}
            request = self._request(node, Batch((), (0,), concurrency, 0), names_read(node, run.evaluation), None)
            inside = {key: run.inside[key] for key in map(run.key, part) if key in run.inside}
            request = request.model_copy(update={"undo": part, "inside": inside})
            result = await self._part_run(node, request, f"{place}/undo-{begin}", asyncio.Event())
            for name in part:
                del run.left[name]
            found.done.extend(result.undone)
            found.left.extend(result.not_undone if result.failure is None else part)
            run.left |= result.left if result.failure is None else part
            run.inside |= result.inside
        return found

    async def _item(self, node: PlanNode, item: JsonValue, index: int) -> Outcome:
        evaluation = self._run.evaluation
        at = evaluation.place(node.id)
        names: dict[str, Value] = {loop_of(node).as_: item, "index": index}
        try:
            config = evaluation.config(node, **names)
            if evaluation.is_pure(node):
                return evaluation.perform(node, config)
            return await self._steering.attempt(StepJob(self._run, node, config, Item(index, names), at))
        except StepError as error:
            return Failed(error.failure, self._run.doubts.is_open(at, f"{at}/{index}"))

    async def _parts(self, node: PlanNode, loop: ForEach, items: list[Value], gathered: Gathered) -> None:
        waiting = list(reversed(_cut(items, gathered.left())))
        at_once = min(PARTS_AT_ONCE, loop.concurrency)
        shares = [loop.concurrency // at_once + (number < loop.concurrency % at_once) for number in range(at_once)]
        most = allowed(loop, len(items))
        has_end = loop.max_failures is not None or loop.on_item_error == "fail"
        allowance = Allowance(most) if has_end and workflow.patched(STOPS) else None
        names = _names(self._run, node)
        over = asyncio.Event()

        async def lane(number: int) -> None:
            while waiting and gathered.failed <= most:
                if allowance is not None:
                    await workflow.wait_condition(allowance.is_ready)
                if not waiting or gathered.failed > most:
                    return
                indexes = waiting.pop()
                may_fail = None if allowance is None else allowance.give(number)
                part = Batch([items[index] for index in indexes], indexes, shares[number], most)
                result = await self._part(node, part, names, may_fail, over)
                begun = _gather(gathered, indexes, result)
                tell_items(self._run, node, gathered)
                self._run.steps.add_cost(node.id, result.cost)
                if allowance is not None:
                    allowance.settle(number, result.failed)
                    if allowance.is_over:
                        over.set()
                    elif begun < len(indexes):
                        waiting.append(indexes[begun:])

        await asyncio.gather(*(asyncio.ensure_future(lane(number)) for number in range(at_once)))

    async def _part(
        self,
        node: PlanNode,
        part: Batch,
        names: dict[str, JsonValue],
        may_fail: int | None,
        over: asyncio.Event,
    ) -> ItemsResult:
        at = self._run.evaluation.place(node.id)
        request = self._request(node, part, names, may_fail)
        place = f"{at}/{part.place}"
        with self._run.doubts.sending(at, place) if self._run.evaluation.has_effect(node) else nullcontext():
            result = await self._part_run(node, request, place, over)
        self._run.inside |= result.inside
        self._run.left |= result.left
        if result.asked:
            self._run.asked(at, result.approvers)
        else:
            self._run.approvers.pop(at, None)
        if not result.effects:
            self._run.doubts.clear(at, place)
        return result

    def _request(self, node: PlanNode, part: Batch, names: dict[str, JsonValue], may_fail: int | None) -> ItemsRequest:
        nothing: JsonObject = {"seed": {}, "resume": None, "event": None, "earlier": None, "items": {}}
        at = self._run.evaluation.place(node.id)
        in_a_row = part.numbers[-1] - part.numbers[0] + 1 == len(part.numbers)
        keys = [self._run.key(f"{at}/{number}") for number in part.numbers] if self._run.inside else []
        return ItemsRequest(
            run=self._run.request.model_copy(update=nothing),
            step=node.id,
            names=names,
            items=tuple(part.items),
            first=part.numbers[0],
            owner=self._run.owner,
            concurrency=part.concurrency,
            started_at=self._run.evaluation.facts.started_at,
            now=self._run.evaluation.moments.get(at),
            salt=self._run.evaluation.facts.salt,
            variant=self._run.variant(at),
            budget=self._run.steps.budget_left(self._run.budget),
            indexes=() if in_a_row else tuple(part.numbers),
            may_fail=may_fail,
            visit="" if at == node.id else at,
            inside={key: self._run.inside[key] for key in keys if key in self._run.inside},
        )

    async def _part_run(self, node: PlanNode, request: ItemsRequest, place: str, over: asyncio.Event) -> ItemsResult:
        summary = f"{self._run.title(node.id)}: items {place.rpartition('/')[2].replace('-', ' to ')}"
        run_id = f"{self._run.owner}/{place}"
        try:
            why = partial(self._run.why_cancelled, place.partition("/")[0])
            return await self._run.effects.run_items(request, run_id, summary, why, over)
        except ChildWorkflowError as error:
            if is_cancelled_exception(error):
                raise
            failure = failure_of(error.cause or error)
            results: list[JsonValue] = [{"error": {"code": str(failure.code), "message": failure.message}}]
            count = len(request.items)
            failed_at = tuple(range(count))
            return ItemsResult(
                results=tuple(results * count), failed=count, failure=failure, effects=True, failed_at=failed_at
            )

    def kept(self, progress: Progress) -> dict[str, KeptItems]:
        """What the run that goes on need not do again, of the steps that were neither completed nor undone."""
        found = dict(self._run.request.items)
        for place, gathered in self.gathered.items():
            made_of = progress.sent.made_of.get(place)
            node = self._run.plan.node(step_of(place))
            if made_of is not None:
                kept = self._arrivals.get(place, gathered).kept(items_digest(node, made_of))
                found |= {place: kept} if kept.results or kept.events else {}
        left = KEPT_BYTES
        for place in list(found):
            left -= sum(map(size_of, found[place].results))
            left -= sum(size_of(event.data) for event in found[place].events)
            if left < 0 or not _stands(progress, place):
                del found[place]
        return found


def _names(run: DeclaredRun, node: PlanNode) -> dict[str, JsonValue]:
    """The roots that the items' expressions read, and no more: they travel with every part."""
    if node.inner is not None:
        return names_read(node, run.evaluation)
    names = run.evaluation.roots()
    outputs = cast("dict[str, JsonValue]", names["steps"])
    read = steps_read(node, set(outputs))
    steps = outputs if read is None else {step: outputs[step] for step in sorted(read)}
    found: dict[str, JsonValue] = {"inputs": names["inputs"], "steps": steps, "event": names["event"]}
    errors = run.evaluation.errors
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


def _cut(items: list[Value], indexes: Sequence[int]) -> list[Sequence[int]]:
    """The indexes of the items to do, in parts of bounded length and size."""
    parts: list[Sequence[int]] = []
    begin, size = 0, 0
    for place, index in enumerate(indexes):
        size += size_of(items[index])
        if place - begin >= PART or (size > PART_BYTES and place > begin):
            parts.append(indexes[begin:place])
            begin, size = place, size_of(items[index])
    parts.append(indexes[begin:])
    return parts


def _gather(gathered: Gathered, indexes: Sequence[int], result: ItemsResult) -> int:
    """Take the results of a part over. How many of its items were begun."""
    begun = len(indexes) if result.begun is None else result.begun
    knows = result.begun is not None or not result.failed
    failed_at = set(result.failed_at if knows else range(len(indexes)))
    for place, index in enumerate(indexes[:begun]):
        gathered.results[index] = result.results[place]
        if place not in failed_at:
            gathered.done.add(index)
    gathered.failed += result.failed
    gathered.failure = gathered.failure or result.failure
    return begun


def _stands(progress: Progress, place: str) -> bool:
    """Whether what items did is still so, and not within an output."""
    node, state = progress.plan.node(step_of(place)), progress.run_at(place).state
    may_be_undone = place in progress.not_undone and node.step is not None and node.step.compensate is not None
    return state not in {State.COMPLETED, State.UNDONE} and not may_be_undone


def items_digest(node: PlanNode, made_of: str) -> str:
    """Of what the results of items depend on."""
    step = cast("Step", node.step)
    return digest([step.type, list(step.select), made_of])
