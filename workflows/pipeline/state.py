"""What one run of a pipeline knows: its steps, how far each stage is, and what a redrive begins with."""

import asyncio
from collections.abc import Iterable
from datetime import datetime

from temporalio import workflow
from temporalio.types import MethodAsyncSingleParam

from activities.pipeline import PipelineActivities
from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.wire import clip
from towpath.contracts.pipeline.dataset import Column, Dataset, QuarantinedRows, StageMetrics
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineProgress, PipelineRequest
from towpath.contracts.pipeline.process import PIPELINE
from towpath.contracts.pipeline.retention import HoldTask
from towpath.contracts.pipeline.stages import SpecificationTask
from towpath.contracts.pipeline.transformation import BackTest, Specification
from towpath.contracts.pipeline.view import PipelineView, StageProgress
from towpath.contracts.pipeline.windows import WindowRequest, WindowResult
from towpath.policy.pipeline.finished import completed, finished, kept_results, without
from towpath.policy.pipeline.retention import needed
from workflows.kit.asking import Asker
from workflows.kit.calling import ArgT, CallFailedError, ResultT, SelfT, call
from workflows.kit.failing import StepFailedError
from workflows.kit.notices import tell_team
from workflows.kit.options import DATA, TOLD
from workflows.kit.steps import Steps
from workflows.pipeline.windows import perform_windows


def titles(config: PipelineConfig) -> dict[str, str]:
    """Steps of a run in their order: some depend on the pipeline."""
    return {
        "plan": "Plan the partitions",
        **{f"extract/{source.name}": f"Extract {source.name}" for source in config.sources},
        "specification": "Settle the specification",
        "approval": "Approval of a new specification",
        "duplicates": "Find keys that occur twice",
        "transform": "Transform",
        "quality": "Check the quality",
        "remediation": "Remedy the quality",
        "quality-review": "Review of the quality by a person",
        **{f"load/{destination.name}": f"Load into {destination.name}" for destination in config.destinations},
        "lineage": "Tell the lineage",
        "report": "Write the report",
        "clean-up": "Clean up the store",
    }


