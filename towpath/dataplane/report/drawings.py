"""The plots of a report's page: steps by time, rows and seconds by stage, rows by rule, and the lineage as a graph."""

from collections.abc import Sequence
from datetime import datetime

from towpath.contracts.core.run import StepRecord, StepState
from towpath.contracts.core.wire import clip
from towpath.contracts.pipeline.pipeline import PipelineConfig
from towpath.contracts.pipeline.quality import Quality, RuleResult
from towpath.dataplane.report.facts import ColumnOrigin, StageTotal
from towpath.dataplane.report.plots import WIDE, Bar, Drawing, Graph, bars
from towpath.dataplane.report.words import count, seconds, share
from towpath.dataplane.specification.lineage import DECIDING

LONGEST_RULE = 30


def spans_of_steps(steps: Sequence[StepRecord], began: datetime | None) -> Drawing | None:
    """Steps that have begun and ended, from the beginning of the run on. What was kept from an earlier run is not."""
    spans: list[Bar] = []
    for step in steps:
        done = step.state not in {StepState.PENDING, StepState.SKIPPED}
        if began is None or not done or step.started_at is None or step.ended_at is None or step.started_at < began:
            continue
        start, took = (step.started_at - began).total_seconds(), (step.ended_at - step.started_at).total_seconds()
        failed = step.state in {StepState.FAILED, StepState.DEGRADED}
        figure = f"{seconds(took)}{f', {step.state}' if failed else ''}"
        spans.append(Bar(step.title, 0 if failed else took, figure, took if failed else 0, start))
    return bars("Steps by time", spans, WIDE) if spans else None


def rows_by_stage(stages: Sequence[StageTotal]) -> Drawing:
    return bars("Rows by stage", [_flow(one) for one in stages])


def seconds_by_stage(stages: Sequence[StageTotal]) -> Drawing:
    return bars("Seconds by stage", [Bar(one.stage, one.seconds, _seconds(one)) for one in stages])


def rows_by_rule(rounds: Sequence[Quality]) -> Drawing | None:
    """Rules that look at rows, in the first round; the others look at the whole."""
    rules = [(place, one) for place, one in enumerate(rounds[0].results, 1) if one.rows > 1] if rounds else []
    drawn = [
        Bar(
            clip(one.rule, LONGEST_RULE),
            one.passing * one.rows,
            _passing(one),
            one.failed,
            link=f"rule-{place}-rows" if one.samples else "",
        )
        for place, one in rules
    ]
    return bars("Rules", drawn, WIDE) if drawn else None


def lineage_graph(config: PipelineConfig, lineage: Sequence[ColumnOrigin]) -> Drawing:
    """Curves are what columns are made of; what decides about rows is not drawn, since it leads to every column."""
    graph = Graph()
    drawn = [one for one in lineage if one.kind not in DECIDING]
    places = {
        source.name: graph.box(
            0, source.name, list(dict.fromkeys(one.column for one in drawn if one.source == source.name)), source.type
        )
        for source in config.sources
    }
    target = graph.box(1, config.target.table, [column.name for column in config.target.columns], "target")
    for one in drawn:
        graph.curve(places[one.source][one.column][1], target[one.target][0], one.kind)
    for destination in config.destinations:
        box = graph.box(2, destination.name, [], f"{destination.type}, {destination.strategy}")
        graph.curve(target[""][1], box[""][0], "load")
    return graph.drawing("Columns of sources, of the target, and destinations")


def _flow(stage: StageTotal) -> Bar:
    link = f"quarantine-{stage.quarantine}" if stage.quarantine else ""
    return Bar(stage.stage, stage.rows_out, _rows(stage), stage.rows_quarantined, link=link)


def _rows(stage: StageTotal) -> str:
    bad = f", {count(stage.rows_quarantined)} bad" if stage.rows_quarantined else ""
    return f"{count(stage.rows_out)}{bad}"


def _seconds(stage: StageTotal) -> str:
    return f"{seconds(stage.seconds)}, {stage.partitions} part{'s' if stage.partitions > 1 else ''}"


def _passing(result: RuleResult) -> str:
    return f"{share(result.rows - result.failed, result.rows)}, {count(result.failed)} fail"
