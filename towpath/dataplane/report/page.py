"""The page of a report: one HTML file that loads nothing, and runs nothing."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from towpath.contracts.core.claude import OFFLINE_MODEL
from towpath.contracts.pipeline.dataset import StageMetrics
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineOutcome
from towpath.contracts.pipeline.quality import Quality, RuleResult
from towpath.dataplane.quality.checking import POSITION
from towpath.dataplane.report.facts import ReportFacts
from towpath.dataplane.report.lineage import deciding_columns, lineage_graph
from towpath.dataplane.report.plots import WIDE, Bar, Drawing, bars
from towpath.dataplane.report.rendering import render
from towpath.dataplane.report.stages import rows_by_stage, seconds_by_stage, spans_of_steps
from towpath.dataplane.report.words import count, share

MOST_PARTITIONS = 20
LONGEST_RULE = 30
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
        passing=_passing(result.quality),
        failing=_failing,
        spans=spans_of_steps(facts.steps, result.started_at),
        flow=rows_by_stage(facts.stages),
        time=seconds_by_stage(facts.stages),
        slowest=_slowest(result.metrics),
        graph=lineage_graph(config, facts.lineage),
        deciding=deciding_columns(facts.lineage),
        masked=list(dict.fromkeys(one.target for one in facts.lineage if one.masking)),
    )


def _totals(facts: ReportFacts) -> RowTotals:
    return RowTotals(
        read=sum(stage.rows_in for stage in facts.stages if stage.stage == "extract"),
        loaded=max((load.rows for load in facts.result.loads), default=0),
        quarantined=sum(rows.part.rows for rows in facts.result.quarantine),
    )


def _passing(rounds: Sequence[Quality]) -> Drawing | None:
    """Rules that look at rows, in the first round; the others look at the whole."""
    rules = [one for one in rounds[0].results if one.rows > 1] if rounds else []
    drawn = [Bar(_short(one.rule), one.passing * one.rows, _figure(one), one.failed) for one in rules]
    return bars("Rules", drawn, WIDE) if drawn else None


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_RULE else f"{name[: LONGEST_RULE - 1]}…"


def _figure(result: RuleResult) -> str:
    return f"{share(result.rows - result.failed, result.rows)}, {count(result.failed)} fail"


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
