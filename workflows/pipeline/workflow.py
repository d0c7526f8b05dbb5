"""The process etl-pipeline: rows from sources to destinations, each once. References travel, rows never do."""

from temporalio import workflow

from towpath.contracts.core.delivery import OPERATIONS_TEAM
from towpath.contracts.core.review import DecidedReview
from towpath.contracts.core.run import DeadLetter
from towpath.contracts.pipeline.dataset import Dataset
from towpath.contracts.pipeline.pipeline import PipelineFailure, PipelineOutcome, PipelineRequest, PipelineResult
from towpath.contracts.pipeline.process import PIPELINE
from towpath.contracts.pipeline.quality import Quality
from towpath.contracts.pipeline.transformation import BackTest, FrozenSpecification
from towpath.contracts.pipeline.view import PipelineView
from towpath.policy.pipeline.messages import failure_notice, quality_reasons, review_notice, specification_reasons
from towpath.policy.pipeline.starting import start_problems
from workflows.kit.failing import StepFailedError
from workflows.kit.process import ProcessRun
from workflows.kit.review import Asking, Reviewable, plan_by
from workflows.kit.signing import kept_counts
from workflows.kit.starting import refuse_start
from workflows.kit.task import NOT_PENDING, Desk
from workflows.pipeline.closing import PipelineClosing
from workflows.pipeline.extraction import Extraction
from workflows.pipeline.loading import Loading, standing
from workflows.pipeline.quality import REVIEW, QualityGate
from workflows.pipeline.specification import APPROVAL, Settling
from workflows.pipeline.state import PipelineState
from workflows.pipeline.transformation import Transformation


@workflow.defn(name=PIPELINE.name)
class EtlPipelineWorkflow(ProcessRun, Reviewable):
    """One run of a pipeline. A failed one waits in a queue, and a redrive of it goes on after its last whole stage."""

    @workflow.init
    def __init__(self, request: PipelineRequest) -> None:
        refuse_start(start_problems(request.config))
        if request.resume is not None and not kept_counts(request):
            request = request.model_copy(update={"resume": None})
        self._request = request
        self._state = PipelineState(request)
        ProcessRun.__init__(self, PIPELINE, self._state.steps)
        Reviewable.__init__(self)
        self._closing = PipelineClosing(self._state)

    @workflow.query(name="pipeline")
    def pipeline(self) -> PipelineView:
        """How far each stage is, what the quality was, and what a new specification does to the sample."""
        return self._state.view()

    @workflow.run
    async def run(self, request: PipelineRequest) -> PipelineResult:
        self.introduce(request)
        if request.discard is not None:
            self.steps.end(PipelineOutcome.DISCARDED)
            return self._closing.result(PipelineOutcome.DISCARDED).model_copy(update={"discarded": request.discard})
        return await self.carry_out(self._load_and_close())

    async def _load_and_close(self) -> PipelineResult:
        return await self._end(await self._go_through())

    async def _go_through(self) -> PipelineOutcome:
        """The stages in their order. Raises StepFailedError."""
        state = self._state
        await state.begin_hold()
        await Extraction(state).run()
        if not state.known.extracted[state.config.main.name].parts:
            return await self._load_nothing()
        frozen = await Settling(state, self._approve).run()
        if frozen is None:
            return self._undecided()
        self._closing.begin_lineage()
        transformed = await Transformation(state).run(frozen)
        valid = await QualityGate(state, self._review_quality).run(transformed)
        if valid is None:
            return self._undecided()
        return await self._load(valid)

    async def _load(self, valid: Dataset) -> PipelineOutcome:
        if not valid.parts:
            return await self._load_nothing()
        await Loading(self._state).run(valid)
        return PipelineOutcome.LOADED

    async def _load_nothing(self) -> PipelineOutcome:
        """Rows that are quarantined or left out are not read again: the watermark moves past them."""
        state = self._state
        if not (state.known.new_rows or state.known.behind):
            return PipelineOutcome.NOTHING
        if state.known.reached is not None and not state.is_partial:
            await Loading(state).run(Dataset(name=state.config.target.table))
        return PipelineOutcome.QUARANTINED if state.known.quarantine else PipelineOutcome.NOTHING

    async def _end(self, outcome: PipelineOutcome) -> PipelineResult:
        await self._closing.end_lineage("COMPLETE")
        await self._closing.clean_up()
        result = self._closing.result(outcome)
        if outcome is not PipelineOutcome.NOTHING:
            result = await self._closing.report(result)
        for step in self.steps.record().steps:
            if step.state == "pending":
                self.steps.skip(step.step, outcome)
        self.steps.end(outcome, *NOT_PENDING)
        return result

    def _undecided(self) -> PipelineOutcome:
        """Nobody said yes: rejected, or expired."""
        return PipelineOutcome.EXPIRED if self._state.known.decision is None else PipelineOutcome.REJECTED

    async def _approve(self, frozen: FrozenSpecification, tested: BackTest) -> DecidedReview | None:
        self._state.back_test = tested
        title = f"new specification of pipeline {self._state.config.id}"
        return await self._decide(APPROVAL, title, specification_reasons(frozen, tested))

    async def _review_quality(self, quality: Quality) -> DecidedReview | None:
        title = f"load rows of low quality by pipeline {self._state.config.id}"
        return await self._decide(REVIEW, title, quality_reasons(quality))

    async def _decide(self, step: str, title: str, reasons: tuple[str, ...]) -> DecidedReview | None:
        """The decision; None when nobody decided in time. Raises StepFailedError when nobody can be asked."""
        state = self._state
        self.steps.begin(step)
        plan = plan_by(state.config.review, step, title, reasons, step)
        asking = Asking(self, self.steps, plan, Desk(review_notice, state.notify))
        asking.open(step)
        await state.hold_waiting(step, asking.due_at)
        decided = await asking.decision()
        note = "expired" if decided is None else f"{decided.verdict} by {decided.reviewer}"
        self.steps.complete(step, note=note)
        await asking.tell_end()
        await state.hold_on(f"{step}/closed")
        return decided

    async def on_failure(self, error: StepFailedError) -> tuple[DeadLetter, PipelineFailure]:
        """Tell operations, queue. What is loaded stays: a redrive loads the rest."""
        state = self._state
        letter = self.letter(error, workflow.now(), not_undone=standing(state))
        await state.hold("failed", workflow.now())
        told = await self._closing.fail(error.failure, error.step)
        notice = failure_notice(state.config.id, workflow.info().workflow_id, letter)
        await state.notify(OPERATIONS_TEAM, "failure", *notice)
        again = self._request.model_copy(update={"resume": state.progress(), "discard": None})
        return letter, PipelineFailure(pipeline=again, report=told and told.report, document=told and told.document)

    async def on_cancel(self) -> None:
        self._closing.end_steps()
        await self._closing.stop()
