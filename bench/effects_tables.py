"""The effect lanes as tables: absolute figures, ratios against b0 beside their bars, crashes, replays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.effects import LANES, EffectFigures
from bench.effects_crash import RUNS
from bench.effects_replay import ReplayFigures
from bench.effects_work import CALLS
from bench.lanes import LaneFigures
from bench.measure import mean, median

BASE = "b0"
PLAIN = frozenset({"b0", "b0-ten"})
"""Lanes that others are held against."""
MOST_REPEATED = 30
MORE_THAN_BASE = 2.0
ROUNDS_TITLE = "8 calls and 2 functions, 50 in flight: medians; latency in ms, CPU in ms a run, history of one run"


@dataclass(frozen=True, slots=True)
class Bar:
    """What is wanted of a ratio against b0. `httpx` is wanted instead where no faster transport may be used."""

    title: str
    field: str
    wanted: float
    httpx: float
    target: float
    more_is_better: bool = False

    def verdict(self, ratio: float) -> str:
        if self._holds(ratio, self.wanted):
            return "reached"
        return "reached for httpx" if self._holds(ratio, self.httpx) else "missed"

    def text(self, bound: float) -> str:
        return f"{'at least' if self.more_is_better else 'at most'} {bound:g}"

    def _holds(self, ratio: float, bound: float) -> bool:
        return ratio >= bound if self.more_is_better else ratio <= bound


BARS = (
    Bar("runs/s", "runs_per_second", 2.3, 1.9, 2.55, more_is_better=True),
    Bar("CPU", "cpu", 0.52, 0.67, 0.37),
    Bar("idle p50", "idle_p50", 0.32, 0.36, 0.13),
)


def show_effects(console: Console, figures: Mapping[str, EffectFigures]) -> None:
    base = figures.get(BASE)
    if all(found.rounds for found in figures.values()):
        _show_rounds(console, figures)
        for name in (name for name in figures if name in PLAIN):
            _show_ratios(console, {lane: found for lane, found in figures.items() if lane not in PLAIN}, name, figures)
    if all(found.crashes for found in figures.values()):
        _show_crashes(console, figures, base)
    for name, found in figures.items():
        _show_replays(console, name, found.replays)


def _show_replays(console: Console, name: str, replays: ReplayFigures) -> None:
    """Never rounded up: one history in thousands is a missed promise."""
    replayed = replays.histories - len(replays.problems)
    console.print(f"replayed, {LANES[name].title}: {replayed:,} of {replays.histories:,} histories (wanted: all)")
    for workflow_id, problem in list(replays.problems.items())[:3]:
        console.print(f"  {workflow_id}: {problem[:200]}")


def _show_rounds(console: Console, figures: Mapping[str, EffectFigures]) -> None:
    table = Table("lane", title=ROUNDS_TITLE)
    for column in ("runs/s", "p50", "p95", "CPU", "server", "worker", "RSS MB", "events", "bytes", "actions"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, found in figures.items():
        history = found.rounds[-1].history
        table.add_row(
            LANES[name].title,
            *(f"{_mid(found.rounds, field):.1f}" for field in ("runs_per_second", "idle_p50", "idle_p95", "cpu")),
            *(f"{_mid(found.rounds, field):.1f}" for field in ("cpu_server", "cpu_worker", "peak_rss_mb")),
            *((str(history.events), f"{history.size_bytes:,}", str(history.actions)) if history else ("-", "-", "-")),
        )
    console.print(table)


def _show_ratios(
    console: Console, ours: Mapping[str, EffectFigures], base: str, figures: Mapping[str, EffectFigures]
) -> None:
    """Round by round: the median of the ratios, and their range."""
    if not ours:
        return
    table = Table(f"against {LANES[base].title}", "", "measured", "wanted", "with httpx", "target", "")
    for name, found in ours.items():
        for bar in BARS:
            pairs = zip(found.rounds, figures[base].rounds, strict=True)
            each = [getattr(mine, bar.field) / getattr(other, bar.field) for mine, other in pairs]
            measured = f"{median(each):.2f} ({min(each):.2f} to {max(each):.2f})"
            bounds = (bar.text(bar.wanted), bar.text(bar.httpx), f"{bar.target:g}")
            table.add_row(LANES[name].title, bar.title, measured, *bounds, bar.verdict(median(each)))
    console.print(table)


def _show_crashes(console: Console, figures: Mapping[str, EffectFigures], base: EffectFigures | None) -> None:
    title = f"kill -9 of the worker at 40 % of {RUNS * CALLS} calls: of these, sent again"
    table = Table("lane", "repeated, mean", "each pass", "wanted", "", "other body", "lost", "ended", title=title)
    most = float(MOST_REPEATED)
    if base is not None:
        most = min(most, MORE_THAN_BASE * mean([crash.repeated for crash in base.crashes]))
    for name, found in figures.items():
        repeated = [crash.repeated for crash in found.crashes]
        verdict = "reached" if mean(repeated) <= most else "missed"
        table.add_row(
            LANES[name].title,
            f"{mean(repeated):.1f}",
            ", ".join(map(str, repeated)),
            *(("", "") if name in PLAIN else (f"at most {most:.0f}", verdict)),
            str(sum(crash.counts.changed for crash in found.crashes)),
            str(sum(crash.lost for crash in found.crashes)),
            f"{sum(crash.ended for crash in found.crashes)} of {RUNS * len(found.crashes)}",
        )
    console.print(table)


def _mid(rows: Sequence[LaneFigures], field: str) -> float:
    return median([getattr(row, field) for row in rows])
