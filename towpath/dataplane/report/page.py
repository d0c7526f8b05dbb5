"""The report of a run: one HTML page with its plots, which loads and runs nothing, and the same facts as JSON."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from towpath.contracts.core.claude import OFFLINE_MODEL
from towpath.contracts.pipeline.dataset import Profile, StageMetrics
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineOutcome
from towpath.contracts.pipeline.quality import RuleResult
from towpath.contracts.pipeline.stages import ReportRendered, ReportTask
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.quality.checking import POSITION
from towpath.dataplane.report.drawings import (
    lineage_graph,
    rows_by_rule,
    rows_by_stage,
    seconds_by_stage,
    spans_of_steps,
)
from towpath.dataplane.report.facts import ColumnOrigin, ReportFacts, facts_of
from towpath.dataplane.report.rendering import render
from towpath.dataplane.specification.lineage import DECIDING
from towpath.dataplane.specification.profile import profile_of
from towpath.dataplane.specification.running import engine

MOST_PARTITIONS = 20
_GOOD = frozenset({PipelineOutcome.LOADED, PipelineOutcome.NOTHING})


class RowTotals(NamedTuple):
    read: int
    loaded: int
    quarantined: int


class Example(NamedTuple):
    """A row that fails a rule: where it was read, and its values as JSON."""

    position: str
    row: str


def page(config: PipelineConfig, facts: ReportFacts) -> str:
    """`<!doctype html>` and all that follows."""
    result = facts.result
    return render(
        "report.html",
        config=config,
        facts=facts,
        result=result,
        standing="bad" if facts.failure else "good" if result.outcome in _GOOD else "warn",
        rows=_totals(facts),
        offline=OFFLINE_MODEL in result.cost.models,
        passing=rows_by_rule(result.quality),
        failing=_failing,
        spans=spans_of_steps(facts.steps, result.started_at),
        flow=rows_by_stage(facts.stages),
        time=seconds_by_stage(facts.stages),
        slowest=_slowest(result.metrics),
        graph=lineage_graph(config, facts.lineage),
        deciding=_deciding(facts.lineage),
        masked=list(dict.fromkeys(one.target for one in facts.lineage if one.masking)),
    )


def _totals(facts: ReportFacts) -> RowTotals:
    return RowTotals(
        read=sum(stage.rows_in for stage in facts.stages if stage.stage == "extract"),
        loaded=max((load.rows for load in facts.result.loads), default=0),
        quarantined=sum(rows.part.rows for rows in facts.result.quarantine),
    )


def _failing(result: RuleResult) -> list[Example]:
    return [
        Example(
            str(row.get(POSITION, "")),
            json.dumps({name: value for name, value in row.items() if name != POSITION}, ensure_ascii=False),
        )
        for row in result.samples
    ]


def _slowest(metrics: Sequence[StageMetrics]) -> list[StageMetrics]:
    return sorted(metrics, key=lambda one: one.seconds, reverse=True)[:MOST_PARTITIONS]


def _deciding(lineage: Sequence[ColumnOrigin]) -> dict[str, list[str]]:
    """Columns that decide which rows there are, each once, by how they decide."""
    deciding: dict[str, dict[str, None]] = {}
    for one in lineage:
        if one.kind in DECIDING:
            deciding.setdefault(one.kind.replace("_", " "), {})[f"{one.source}.{one.column}"] = None
    return {kind: list(names) for kind, names in deciding.items()}


MOST_ROWS = 50_000
"""Looked at in the profile of a report, which every run pays for."""
MOST_KEYS = 100_000
"""Rows whose keys are counted for the report. Of more, the rules of the quality tell."""


def write_report(task: ReportTask, work: Workspace) -> ReportRendered:
    """Raises DatasetStoreError and EngineError."""
    facts = facts_of(task, _profile(task, work), work)
    return ReportRendered(page=page(task.config, facts), document=facts.model_dump_json(indent=2))


def _profile(task: ReportTask, work: Workspace) -> Profile | None:
    """Of the target's columns; sizes are those of the dataset that was loaded."""
    if task.dataset is None or not task.dataset.parts:
        return None
    key = task.config.target.key if task.dataset.rows <= MOST_KEYS else ()
    with engine(work) as connection:
        return profile_of(connection, work, task.dataset, key, most=MOST_ROWS)
