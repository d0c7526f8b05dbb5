"""The stages of a pipeline without Temporal: the same tasks in the same order, on a pool of data-plane processes.

The workflow's own stages decide what is done; here their calls go to the activities at once, with nothing recorded and
nothing tried again. `python -m bench.etl_stages` waits for its job.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from temporalio.testing import ActivityEnvironment
from temporalio.types import MethodAsyncSingleParam

from activities.pipeline import PipelineActivities
from bench.etl_gate import serve
from towpath.config.settings import WorkerSettings
from towpath.contracts.core.failure import Failure
from towpath.contracts.core.review import DecidedReview
from towpath.contracts.core.run import RunRecord
from towpath.contracts.pipeline.pipeline import PipelineOutcome, PipelineProgress, PipelineRequest, PipelineResult
from towpath.contracts.pipeline.plane import MIB, Setup
from towpath.contracts.pipeline.process import PIPELINE
from towpath.contracts.pipeline.quality import Quality
from towpath.contracts.pipeline.transformation import BackTest, FrozenSpecification
from towpath.contracts.pipeline.windows import WindowRequest, WindowResult
from towpath.integrations.storage.artefacts import ArtefactStore
from towpath.pool.dataplane import Dataplane
from workflows.kit.asking import Asker
from workflows.kit.calling import ArgT, ResultT, SelfT
from workflows.kit.steps import Steps
from workflows.pipeline.closing import PipelineClosing
from workflows.pipeline.extraction import Extraction
from workflows.pipeline.loading import Loading
from workflows.pipeline.quality import QualityGate
from workflows.pipeline.specification import Settling
from workflows.pipeline.state import PipelineState, titles
from workflows.pipeline.transformation import Transformation

TaskT = TypeVar("TaskT")
DoneT = TypeVar("DoneT")


class Unrecorded(Steps):
    """Steps that nobody watches."""

    def begin(self, step: str) -> None: ...

    def complete(self, step: str, *, attempts: int = 1, note: str = "") -> None: ...

    def keep(self, step: str) -> None: ...

    def degrade(self, step: str, note: str) -> None:
        raise RuntimeError(f"{step}: {note}")

    def skip(self, step: str, note: str = "") -> None: ...

    def fail(self, step: str, failure: Failure) -> None:
        raise RuntimeError(f"{step}: {failure.message}")

    def record(self) -> RunRecord:
        """Without steps: the report shows none."""
        return RunRecord(process=PIPELINE.name, workflow_id="", run_id="", status="", started_at=datetime.now(UTC))


class PlainState(PipelineState):
    """The state of a run whose calls are plain ones."""

    def __init__(self, request: PipelineRequest, activities: PipelineActivities) -> None:
        self.request = request
        self.config = request.config
        self.known = PipelineProgress(run_key=request.run_key, started_at=datetime.now(UTC))
        self.steps = Unrecorded(PIPELINE.name, titles(request.config), None)
        self.asker = Asker(self.steps, request.config.budget)
        self.back_test = None
        self._stages = {}
        self._activities: Any = activities

    @property
    def workflow_id(self) -> str:
        return PIPELINE.workflow_id(self.request, b"")

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    async def activity(
        self, step: str, activity: MethodAsyncSingleParam[SelfT, ArgT, ResultT], arg: ArgT, *, name: str, summary: str
    ) -> ResultT:
        del step
        return await self.tell(activity, arg, name=name, summary=summary)

    async def tell(
        self, activity: MethodAsyncSingleParam[SelfT, ArgT, ResultT], arg: ArgT, *, name: str, summary: str
    ) -> ResultT:
        del name, summary
        return await self._environment().run(activity, self._activities, arg)

    async def windows(self, step: str, request: WindowRequest, total: int) -> WindowResult:
        del step, total
        doors: PipelineActivities = self._activities
        turns = request.concurrency
        return WindowResult(
            extracted=await self._side_by_side(doors.extract_partition, request.extract, turns),
            transformed=await self._side_by_side(doors.transform_part, request.transform, turns),
            loaded=await self._side_by_side(doors.load_part, request.load, turns),
        )

    async def _side_by_side(
        self, act: Callable[[TaskT], Awaitable[DoneT]], tasks: Sequence[TaskT], concurrency: int
    ) -> tuple[DoneT, ...]:
        turns = asyncio.Semaphore(concurrency)

        async def one(task: TaskT) -> DoneT:
            async with turns:
                return await self._environment().run(act, task)

        return tuple(await asyncio.gather(*(one(task) for task in tasks)))

    def _environment(self) -> ActivityEnvironment:
        """What an activity asks about itself, outside of a worker."""
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, workflow_id=self.workflow_id)
        return environment


async def _nobody(_: FrozenSpecification | Quality, __: BackTest | None = None) -> DecidedReview | None:
    """No decision is asked for: the specification is written, and the quality is enough."""
    return None


async def carry_out(state: PipelineState) -> PipelineResult:
    """What `etl-pipeline` does when nothing goes wrong."""
    closing = PipelineClosing(state)
    await Extraction(state).run()
    frozen = await Settling(state, _nobody).run()
    if frozen is None:
        raise RuntimeError("the specification is not settled")
    closing.begin_lineage()
    valid = await QualityGate(state, _nobody).run(await Transformation(state).run(frozen))
    if valid is None:
        raise RuntimeError("the quality is too low")
    await Loading(state).run(valid)
    await closing.end_lineage("COMPLETE")
    await closing.clean_up()
    return await closing.report(closing.result(PipelineOutcome.LOADED))


async def _run(job: dict[str, Any]) -> dict[str, Any]:
    fields = WorkerSettings.model_fields
    setup = Setup(
        store=job["store"],
        scratch=job["scratch"],
        connections=job["connections"],
        memory_bytes=fields["pipeline_memory_mib"].default * MIB,
    )
    plane = Dataplane(setup, fields["pipeline_processes"].default)
    try:
        request = PipelineRequest.model_validate(job["request"])
        result = await carry_out(PlainState(request, PipelineActivities(plane, ArtefactStore(job["artefacts"]))))
    finally:
        await plane.close()
    return result.model_dump(mode="json")


if __name__ == "__main__":
    serve(lambda job: asyncio.run(_run(job)))
