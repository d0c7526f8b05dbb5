"""The stages of a report: when each step went on, how many rows came through, and what partitions took."""

from collections.abc import Sequence
from datetime import datetime

from towpath.contracts.core.run import StepRecord, StepState
from towpath.contracts.pipeline.dataset import StageMetrics
from towpath.dataplane.report.facts import StageTotal
from towpath.dataplane.report.markup import Markup, tag, text, texts
from towpath.dataplane.report.parts import gap, plot, section, table
from towpath.dataplane.report.plots import WIDE, Bar, bars
from towpath.dataplane.report.words import count, seconds, size

MOST_PARTITIONS = 20
_FIGURES = ("Rows in", "Rows out", "Bad", "Bytes", "Time", "CPU", "Peak RSS")


def stages_section(
    stages: Sequence[StageTotal], metrics: Sequence[StageMetrics], steps: Sequence[StepRecord], began: datetime | None
) -> Markup:
    shown: list[Markup] = []
    spans = [] if began is None else _spans(steps, began)
    if spans:
        shown += [plot("When each step went on", bars("Steps by time", spans, WIDE)), gap()]
    if stages:
        shown += [_flows(stages), gap(), _totals(stages), gap(), _partitions(metrics)]
    return section("Stages", *shown) if shown else Markup("")


def _spans(steps: Sequence[StepRecord], began: datetime) -> list[Bar]:
    """Steps that have begun and ended, from the beginning of the run on. What was kept from an earlier run is not."""
    spans: list[Bar] = []
    for step in steps:
        done = step.state not in {StepState.PENDING, StepState.SKIPPED}
        if not done or step.started_at is None or step.ended_at is None or step.started_at < began:
            continue
        start, took = (step.started_at - began).total_seconds(), (step.ended_at - step.started_at).total_seconds()
        failed = step.state in {StepState.FAILED, StepState.DEGRADED}
        told = f"{seconds(took)}{f', {step.state}' if failed else ''}"
        spans.append(Bar(step.title, 0 if failed else took, told, took if failed else 0, start))
    return spans


def _flows(stages: Sequence[StageTotal]) -> Markup:
    flow = [Bar(one.stage, one.rows_out, _flow(one), one.rows_quarantined) for one in stages]
    time = [Bar(one.stage, one.seconds, _time(one)) for one in stages]
    return tag(
        "div",
        plot("Rows out, and quarantined", bars("Rows by stage", flow)),
        plot("Time, summed over parts", bars("Seconds by stage", time)),
        class_="pair",
    )


def _totals(stages: Sequence[StageTotal]) -> Markup:
    rows = [
        texts(
            one.stage,
            count(one.partitions),
            count(one.rows_in),
            count(one.rows_out),
            count(one.rows_quarantined),
            size(one.size_bytes),
            seconds(one.seconds),
            seconds(one.cpu_seconds),
            _memory(one.peak_rss_bytes),
            seconds(one.slowest_seconds),
        )
        for one in stages
    ]
    names = ("Stage", "Partitions", *_FIGURES, "Slowest")
    return table(names, rows, frozenset(range(1, len(names))))


def _partitions(metrics: Sequence[StageMetrics]) -> Markup:
    slowest = sorted(metrics, key=lambda one: one.seconds, reverse=True)[:MOST_PARTITIONS]
    rows = [
        texts(
            one.stage,
            one.partition or "all",
            count(one.rows_in),
            count(one.rows_out),
            count(one.rows_quarantined),
            size(one.size_bytes),
            seconds(one.seconds),
            seconds(one.cpu_seconds),
            _memory(one.peak_rss_bytes),
        )
        for one in slowest
    ]
    names = ("Stage", "Partition", *_FIGURES)
    told = f"The slowest {len(rows)} of {count(len(metrics))} partitions" if len(rows) < len(metrics) else "Partitions"
    return tag("details", tag("summary", text(told)), table(names, rows, frozenset(range(2, len(names)))))


def _memory(peak: int) -> str:
    return size(peak) if peak else "–"


def _flow(stage: StageTotal) -> str:
    bad = f", {count(stage.rows_quarantined)} bad" if stage.rows_quarantined else ""
    return f"{count(stage.rows_out)}{bad}"


def _time(stage: StageTotal) -> str:
    return f"{seconds(stage.seconds)}, {stage.partitions} part{'s' if stage.partitions > 1 else ''}"
