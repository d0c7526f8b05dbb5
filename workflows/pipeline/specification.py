"""The specification of a run: written, or frozen before, or proposed by Claude, tried on rows, approved, and frozen."""

from collections.abc import Awaitable, Callable

from activities.pipeline import PipelineActivities
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.review import DecidedReview
from towpath.contracts.pipeline.pipeline import Proposing
from towpath.contracts.pipeline.retention import FindSpecification, KeepSpecification
from towpath.contracts.pipeline.stages import (
    BackTestTask,
    ProfileTask,
    ProposalInput,
    SpecificationCheck,
    SpecificationTask,
)
from towpath.contracts.pipeline.transformation import (
    BackTest,
    FrozenSpecification,
    Proposal,
    ProposalTask,
    Specification,
    SpecificationProblem,
)
from towpath.contracts.prompts import PROPOSE_TRANSFORMATION
from towpath.policy.pipeline.digests import schema_digest, specification_digest
from towpath.policy.pipeline.messages import proposal_note
from towpath.policy.pipeline.propose import proposal_task, read_proposal
from workflows.kit.asking import Asked
from workflows.kit.failing import StepFailedError
from workflows.pipeline.contract import impact_of
from workflows.pipeline.state import PipelineState, others, specification_task

STEP, APPROVAL = "specification", "approval"
MOST_ROUNDS = 4
"""One proposal and three repairs."""
SAMPLE_ROWS = 50
Approve = Callable[[FrozenSpecification, BackTest], Awaitable[DecidedReview | None]]


