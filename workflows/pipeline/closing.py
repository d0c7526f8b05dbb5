"""The end of a run: lineage told, report written, old datasets cleaned up. None of it can fail a load that is done."""

import asyncio
from collections.abc import Iterator
from typing import Literal

from activities.pipeline import PipelineActivities
from towpath.contracts.core.failure import Failure
from towpath.contracts.core.run import StepState
from towpath.contracts.pipeline.loading import CleanDestination, Destination
from towpath.contracts.pipeline.pipeline import PipelineOutcome, PipelineResult
from towpath.contracts.pipeline.retention import ForgetTask, HoldTask
from towpath.contracts.pipeline.stages import LineageTask, ReportTask
from towpath.policy.pipeline.retention import quarantined
from workflows.kit.calling import CallFailedError
from workflows.pipeline.state import PipelineState

PERHAPS_LOADED = "perhaps loaded, in parts or whole: the next run goes on after what is there"
Event = Literal["START", "COMPLETE", "FAIL", "ABORT"]


class PipelineClosing:
    def __init__(self, state: PipelineState) -> None:
        self._state = state
        self._steps = state.steps
        self._beginning: asyncio.Task[None] | None = None

    def begin_lineage(self) -> None:
        """Tell that the run has begun, beside its stages: no row waits for a collector."""
        self._beginning = asyncio.ensure_future(self._tell("START"))

    async def end_lineage(self, event: Event, failure: str = "") -> None:
        """Tell how the run ended, after it was told that it began."""
        if self._beginning is not None:
            await self._beginning
            await self._tell(event, failure)

    async def fail(self, failure: Failure, step: str) -> PipelineResult | None:
        """Tell of a run that failed, however early: its lineage, and a report of what was done until then."""
        if self._beginning is None:
            self.begin_lineage()
        await self.end_lineage("FAIL", str(failure.code))
        result = self.result(PipelineOutcome.FAILED)
        return await self.report(result, f"{step}: {failure.message} ({failure.code})")

    def end_steps(self) -> None:
        """Steps that a cancellation ended. Whether a part was loaded is known to the ledger of its destination."""
        for record in self._steps.record().steps:
            if record.state is StepState.RUNNING:
                note = PERHAPS_LOADED if record.step.startswith("load/") else ""
                self._steps.cancel(record.step, note)

    async def stop(self) -> None:
        """A cancelled run: nothing new is told of its beginning, but its end where that was told."""
        if self._beginning is None:
            return
        begun = self._beginning.done() and not self._beginning.cancelled()
        self._beginning.cancel()
        if begun:
            await self._tell("ABORT")

    async def _tell(self, event: Event, failure: str = "") -> None:
        """An event of OpenLineage. A collector that is down degrades the run and keeps nothing from it."""
        state, step = self._state, "lineage"
        self._steps.begin(step)
        known = state.known
        task = LineageTask(
            event=event,
            workflow_id=state.workflow_id,
            step=known.run_key,
            at=known.started_at if event == "START" else state.now,
            config=state.config,
            specification=known.specification,
            source_columns=known.columns,
            quality=known.quality[-1] if known.quality else None,
            rows={name: load.rows for name, load in known.loads.items()},
            size_bytes=0 if known.valid is None else known.valid.size_bytes,
            failure=failure,
        )
        try:
            await state.tell(PipelineActivities.emit_lineage, task, name=f"{step}/{event}", summary=f"Lineage: {event}")
        except CallFailedError as error:
            state.degrade(step, f"the event {event} was not told ({error.failure.code})")
            return
        if step not in state.known.degraded:
            self._steps.complete(step, note=event)

    async def report(self, result: PipelineResult, failure: str = "") -> PipelineResult:
        """The result with its report."""
        state, step = self._state, "report"
        self._steps.begin(step)
        task = ReportTask(
            config=state.config,
            workflow_id=state.workflow_id,
            result=result,
            source_columns=state.known.columns,
            dataset=state.known.valid,
            notes=state.known.notes,
            steps=self._steps.record().steps,
            failure=failure,
        )
        try:
            written = await state.tell(PipelineActivities.write_report, task, name=step, summary="Write the report")
        except CallFailedError as error:
            state.degrade(step, f"no report ({error.failure.code})")
            return result.model_copy(update={"degraded": state.known.degraded})
        self._steps.complete(step)
        return result.model_copy(update={"report": written.page, "document": written.document})

    async def clean_up(self) -> None:
        """Delete what is older than the pipeline's retention."""
        state, step = self._state, "clean-up"
        self._steps.begin(step)
        until = state.now + state.config.retention
        hold = HoldTask(run=state.load, until=until, uris=quarantined(state.known), ended=True)
        task = ForgetTask(before=state.now - state.config.retention, at=state.now, hold=hold)
        try:
            gone = await state.tell(PipelineActivities.forget_datasets, task, name=step, summary="Clean up the store")
        except CallFailedError as error:
            state.degrade(step, f"the store was not cleaned up ({error.failure.code})")
            return
        files, size = gone.files, gone.size_bytes
        for destination in self._to_clean():
            clean = CleanDestination(destination=destination, before=task.before, pipeline=state.config.id)
            name = f"{step}/{destination.name}"
            try:
                cleaned = await state.tell(
                    PipelineActivities.clean_destination, clean, name=name, summary=f"Clean up {name}"
                )
            except CallFailedError as error:
                state.degrade(step, f"{destination.name} was not cleaned up ({error.failure.code})")
                return
            files, size = files + cleaned.files, size + cleaned.size_bytes
        self._steps.complete(step, note=f"{files} files, {size:,} bytes")

    def _to_clean(self) -> Iterator[Destination]:
        """Datasets of files, and tables beside which parts may wait that were never appended."""
        for one in self._state.config.destinations:
            if one.name in self._state.known.loads and (one.type == "parquet" or one.strategy == "append"):
                yield one

    def result(self, outcome: PipelineOutcome) -> PipelineResult:
        state, known = self._state, self._state.known
        return PipelineResult(
            outcome=outcome,
            pipeline=state.config.id,
            run_key=known.run_key,
            loads=tuple(known.loads.values()),
            quality=known.quality,
            specification=known.specification,
            notes=known.notes,
            quarantine=known.quarantine,
            metrics=known.metrics,
            watermark=None if state.is_partial else known.reached,
            decision=known.decision,
            started_at=known.started_at,
            seconds=round((state.now - known.started_at).total_seconds(), 3),
            degraded=known.degraded,
            cost=self._steps.cost,
            nulls_made=known.nulls_made,
        )