class PipelineState:
    """`known` is everything that the run knows so far; the stages set its fields and nothing else does."""

    def __init__(self, request: PipelineRequest) -> None:
        info = workflow.info()
        fresh = PipelineProgress(run_key=request.run_key or info.first_execution_run_id, started_at=info.start_time)
        self.request = request
        self.config = request.config
        self.known = request.resume or fresh
        self.steps = Steps(PIPELINE.name, titles(request.config), request.redrive_of)
        self.asker = Asker(self.steps, request.config.budget)
        self.back_test: BackTest | None = None
        self._stages: dict[str, StageProgress] = {}
        self._is_held = False

    @property
    def load(self) -> str:
        """Names this run's load in the ledgers of all destinations: the same in a redrive."""
        return f"{self.config.id}/{self.known.run_key}"

    @property
    def workflow_id(self) -> str:
        return workflow.info().workflow_id

    @property
    def now(self) -> datetime:
        return workflow.now()

    @property
    def is_partial(self) -> bool:
        """It loads some dates or replayed rows only: the watermark stays where it is."""
        return self.request.dates is not None or bool(self.request.replay)

    def set(self, **fields: object) -> None:
        self.known = self.known.model_copy(update=fields)

    def note(self, *notes: str) -> None:
        """Each once, however often a redrive comes to it."""
        self.set(notes=tuple(dict.fromkeys((*self.known.notes, *notes))))

    def degrade(self, what: str, why: str) -> None:
        """The run goes on without something that changes no row."""
        self.set(degraded={**self.known.degraded, what: why})
        self.steps.degrade(what, why)

    def measured(self, metrics: Iterable[StageMetrics], quarantined: Iterable[QuarantinedRows | None]) -> None:
        """Keep what partitions took, and what they quarantined."""
        kept = tuple(rows for rows in quarantined if rows is not None and rows.part.rows)
        self.set(metrics=(*self.known.metrics, *metrics), quarantine=(*self.known.quarantine, *kept))

    async def activity(
        self, step: str, activity: MethodAsyncSingleParam[SelfT, ArgT, ResultT], arg: ArgT, *, name: str, summary: str
    ) -> ResultT:
        """One task of a step that has several. Raises StepFailedError; the step fails with it."""
        try:
            result = await call(activity, arg, DATA, activity_id=f"{step}/{name}" if name else step, summary=summary)
        except CallFailedError as error:
            raise self.steps.failed(step, error.failure) from error
        _end_if_cancelled()
        return result

    async def tell(
        self, activity: MethodAsyncSingleParam[SelfT, ArgT, ResultT], arg: ArgT, *, name: str, summary: str
    ) -> ResultT:
        """An activity at the end of a run, which no row waits for. Raises CallFailedError."""
        return await call(activity, arg, TOLD, activity_id=name, summary=summary)

    async def begin_hold(self) -> None:
        """What the run makes stays for its own retention at least, whoever cleans up while it goes on."""
        self._is_held = True
        await self.hold_on("begin")

    async def hold_on(self, why: str) -> None:
        """So it does again when the run goes on after it has waited."""
        if self._is_held:
            until = self.now + self.config.retention
            await self._hold(why, HoldTask(run=self.load, until=until, since=self.known.started_at))
            _end_if_cancelled()

    async def hold(self, why: str, until: datetime) -> None:
        """What the run has made until it waits or ends stays in the store for so long and its retention; no more."""
        uris = needed(self.known)
        if uris or self._is_held:
            until += self.config.retention
            await self._hold(why, HoldTask(run=self.load, until=until, uris=uris, ended=self._is_held))

    async def hold_waiting(self, why: str, until: datetime) -> None:
        """A run that was cancelled meanwhile does not wait."""
        await self.hold(why, until)
        if self._is_held:
            _end_if_cancelled()

    async def _hold(self, why: str, task: HoldTask) -> None:
        try:
            await self.tell(PipelineActivities.hold_datasets, task, name=f"hold/{why}", summary="Keep what it has made")
        except CallFailedError as error:
            self.note(f"what the run has made is not held in the store ({error.failure.code})")

    async def windows(self, step: str, request: WindowRequest, total: int) -> WindowResult:
        """The partitions of a stage. Raises StepFailedError."""
        begun = self._stages.get(step) or StageProgress(stage=step, started_at=self.now)
        self._stages[step] = begun.model_copy(update={"total": total, "ended_at": None})
        known = self.known.unfinished.get(request.step, {})
        kept = kept_results(request, known)
        for one in kept.values():
            self._advance(step, one.metrics.rows_out, one.metrics.size_bytes)
        rest = without(request, kept)
        result = await perform_windows(rest, lambda rows, size: self._advance(step, rows, size))
        others = {name: done for name, done in self.known.unfinished.items() if name != request.step}
        if result.failure is not None:
            self.set(unfinished={**others, request.step: {**known, **finished(rest, result)}})
            raise self.steps.failed(step, result.failure)
        _end_if_cancelled()
        self.set(unfinished=others)
        self._stages[step] = self._stages[step].model_copy(update={"ended_at": self.now})
        return completed(result, kept)

    def window(self, step: str, concurrency: int | None = None) -> WindowRequest:
        """An empty window of a step, to be filled with tasks."""
        return WindowRequest(
            owner=self.workflow_id, step=step, first=1, concurrency=concurrency or self.config.concurrency
        )

    def refuse(self, step: str, code: FailureCode, message: str) -> StepFailedError:
        """The run cannot go on, for a reason that no retry mends."""
        return self.steps.failed(step, Failure(code=code, message=clip(message)))

    async def notify(self, team: str, event: str, title: str, text: str) -> Failure | None:
        return await tell_team(team, f"notice/{event}", title, text)

    def progress(self) -> PipelineProgress:
        """What a redrive begins with."""
        return self.known.model_copy(update={"cost": self.steps.cost})

    def view(self) -> PipelineView:
        known = self.known
        return PipelineView(
            pipeline=self.config.id,
            run_key=known.run_key,
            stages=tuple(self._stages.values()),
            notes=known.notes,
            quality=known.quality,
            loads=tuple(known.loads.values()),
            quarantined=sum(rows.part.rows for rows in known.quarantine),
            back_test=self.back_test,
        )

    def loaded_last(self, step: str, total: int, rows: int) -> None:
        """The part that carries the watermark is in no window, and counts like the others."""
        before = self._stages.get(step) or StageProgress(stage=step, total=total, started_at=self.now)
        self._stages[step] = before.model_copy(update={"ended_at": self.now})
        self._advance(step, rows, 0)

    def _advance(self, step: str, rows: int, size_bytes: int) -> None:
        before = self._stages[step]
        self._stages[step] = before.model_copy(
            update={
                "done": before.done + 1,
                "rows": before.rows + rows,
                "size_bytes": before.size_bytes + size_bytes,
            }
        )
        self.steps.remark(step, f"{before.done + 1} of {before.total} partitions, {before.rows + rows:,} rows")


def _end_if_cancelled() -> None:
    """An activity that succeeds before it hears of the cancellation would let the run go on."""
    if workflow.cancellation_reason() is not None:
        raise asyncio.CancelledError


def others(datasets: dict[str, Dataset], main: str) -> dict[str, Dataset]:
    """What joins and foreign keys may look at."""
    return {name: dataset for name, dataset in datasets.items() if name != main}


def specification_task(state: PipelineState, specification: Specification) -> SpecificationTask:
    """A specification between the schemas of this run."""
    config, columns = state.config, state.known.columns
    related: dict[str, tuple[Column, ...]] = {
        source.name: columns.get(source.name, source.columns) for source in config.sources if source is not config.main
    }
    return SpecificationTask(
        specification=specification,
        source=columns.get(config.main.name, config.main.columns),
        target=config.target.columns,
        key=config.target.key,
        newest_by=config.target.newest_by,
        others=related,
    )
