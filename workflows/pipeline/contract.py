"""The schema contract in a run: destinations without a table, columns that come late, and what a change leads to."""

import asyncio

from activities.pipeline import PipelineActivities
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.pipeline.loading import FindTable
from towpath.contracts.pipeline.pipeline import Source
from towpath.contracts.pipeline.schema import SchemaAction, SchemaChange
from towpath.contracts.pipeline.stages import Extracted, ExtractTask
from towpath.contracts.pipeline.tracing import TraceTask
from towpath.contracts.pipeline.transformation import Specification
from towpath.policy.pipeline.contract import SchemaDecision
from towpath.policy.pipeline.drift import impact_notes
from workflows.kit.failing import StepFailedError
from workflows.pipeline.state import PipelineState, specification_task

LATER = "was not seen at planning"


async def leave_out_tables(state: PipelineState, step: str) -> bool:
    """Whether any destination is left to load into: one without a table is left out, unless the contract makes it.

    Raises StepFailedError for a contract that freezes tables.
    """
    config, action = state.config, state.config.main.contract.tables
    if action is SchemaAction.EVOLVE:
        return True
    found = await asyncio.gather(
        *(
            asyncio.ensure_future(
                state.activity(
                    step,
                    PipelineActivities.find_table,
                    FindTable(destination=destination),
                    name=f"table/{destination.name}",
                    summary=f"Whether {destination.name} has its table",
                )
            )
            for destination in config.destinations
        )
    )
    missing = tuple(one.name for one, told in zip(config.destinations, found, strict=True) if not told.found)
    if missing and action is SchemaAction.FREEZE:
        message = f"{', '.join(missing)} has no table {config.target.table} yet, and the contract makes none: make it"
        raise state.refuse(step, FailureCode.PIPELINE_SCHEMA_CHANGED, f"{message}, or write tables: evolve")
    state.set(left_out=missing)
    state.note(*(f"{name} has no table yet, and the contract makes none: it was left out" for name in missing))
    return len(missing) < len(config.destinations)


def late_columns(
    state: PipelineState, source: Source, decision: SchemaDecision, done: list[tuple[ExtractTask, Extracted]]
) -> tuple[str, ...]:
    """Columns that the plan did not see and some rows have. The same contract holds for them, and decides here.

    Raises StepFailedError. What comes back decides about rows, which have to be read once more.
    """
    known = {column.name for column in (*decision.columns, *decision.new)}
    late = tuple(sorted({name for _, one in done for name in one.new_columns} - known))
    if not late:
        return ()
    action = source.contract.columns if source.columns else SchemaAction.EVOLVE
    unread = "; declare it to have it read" if action is SchemaAction.EVOLVE else ""
    changes = tuple(
        SchemaChange(
            kind="new_column", column=name, action=action, message=f"column {name} is new, and {LATER}{unread}"
        )
        for name in late
    )
    keep_changes(state, source, changes)
    if action is SchemaAction.FREEZE:
        raise refused(state, f"extract/{source.name}", source, changes)
    return late if action in {SchemaAction.DISCARD_ROW, SchemaAction.QUARANTINE_ROW} else ()


def keep_changes(state: PipelineState, source: Source, changes: tuple[SchemaChange, ...]) -> None:
    state.note(*(f"{source.name}: {change.message} ({change.action})" for change in changes))
    known = state.known.changes.get(source.name, ())
    state.set(changes={**state.known.changes, source.name: tuple(dict.fromkeys((*known, *changes)))})


def refused(
    state: PipelineState, step: str, source: Source, changes: tuple[SchemaChange, ...], *more: str
) -> StepFailedError:
    told = "; ".join((*(change.message for change in changes), *more))
    message = f"the schema of {source.name} changed, and its contract says {SchemaAction.FREEZE}: {told}"
    return state.refuse(step, FailureCode.PIPELINE_SCHEMA_CHANGED, message)


async def impact_of(state: PipelineState, step: str, specification: Specification) -> tuple[str, ...]:
    """What the columns that changed are used for. Nothing changed: nothing is asked."""
    changes = {source: found for source, found in state.known.changes.items() if found}
    if not changes:
        return ()
    task = TraceTask(
        **dict(specification_task(state, specification)),
        columns={source: tuple(dict.fromkeys(one.column for one in found)) for source, found in changes.items()},
    )
    traced = await state.activity(
        step, PipelineActivities.trace_columns, task, name="impact", summary="What the changed columns are used for"
    )
    return tuple(impact_notes(changes, traced.uses))
