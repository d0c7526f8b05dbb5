"""Extraction: from where on, which partitions, in which schema, and then all of them in parallel."""

import asyncio

from temporalio import workflow

from activities.pipeline import PipelineActivities
from towpath.contracts.dataset import Dataset
from towpath.contracts.failure import FailureCode
from towpath.contracts.pipeline import SchemaAction, Source
from towpath.contracts.stages import (
    Extracted,
    ExtractTask,
    Partition,
    Planned,
    PlanTask,
    Replayed,
    Watermark,
    WatermarkTask,
)
from towpath.policy.pipeline.contract import SchemaDecision, decide
from towpath.policy.pipeline.watermarks import MOST_AT_WATERMARK, Place, appending, frontier, lowest
from workflows.pipeline_state import PipelineState

PLAN = "plan"
CATCH_UP = "catch-up-2026-11"
"""Destinations of which one appends were refused when their watermarks differed; now those behind are loaded alone."""


class Extraction:
    def __init__(self, state: PipelineState) -> None:
        self._state = state
        self._steps = state.steps

    async def run(self) -> None:
        """All sources, as far as they have something new. A redrive keeps the sources that were extracted."""
        state = self._state
        wanted = [source for source in state.config.sources if source.name not in state.known.extracted]
        for source in state.config.sources:
            if source not in wanted:
                self._steps.keep(f"extract/{source.name}")
        if not wanted:
            self._steps.keep(PLAN)
            return
        self._steps.begin(PLAN)
        await self._read_watermark()
        plans = await asyncio.gather(*(self._plan(source) for source in wanted))
        decisions = [self._decide(source, planned) for source, planned in zip(wanted, plans, strict=True)]
        count, size = sum(len(plan.partitions) for plan in plans), sum(plan.size_bytes for plan in plans)
        self._steps.complete(PLAN, note=f"{count} partitions, {size:,} bytes")
        for source, planned, decision in zip(wanted, plans, decisions, strict=True):
            await self._extract(source, planned, decision)

    async def _read_watermark(self) -> None:
        """The lowest of the destinations: what one of them lacks is read for all, and newer rows there stay."""
        state = self._state
        if state.config.main.cursor is None or state.is_partial:
            return
        found = await asyncio.gather(
            *(
                state.activity(
                    PLAN,
                    PipelineActivities.read_watermark,
                    WatermarkTask(destination=destination, pipeline=state.config.id),
                    name=f"watermark/{destination.name}",
                    summary=f"Read the watermark of {destination.name}",
                )
                for destination in state.config.destinations
            )
        )
        if state.config.main.name in state.known.extracted:
            return
        by_name = {one.name: mark for one, mark in zip(state.config.destinations, found, strict=True)}
        place = Place() if state.request.full else lowest(state.config, by_name)
        if place.behind:
            self._catch_up(place)
        state.set(
            watermark=place.watermark,
            boundary=place.boundary,
            marks={name: mark.load for name, mark in by_name.items()},
            behind=place.behind,
            until=place.until,
            history=_longest(found),
        )

    def _catch_up(self, place: Place) -> None:
        """Raises StepFailedError in the replay of a run from before there was another way."""
        names = ", ".join(place.behind)
        if not workflow.patched(CATCH_UP):
            raise self._state.refuse(PLAN, FailureCode.PIPELINE_WATERMARKS, f"{names} lacks what the others have")
        self._state.note(f"{names} lacks what the others have, and is loaded alone up to {place.until or 'the end'}")

    async def _plan(self, source: Source) -> Planned:
        state = self._state
        task = PlanTask(
            source=source,
            watermark=state.known.watermark if source.main else None,
            dates=state.request.dates if source.main else None,
            full=state.request.full or not source.main,
        )
        planned = await state.activity(
            PLAN,
            PipelineActivities.plan_partitions,
            task,
            name=f"partitions/{source.name}",
            summary=f"Partition {source.name}",
        )
        return self._replaying(planned) if source.main and state.request.replay else planned

    def _replaying(self, planned: Planned) -> Planned:
        """The rows that were quarantined before, in place of what the source has."""
        partitions = tuple(
            Partition(name=f"replay-{number}", number=number, slice=Replayed(rows=rows))
            for number, rows in enumerate(self._state.request.replay, 1)
        )
        return planned.model_copy(update={"partitions": partitions, "since": None, "until": None})

    def _decide(self, source: Source, planned: Planned) -> SchemaDecision:
        """What the schema contract makes of the source as it is now. Raises StepFailedError for a frozen schema."""
        state = self._state
        decision = decide(source.contract, source.columns, planned.columns)
        notes = tuple(f"{source.name}: {change.message} ({change.action})" for change in decision.changes)
        state.note(*notes)
        state.set(columns={**state.known.columns, source.name: decision.columns})
        if decision.refused and planned.partitions:
            told = "; ".join(change.message for change in decision.refused)
            message = f"the schema of {source.name} changed, and its contract says {SchemaAction.FREEZE}: {told}"
            raise state.refuse(PLAN, FailureCode.PIPELINE_SCHEMA_CHANGED, message)
        return decision

    async def _all(self, step: str, tasks: tuple[ExtractTask, ...]) -> tuple[Extracted, ...]:
        """The partitions of the plan, then those that only their predecessors could name: pages of an API."""
        state = self._state
        found: list[Extracted] = []
        while tasks:
            window = state.window(step).model_copy(update={"extract": tasks, "first": len(found) + 1})
            done = (await state.windows(step, window, len(found) + len(tasks))).extracted
            found.extend(done)
            following = (_following(task, result) for task, result in zip(tasks, done, strict=True))
            tasks = tuple(task for task in following if task is not None)
        return tuple(found)

    async def _extract(self, source: Source, planned: Planned, decision: SchemaDecision) -> None:
        state, step = self._state, f"extract/{source.name}"
        self._steps.begin(step)
        found = await self._all(step, self._tasks(source, planned, decision))
        state.measured((one.metrics for one in found), (one.quarantined for one in found))
        parts = tuple(one.part for one in found if one.part is not None and one.part.rows)
        dataset = Dataset(name=source.name, parts=parts, columns=decision.columns)
        bad = sum(one.metrics.rows_quarantined for one in found)
        if source.main:
            self._reach(step, found)
            state.set(new_rows=dataset.rows + bad)
        state.set(extracted={**state.known.extracted, source.name: dataset})
        self._steps.complete(step, note=f"{dataset.rows:,} rows, {bad:,} quarantined")

    def _tasks(self, source: Source, planned: Planned, decision: SchemaDecision) -> tuple[ExtractTask, ...]:
        state = self._state
        at_watermark = source.main and planned.since is not None and planned.since == state.known.watermark
        # Whole partitions are replaced, so what is there of the watermark's day has to be read again.
        whole = any(destination.strategy == "delete_insert" for destination in state.config.destinations)
        return tuple(
            ExtractTask(
                source=source,
                partition=partition,
                columns=decision.columns,
                since=planned.since,
                until=(state.known.until if source.main else None) or planned.until,
                at_once=min(state.config.concurrency, len(planned.partitions)),
                quarantine_where_set=decision.quarantine_where_set,
                discard_where_set=decision.discard_where_set,
                loaded=state.known.boundary if at_watermark and not whole else None,
                exact=source.main and self._moves and bool(appending(state.config)),
            )
            for partition in planned.partitions
        )

    def _reach(self, step: str, found: tuple[Extracted, ...]) -> None:
        """How far this run came. Raises StepFailedError when a destination that appends could not go on from there."""
        state = self._state
        reached, boundary = frontier(found, state.known.watermark)
        names = ", ".join(appending(state.config))
        if boundary is None and names and self._moves:
            message = (
                f"more than {MOST_AT_WATERMARK:,} rows have the greatest cursor {reached}, and {names} appends:"
                " which of them are loaded could not be told later; use a finer cursor, or upsert"
            )
            raise state.refuse(step, FailureCode.PIPELINE_WATERMARKS, message)
        until = state.known.until
        if until is not None:
            # Its place is that of the next destination, though the last rows there be gone by now.
            boundary, reached = (boundary if reached == until else ()), until
        state.set(reached=reached, reached_boundary=boundary or ())

    @property
    def _moves(self) -> bool:
        """Whether the run moves a watermark."""
        return self._state.config.main.cursor is not None and not self._state.is_partial


def _following(task: ExtractTask, result: Extracted) -> ExtractTask | None:
    return None if result.next is None else task.model_copy(update={"partition": result.next})


def _longest(found: list[Watermark]) -> tuple[int, ...]:
    return max((one.rows for one in found), key=len, default=())