class Settling:
    """Ends with a frozen specification in the state, or with None when people did not approve it."""

    def __init__(self, state: PipelineState, approve: Approve) -> None:
        self._state = state
        self._steps = state.steps
        self._approve = approve
        config = state.config
        self._source = state.known.columns.get(config.main.name, config.main.columns)
        self._others = {
            source.name: state.known.columns.get(source.name, source.columns)
            for source in config.sources
            if source.name != config.main.name
        }
        self._schemas = (
            schema_digest(self._source, *(f"{name}:{schema_digest(c)}" for name, c in sorted(self._others.items()))),
            schema_digest(config.target.columns, *config.target.key, config.target.newest_by or ""),
        )

    async def run(self) -> FrozenSpecification | None:
        state, wanted = self._state, self._state.config.transformation
        if state.known.specification is not None:
            self._steps.keep(STEP)
            self._steps.skip(APPROVAL)
            return state.known.specification
        self._steps.begin(STEP)
        frozen = await (self._propose(wanted) if isinstance(wanted, Proposing) else self._written(wanted))
        if frozen is not None:
            state.set(specification=frozen)
            state.note(*filter(None, [proposal_note(frozen)]), *await impact_of(state, STEP, frozen.specification))
        return frozen

    async def _written(self, specification: Specification) -> FrozenSpecification:
        problems = (await self._check(specification, "check")).problems
        if problems:
            raise self._state.refuse(STEP, FailureCode.PIPELINE_SPECIFICATION, told(problems))
        self._steps.complete(STEP, note=f"{len(specification.operations)} operations, as written")
        self._steps.skip(APPROVAL)
        return self._frozen(specification, None)

    async def _propose(self, wanted: Proposing) -> FrozenSpecification | None:
        """The one that was frozen for the same schemas; Claude is asked when there is none."""
        state = self._state
        key = FindSpecification(
            pipeline=state.config.id, source_schema=self._schemas[0], target_schema=self._schemas[1]
        )
        found = await state.activity(
            STEP, PipelineActivities.find_specification, key, name="find", summary="Look for a frozen specification"
        )
        if found.frozen is not None:
            self._steps.complete(STEP, note=f"frozen before: {found.frozen.digest}")
            self._steps.skip(APPROVAL, "the specification is not new")
            return found.frozen
        frozen, tested = await self._new()
        self._steps.complete(STEP, note=f"proposed: {len(frozen.specification.operations)} operations")
        if wanted.approval == "required":
            decided = await self._approve(frozen, tested)
            state.set(decision=decided)
            if decided is None or decided.verdict != "approve":
                return None
            frozen = frozen.model_copy(update={"approved_by": decided.reviewer})
        else:
            self._steps.skip(APPROVAL, "the pipeline asks for none")
        keep = KeepSpecification(pipeline=state.config.id, frozen=frozen)
        kept = await state.activity(
            STEP, PipelineActivities.keep_specification, keep, name="keep", summary="Freeze the specification"
        )
        if kept.frozen is not None and kept.frozen.digest != frozen.digest:
            state.note(f"another run froze {kept.frozen.digest} first: it was used in place of {frozen.digest}")
        return kept.frozen or frozen

    async def _new(self) -> tuple[FrozenSpecification, BackTest]:
        """Proposed from profile, sample and target, and repaired with what is wrong with it. Raises StepFailedError."""
        given = await self._input()
        problems: tuple[SpecificationProblem, ...] = ()
        previous = ""
        for turn in range(1, MOST_ROUNDS + 1):
            asked = await self._ask(proposal_task(given, problems, previous))
            specification, problems = read_proposal(given.source, asked.output)
            previous = asked.output.model_dump_json()
            if specification is None:
                continue
            problems = (await self._check(specification, f"check/{turn}")).problems
            if problems:
                continue
            tested = await self._test(specification, turn)
            problems = tested.problems
            if not problems:
                return self._frozen(specification, asked), tested
        message = f"Claude's proposal stayed wrong: {told(problems)}"
        raise self._state.refuse(STEP, FailureCode.PIPELINE_SPECIFICATION, message)

    async def _input(self) -> ProposalInput:
        state, target = self._state, self._state.config.target
        main = state.config.main.name
        task = ProfileTask(dataset=state.known.extracted[main], sample=SAMPLE_ROWS)
        profiled = await state.activity(
            STEP, PipelineActivities.profile_dataset, task, name="profile", summary=f"Profile {main}"
        )
        return ProposalInput(
            source=main,
            columns=self._source,
            profile=profiled.profile,
            sample=profiled.sample,
            target=target.columns,
            key=target.key,
            newest_by=target.newest_by,
            others=self._others,
        )

    async def _ask(self, task: ProposalTask) -> Asked[Proposal]:
        try:
            return await self._state.asker.ask(STEP, PROPOSE_TRANSFORMATION, task)
        except StepFailedError as error:
            self._steps.fail(STEP, error.failure)
            raise

    async def _check(self, specification: Specification, name: str) -> SpecificationCheck:
        return await self._state.activity(
            STEP,
            PipelineActivities.check_specification,
            self._task(specification),
            name=name,
            summary="Check the specification against both schemas",
        )

    async def _test(self, specification: Specification, turn: int) -> BackTest:
        """On a sample of the rows, which it takes from the store itself, and on rows made to hurt it."""
        extracted, main = self._state.known.extracted, self._state.config.main.name
        task = BackTestTask(**dict(self._task(specification)), dataset=extracted[main], joined=others(extracted, main))
        return await self._state.activity(
            STEP, PipelineActivities.back_test, task, name=f"back-test/{turn}", summary="Try it on a sample"
        )

    def _task(self, specification: Specification) -> SpecificationTask:
        return specification_task(self._state, specification)

    def _frozen(self, specification: Specification, asked: Asked[Proposal] | None) -> FrozenSpecification:
        source, target = self._schemas
        return FrozenSpecification(
            digest=specification_digest(specification, source, target),
            specification=specification,
            source_schema=source,
            target_schema=target,
            origin="written" if asked is None else "proposed",
            provenance=None if asked is None else asked.provenance,
        )


def told(problems: tuple[SpecificationProblem, ...]) -> str:
    """The first few problems in a sentence."""
    first = "; ".join(f"{problem.place}: {problem.message}" for problem in problems[:3])
    return f"{len(problems)} problems: {first}"
