"""Quality: scored, remedied at most twice, and then decided by a person or by the policy."""

from collections.abc import Awaitable, Callable

from activities.pipeline import PipelineActivities
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.review import DecidedReview
from towpath.contracts.pipeline.dataset import Dataset
from towpath.contracts.pipeline.quality import Quality
from towpath.contracts.pipeline.schema import SchemaAction
from towpath.contracts.pipeline.stages import QualityChecked, RowQualityTask, TransformTask
from towpath.contracts.pipeline.transformation import Specification
from towpath.contracts.prompts import VALIDATE_SAMPLE
from towpath.policy.pipeline.counting import added, summed
from towpath.policy.pipeline.validation import kept_issues, shown_columns, validation_task
from workflows.kit.failing import StepFailedError
from workflows.pipeline.state import PipelineState, others

REPAIR = "repair."
"""Before the names of operations of a repair."""
QUALITY, REMEDIATION, REVIEW = "quality", "remediation", "quality-review"
MOST_ROUNDS = 3
"""The first look, and two after a remediation."""
STAGES = frozenset({"quality", "repair"})
Decide = Callable[[Quality], Awaitable[DecidedReview | None]]


class QualityGate:
    """Gives the dataset that may be loaded, or None when people said no."""

    def __init__(self, state: PipelineState, decide: Decide) -> None:
        self._state = state
        self._steps = state.steps
        self._decide = decide

    async def run(self, dataset: Dataset) -> Dataset | None:
        """Raises StepFailedError when the quality stays too low and the policy is to fail."""
        state = self._state
        if state.known.valid is not None:
            for step in (QUALITY, REMEDIATION, REVIEW):
                self._steps.keep(step)
            return state.known.valid
        self._forget()
        checked = await self._check(dataset, 1)
        valid = checked.valid if self._is_enough(checked) else await self._remedy(checked)
        if valid is not None:
            state.set(valid=valid)
        return valid

    def _forget(self) -> None:
        """What a run that this one redrives found here is found again: it must not count twice."""
        known = self._state.known
        self._state.set(
            quality=(),
            quarantine=tuple(rows for rows in known.quarantine if rows.stage not in STAGES),
            metrics=tuple(one for one in known.metrics if one.stage not in STAGES),
            nulls_made={name: rows for name, rows in known.nulls_made.items() if not name.startswith(REPAIR)},
        )

    async def _check(self, dataset: Dataset, turn: int) -> QualityChecked:
        state, policy = self._state, self._state.config.quality
        step = QUALITY if turn == 1 else REMEDIATION
        self._steps.begin(step)
        task = RowQualityTask(
            pipeline=state.config.id,
            dataset=dataset,
            rules=policy.rules,
            threshold=policy.threshold,
            related=others(state.known.extracted, state.config.main.name),
            history=state.known.history,
            began_at=state.known.started_at,
            strict=turn > 1 and policy.remediation == "quarantine",
            round=turn,
            nulls_made=state.known.nulls_made,
        )
        checked = await state.activity(
            step, PipelineActivities.check_quality, task, name=str(turn), summary=f"Check {dataset.rows:,} rows"
        )
        state.measured((checked.metrics,), checked.quarantined)
        if turn == 1 and policy.ask_claude and checked.sample:
            checked = await self._remarked(checked)
        state.set(quality=(*state.known.quality, checked.quality))
        if step in state.known.degraded:
            return checked
        score, bad = checked.quality.score, checked.quality.quarantined
        self._steps.complete(step, note=f"score {score:.4f}, threshold {policy.threshold}, {bad:,} rows quarantined")
        return checked

    async def _remarked(self, checked: QualityChecked) -> QualityChecked:
        """With Claude's remarks about the sample, which change neither score nor rows. Without them it goes on."""
        state, sample = self._state, checked.sample
        policy = state.config.quality
        target, rules = shown_columns(state.config.target.columns, policy.claude_columns), policy.rules
        try:
            asked = await state.asker.ask(QUALITY, VALIDATE_SAMPLE, validation_task(target, sample, rules))
        except StepFailedError as error:
            state.degrade(QUALITY, f"Claude did not look at the sample ({error.failure.code})")
            return checked
        issues = kept_issues(asked.output, target, sample)
        quality = checked.quality.model_copy(update={"issues": issues, "provenance": asked.provenance})
        return checked.model_copy(update={"quality": quality})

    def _is_enough(self, checked: QualityChecked) -> bool:
        enough = checked.quality.score >= self._state.config.quality.threshold
        if enough and checked.quality.round == 1:
            self._steps.skip(REMEDIATION, "the quality is good enough")
        if enough:
            self._steps.skip(REVIEW, "the quality is good enough")
        return enough

    async def _remedy(self, checked: QualityChecked) -> Dataset | None:
        """Repaired or quarantined, and looked at again, at most twice; then by the policy."""
        policy = self._state.config.quality
        for turn in range(2, MOST_ROUNDS + 1):
            dataset = checked.valid
            if policy.remediation == "repair" and policy.repair is not None:
                dataset = await self._repair(dataset, policy.repair, turn)
            checked = await self._check(dataset, turn)
            if self._is_enough(checked):
                return checked.valid
        if policy.otherwise == "fail":
            message = f"the score {checked.quality.score:.4f} stays below {policy.threshold}"
            raise self._state.refuse(REMEDIATION, FailureCode.PIPELINE_QUALITY, message)
        decided = await self._decide(checked.quality)
        self._state.set(decision=decided)
        return checked.valid if decided is not None and decided.verdict == "approve" else None

    async def _repair(self, dataset: Dataset, repair: Specification, turn: int) -> Dataset:
        """A specification from the target to the target: what it quarantines is gone from the dataset."""
        state, target = self._state, self._state.config.target
        step = f"{REMEDIATION}/{turn}"
        self._steps.begin(REMEDIATION)
        tasks = tuple(
            TransformTask(
                specification=repair.model_copy(update={"source": dataset.name}),
                source=target.columns,
                target=target.columns,
                parts=(part,),
                first=index,
                types=SchemaAction.QUARANTINE_ROW,
                stage="repair",
                partition=part.partition,
            )
            for index, part in enumerate(dataset.parts)
        )
        window = state.window(step).model_copy(update={"transform": tasks})
        done = (await state.windows(REMEDIATION, window, len(tasks))).transformed
        state.measured((one.metrics for one in done), (one.quarantined for one in done))
        made = summed(one.errors for one in done)
        state.set(nulls_made=added(state.known.nulls_made, {f"{REPAIR}{name}": rows for name, rows in made.items()}))
        parts = tuple(one.valid for one in done if one.valid is not None and one.valid.rows)
        return dataset.model_copy(update={"parts": parts})
