"""Loading: every destination by itself, part by part, the watermark with the last one."""

import asyncio

from activities.pipeline import PipelineActivities
from towpath.contracts.core.failure import Failure
from towpath.contracts.core.run import StepState
from towpath.contracts.pipeline.dataset import Dataset
from towpath.contracts.pipeline.loading import (
    AdvanceWatermark,
    Destination,
    DuckdbDestination,
    LoadPart,
    LoadResult,
    PartLoaded,
    PostgresqlDestination,
    PrepareDestination,
)
from towpath.policy.pipeline.metering import load_metrics
from workflows.kit.compensation import may_stand
from workflows.kit.failing import StepFailedError
from workflows.pipeline.state import PipelineState

NO_TABLE = "it has no table, and the contract makes none"


class Loading:
    """Each part is loaded once, whatever is tried again: the ledger of its destination says so."""

    def __init__(self, state: PipelineState) -> None:
        self._state = state
        self._steps = state.steps
        self._files: dict[str, asyncio.Lock] = {}

    async def run(self, dataset: Dataset) -> None:
        """All destinations. One that fails keeps no other from being loaded; then StepFailedError is raised."""
        destinations = self._state.config.destinations
        loading = [asyncio.ensure_future(self._destination(one, dataset)) for one in destinations]
        # A cancellation passes when all have ended: nothing is loaded after the run.
        await asyncio.gather(*loading, return_exceptions=True)
        failed = next((error for one in loading if (error := one.result()) is not None), None)
        if failed is not None:
            raise failed

    async def _destination(self, destination: Destination, dataset: Dataset) -> StepFailedError | None:
        state, step = self._state, f"load/{destination.name}"
        if state.known.behind and destination.name not in state.known.behind:
            self._steps.skip(step, "it waits for those that are behind")
            return None
        known = state.known.loads.get(destination.name)
        if known is not None and known.state != "failed":
            self._steps.keep(step)
            return None
        if destination.name in state.known.left_out:
            self._keep(destination, LoadResult(destination=destination.name, state="skipped", note=NO_TABLE))
            self._steps.skip(step, NO_TABLE)
            return None
        async with self._turn(destination):
            self._steps.begin(step)
            try:
                loaded = await self._load(destination, dataset, step)
            except StepFailedError as error:
                self._keep(destination, _failed(destination, error.failure))
                return error
        result = _total(destination, loaded)
        self._keep(destination, result)
        if dataset.parts:
            tasks = self._tasks(destination, dataset)
            state.measured((load_metrics(task, part) for task, part in zip(tasks, loaded, strict=True)), ())
        note = f"{result.inserted:,} inserted, {result.updated:,} updated, {result.stale:,} stale"
        self._steps.complete(step, note=note)
        return None

    async def _load(self, destination: Destination, dataset: Dataset, step: str) -> list[PartLoaded]:
        """The parts side by side where the destination can; then the last one, which carries the watermark."""
        state = self._state
        if not dataset.parts:
            return [await self._advance(destination, step)]
        tasks = self._tasks(destination, dataset)
        target = state.config.target
        prepare = PrepareDestination(
            destination=destination,
            columns=target.columns,
            key=target.key,
            newest_by=target.newest_by,
            partition_by=target.partition_by,
        )
        await state.activity(
            step,
            PipelineActivities.prepare_destination,
            prepare,
            name="prepare",
            summary=f"Prepare {destination.name}",
        )
        concurrency = state.config.concurrency if isinstance(destination, PostgresqlDestination) else 1
        first = state.window(step, concurrency).model_copy(update={"load": tasks[:-1]})
        loaded = list((await state.windows(step, first, len(tasks))).loaded) if tasks[:-1] else []
        last = await state.activity(
            step,
            PipelineActivities.load_part,
            tasks[-1],
            name=str(len(tasks)),
            summary=f"Load the last part into {destination.name}, with the watermark",
        )
        state.loaded_last(step, len(tasks), last.rows)
        return [*loaded, last]

    async def _advance(self, destination: Destination, step: str) -> PartLoaded:
        """No row, and the watermark all the same."""
        state, target, known = self._state, self._state.config.target, self._state.known
        task = AdvanceWatermark(
            destination=destination,
            columns=target.columns,
            key=target.key,
            newest_by=target.newest_by,
            partition_by=target.partition_by,
            load=state.load,
            watermark=known.reached or "",
            boundary=known.reached_boundary,
            pipeline=state.config.id,
        )
        summary = f"Move the watermark of {destination.name}"
        return await state.activity(step, PipelineActivities.advance_watermark, task, name="watermark", summary=summary)

    def _tasks(self, destination: Destination, dataset: Dataset) -> tuple[LoadPart, ...]:
        state, target = self._state, self._state.config.target
        total, marks = len(dataset.parts), state.known.marks
        return tuple(
            LoadPart(
                destination=destination,
                columns=target.columns,
                key=target.key,
                newest_by=target.newest_by,
                partition_by=target.partition_by,
                part=part,
                load=state.load,
                number=number,
                total=total,
                watermark=state.known.reached if number == total and not state.is_partial else None,
                boundary=state.known.reached_boundary if number == total and not state.is_partial else (),
                pipeline=state.config.id,
                fenced=destination.strategy == "append" and marks is not None,
                after=None if marks is None else marks.get(destination.name),
            )
            for number, part in enumerate(dataset.parts, 1)
        )

    def _keep(self, destination: Destination, result: LoadResult) -> None:
        self._state.set(loads={**self._state.known.loads, destination.name: result})

    def _turn(self, destination: Destination) -> asyncio.Lock:
        """One load at a time for each file of DuckDB; none waits for another elsewhere."""
        name = destination.path if isinstance(destination, DuckdbDestination) else destination.name
        return self._files.setdefault(name, asyncio.Lock())


def standing(state: PipelineState) -> tuple[str, ...]:
    """The load steps of a run that did not end well which have put rows into their destinations, or may have."""
    is_parted = state.known.valid is not None and len(state.known.valid.parts) > 1
    found: list[str] = []
    for destination in state.config.destinations:
        record = state.steps[f"load/{destination.name}"]
        loaded = record.state is StepState.COMPLETED and record.attempts > 0
        if loaded or may_stand(record) or (record.state is StepState.FAILED and is_parted):
            found.append(record.step)
    return tuple(found)


def _failed(destination: Destination, failure: Failure) -> LoadResult:
    return LoadResult(destination=destination.name, state="failed", failure=f"{failure.code}: {failure.message}")


def _total(destination: Destination, loaded: list[PartLoaded]) -> LoadResult:
    return LoadResult(
        destination=destination.name,
        state="skipped" if loaded and all(part.skipped for part in loaded) else "loaded",
        parts=len(loaded),
        rows=sum(part.rows for part in loaded),
        inserted=sum(part.inserted for part in loaded),
        updated=sum(part.updated for part in loaded),
        stale=sum(part.stale for part in loaded),
    )
