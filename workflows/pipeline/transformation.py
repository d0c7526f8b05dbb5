"""Transformation: keys that occur twice are found over all parts, then every part is transformed by itself."""

from typing import Any

from activities.pipeline import PipelineActivities
from towpath.contracts.pipeline.dataset import Dataset, DatasetPart
from towpath.contracts.pipeline.stages import DuplicatesTask, SpecificationTask, TransformTask
from towpath.contracts.pipeline.transformation import FrozenSpecification, Specification
from towpath.policy.pipeline.counting import summed
from workflows.pipeline.state import PipelineState, specification_task

DUPLICATES, TRANSFORM = "duplicates", "transform"


class Transformation:
    def __init__(self, state: PipelineState) -> None:
        self._state = state
        self._steps = state.steps

    async def run(self, frozen: FrozenSpecification) -> Dataset:
        """The rows that the specification lets through, in the order of their partitions. Raises StepFailedError."""
        state = self._state
        if state.known.transformed is not None:
            self._steps.keep(DUPLICATES)
            self._steps.keep(TRANSFORM)
            return state.known.transformed
        source = state.known.extracted[state.config.main.name]
        superseded = await self._superseded(frozen.specification, source)
        transformed = await self._transform(frozen.specification, source, superseded)
        state.set(transformed=transformed)
        return transformed

    async def _superseded(self, specification: Specification, source: Dataset) -> DatasetPart | None:
        if not specification.deduplicates or specification.aggregates:
            self._steps.skip(DUPLICATES, "each part is transformed by itself")
            return None
        self._steps.begin(DUPLICATES)
        task = DuplicatesTask(
            **_fields(specification_task(self._state, specification)),
            parts=source.parts,
            related=self._related(specification),
            types=self._state.config.main.contract.types,
        )
        found = await self._state.activity(
            DUPLICATES, PipelineActivities.find_duplicates, task, name="", summary="Find keys that occur twice"
        )
        self._steps.complete(DUPLICATES, note=f"{found.keys:,} keys, {found.rows:,} older rows")
        return found.superseded

    async def _transform(
        self, specification: Specification, source: Dataset, superseded: DatasetPart | None
    ) -> Dataset:
        """One task for each part; a single one for all where the specification aggregates."""
        state = self._state
        self._steps.begin(TRANSFORM)
        fields = _fields(specification_task(state, specification))
        related, types = self._related(specification), state.config.main.contract.types
        whole = specification.aggregates
        groups: list[tuple[DatasetPart, ...]] = [source.parts] if whole else [(part,) for part in source.parts]
        tasks = tuple(
            TransformTask(
                **fields,
                parts=parts,
                first=first,
                superseded=superseded,
                related=related,
                types=types,
                partition="all" if whole else parts[0].partition,
            )
            for first, parts in enumerate(groups)
        )
        window = state.window(TRANSFORM).model_copy(update={"transform": tasks})
        done = (await state.windows(TRANSFORM, window, len(tasks))).transformed
        state.measured((one.metrics for one in done), (one.quarantined for one in done))
        made = summed(one.errors for one in done)
        state.set(nulls_made=made)
        parts = tuple(one.valid for one in done if one.valid is not None and one.valid.rows)
        dataset = Dataset(name=state.config.target.table, parts=parts, columns=state.config.target.columns)
        left_out = sum(sum(one.left_out.values()) for one in done)
        bad = sum(one.metrics.rows_quarantined for one in done)
        note = f"{dataset.rows:,} rows, {left_out:,} left out, {bad:,} quarantined"
        nulls = sum(made.values())
        self._steps.complete(TRANSFORM, note=f"{note}, {nulls:,} nulls made" if nulls else note)
        return dataset

    def _related(self, specification: Specification) -> dict[str, Dataset]:
        return {name: self._state.known.extracted[name] for name in specification.joined_sources}


def _fields(task: SpecificationTask) -> dict[str, Any]:
    """The fields of a task, for the larger tasks that begin with the same ones: each has its own type."""
    return dict(task)
