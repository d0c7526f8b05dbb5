"""The plots of a report's stages: when each step went on, how many rows came through, and what partitions took."""

from collections.abc import Sequence
from datetime import datetime

from towpath.contracts.core.run import StepRecord, StepState
from towpath.dataplane.report.facts import StageTotal
from towpath.dataplane.report.plots import WIDE, Bar, Drawing, bars
from towpath.dataplane.report.words import count, seconds


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
    return bars("Rows by stage", [Bar(one.stage, one.rows_out, _rows(one), one.rows_quarantined) for one in stages])


def seconds_by_stage(stages: Sequence[StageTotal]) -> Drawing:
    return bars("Seconds by stage", [Bar(one.stage, one.seconds, _seconds(one)) for one in stages])


def _rows(stage: StageTotal) -> str:
    bad = f", {count(stage.rows_quarantined)} bad" if stage.rows_quarantined else ""
    return f"{count(stage.rows_out)}{bad}"


def _seconds(stage: StageTotal) -> str:
    return f"{seconds(stage.seconds)}, {stage.partitions} part{'s' if stage.partitions > 1 else ''}"
