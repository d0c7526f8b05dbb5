"""Extraction: from where on, which partitions, in which schema, and then all of them in parallel."""

import asyncio

from activities.pipeline import PipelineActivities
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.pipeline.dataset import Dataset
from towpath.contracts.pipeline.pipeline import Source
from towpath.contracts.pipeline.schema import SchemaAction
from towpath.contracts.pipeline.stages import (
    Extracted,
    ExtractionPlanTask,
    ExtractTask,
    Partition,
    Planned,
    Replayed,
    Watermark,
    WatermarkTask,
)
from towpath.contracts.pipeline.transformation import Specification
from towpath.policy.pipeline.contract import SchemaDecision, decide
from towpath.policy.pipeline.drift import few, likely_renames, rename_notes
from towpath.policy.pipeline.watermarks import MOST_AT_WATERMARK, StartingPoint, appending, frontier, lowest
from workflows.pipeline.contract import impact_of, keep_changes, late_columns, leave_out_tables, refused
from workflows.pipeline.state import PipelineState

PLAN = "plan"
SAMPLED = frozenset({"ndjson", "json", "http"})
"""Sources whose columns are those of their first objects: one that may be null may come later."""


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
        if not await leave_out_tables(state, PLAN):
            main = state.config.main.name
            state.set(extracted={**state.known.extracted, main: Dataset(name=main)})
            self._steps.complete(PLAN, note="no destination has its table")
            return
        await self._read_watermark()
        plans = await asyncio.gather(*(asyncio.ensure_future(self._plan(source)) for source in wanted))
        decisions = [await self._decide(source, planned) for source, planned in zip(wanted, plans, strict=True)]
        count, size = sum(len(plan.partitions) for plan in plans), sum(plan.size_bytes for plan in plans)
        self._steps.complete(PLAN, note=f"{count} partitions, {size:,} bytes")
        for source, planned, decision in zip(wanted, plans, decisions, strict=True):
            await self._extract(source, planned, decision)

    async def _read_watermark(self) -> None:
        """The lowest of the destinations: what one of them lacks is read for all, and newer rows there stay."""
        state = self._state
        if state.config.main.cursor is None or state.is_partial:
            return
        config = state.config
        there = tuple(one for one in config.destinations if one.name not in state.known.left_out)
        found = await asyncio.gather(
            *(
                asyncio.ensure_future(
                    state.activity(
                        PLAN,
                        PipelineActivities.read_watermark,
                        WatermarkTask(destination=destination, pipeline=state.config.id),
                        name=f"watermark/{destination.name}",
                        summary=f"Read the watermark of {destination.name}",
                    )
                )
                for destination in there
            )
        )
        if state.config.main.name in state.known.extracted:
            return
        by_name = {one.name: mark for one, mark in zip(there, found, strict=True)}
        loaded = config.model_copy(update={"destinations": there})
        place = StartingPoint() if state.request.full else lowest(loaded, by_name)
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

    def _catch_up(self, place: StartingPoint) -> None:
        names = ", ".join(place.behind)
        self._state.note(f"{names} lacks what the others have, and is loaded alone up to {place.until or 'the end'}")

    async def _plan(self, source: Source) -> Planned:
        state = self._state
        task = ExtractionPlanTask(
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

    async def _decide(self, source: Source, planned: Planned) -> SchemaDecision:
        """What the schema contract makes of the source as it is now. Raises StepFailedError for a frozen schema."""
        state = self._state
        decision = decide(
            source.contract,
            source.columns,
            planned.columns,
            typed=source.type == "parquet",
            sampled=source.type in SAMPLED,
        )
        renames = tuple(rename_notes(source.name, likely_renames(source.columns, planned.columns)))
        keep_changes(state, source, decision.changes)
        state.note(*renames, *(f"{source.name}: {note}" for note in planned.notes))
        state.set(columns={**state.known.columns, source.name: decision.columns})
        if decision.refused and planned.partitions:
            written = state.config.transformation
            impact = await impact_of(state, PLAN, written) if isinstance(written, Specification) else ()
            raise refused(state, PLAN, source, decision.refused, *impact, *renames)
        return decision

    async def _all(self, step: str, tasks: tuple[ExtractTask, ...]) -> list[tuple[ExtractTask, Extracted]]:
        """The partitions of the plan, then those that only their predecessors could name: pages of an API."""
        state = self._state
        found: list[tuple[ExtractTask, Extracted]] = []
        while tasks:
            window = state.window(step).model_copy(update={"extract": tasks, "first": len(found) + 1})
            done = (await state.windows(step, window, len(found) + len(tasks))).extracted
            found.extend(zip(tasks, done, strict=True))
            following = (_following(task, result) for task, result in zip(tasks, done, strict=True))
            tasks = tuple(task for task in following if task is not None)
        return found

    async def _again(
        self, step: str, found: list[tuple[ExtractTask, Extracted]], late: tuple[str, ...]
    ) -> list[Extracted]:
        """Partitions with columns that decide about rows and were not known are read once more, knowing them."""
        state = self._state
        action = found[0][0].source.contract.columns
        field = "discard_where_set" if action is SchemaAction.DISCARD_ROW else "quarantine_where_set"
        places = [place for place, (_, one) in enumerate(found) if set(one.new_columns) & set(late)]
        tasks = tuple(
            task.model_copy(update={field: tuple(dict.fromkeys((*getattr(task, field), *late)))})
            for task in (found[place][0] for place in places)
        )
        window = state.window(f"{step}/again").model_copy(update={"extract": tasks})
        done = (await state.windows(step, window, len(found) + len(tasks))).extracted
        results = [one for _, one in found]
        for place, one in zip(places, done, strict=True):
            results[place] = one
        return results

    async def _extract(self, source: Source, planned: Planned, decision: SchemaDecision) -> None:
        state, step = self._state, f"extract/{source.name}"
        self._steps.begin(step)
        first = await self._all(step, self._tasks(source, planned, decision))
        late = late_columns(state, source, decision, first)
        found = await self._again(step, first, late) if late else [one for _, one in first]
        state.measured((one.metrics for one in found), (one.quarantined for one in found))
        state.note(*(f"{source.name}: {note}" for note in few(note for one in found for note in one.notes)))
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
                deciding=decision.new,
                loaded=state.known.boundary if at_watermark and not whole else None,
                exact=source.main and self._moves and bool(appending(state.config)),
            )
            for partition in planned.partitions
        )

    def _reach(self, step: str, found: list[Extracted]) -> None:
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
