"""The live view of a few runs: every step as it happens, side by side on a terminal, line by line elsewhere."""

import math
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from towpath.contracts.core.run import SIGNS, RunRecord, StepRecord, StepState

SHOWN: dict[StepState, tuple[str, str]] = {
    StepState.PENDING: ("to come", "dim"),
    StepState.RUNNING: ("under way", "yellow"),
    StepState.COMPLETED: ("done", "green"),
    StepState.DEGRADED: ("done without a part", "yellow"),
    StepState.FAILED: ("failed", "red"),
    StepState.SKIPPED: ("not needed", "dim"),
    StepState.UNDONE: ("undone", "magenta"),
    StepState.CANCELLED: ("cancelled", "dim"),
}
"""What a sign means, and its style."""
TOLD_BRIEFLY = (
    StepState.COMPLETED,
    StepState.DEGRADED,
    StepState.FAILED,
    StepState.CANCELLED,
    StepState.UNDONE,
)
"""In the order in which they are told when they are seen at once."""
BRIEF_SECONDS = 4.0
"""How long completed steps are kept for one line."""
STATUS_STYLES = {
    "onboarded": "bold green",
    "failed": "bold red",
    "rejected": "bold red",
    "expired": "bold red",
    "waiting-for-review": "bold yellow",
}
PANEL_WIDTH = 56


@dataclass
class WatchedRun:
    """One run as the view shows it: its latest record, and what happened around it in the story's own words."""

    title: str
    record: RunRecord | None = None
    remarks: list[str] = field(default_factory=list[str])


class RunView:
    """Shows watched runs until it is closed. On a terminal the panels are redrawn; elsewhere each change is a line.

    With `brief` a line elsewhere has all steps of a run that came to an end since its last one.
    """

    def __init__(self, console: Console, watched: Sequence[WatchedRun], *, brief: bool = False) -> None:
        self._console = console
        self._watched = watched
        self._brief = brief
        self._said: dict[tuple[str, str], str] = {}
        self._kept: dict[str, list[str]] = {}
        self._kept_since: dict[str, float] = {}
        self._live = Live(self._draw(), console=console, refresh_per_second=8) if console.is_terminal else None

    def __enter__(self) -> "RunView":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.refresh()
        for watched in self._watched:
            self._say_kept(watched)
        if self._live is not None:
            self._live.stop()

    def refresh(self) -> None:
        if self._live is not None:
            self._live.update(self._draw())
            return
        for watched in self._watched:
            self._say_changes(watched)
            if time.monotonic() > self._kept_since.get(watched.title, math.inf) + BRIEF_SECONDS:
                self._say_kept(watched)

    def remark(self, watched: WatchedRun, text: str) -> None:
        watched.remarks.append(text)
        if self._live is None:
            self._say_kept(watched)
            self._say(watched, text)

    def _draw(self) -> RenderableType:
        panels: list[RenderableType] = [panel(watched, signs=False) for watched in self._watched]
        if self._console.width >= PANEL_WIDTH * len(panels):
            side_by_side = Table.grid(expand=True)
            for _ in panels:
                side_by_side.add_column(ratio=1)
            side_by_side.add_row(*panels)
            panels = [side_by_side]
        return Group(*panels, Text(legend(), style="dim"))

    def _say(self, watched: WatchedRun, text: str) -> None:
        self._console.print(f"[{watched.title}] {text}", markup=False, highlight=False, soft_wrap=True)

    def _say_changes(self, watched: WatchedRun) -> None:
        if watched.record is None:
            return
        changed = [step for step in watched.record.steps if self._is_new(watched.record.run_id, step)]
        if self._brief:
            ended = [step for step in changed if step.state in TOLD_BRIEFLY]
            for step in sorted(ended, key=lambda step: TOLD_BRIEFLY.index(step.state)):
                self._keep(watched, step)
            return
        for step in changed:
            self._say(watched, f"{SIGNS[step.state]} {step.title} {explain(step)}".rstrip())

    def _is_new(self, run_id: str, step: StepRecord) -> bool:
        said = f"{step.state}{step.attempts}{step.note}"
        is_new = step.state is not StepState.PENDING and self._said.get((run_id, step.step)) != said
        if is_new:
            self._said[run_id, step.step] = said
        return is_new

    def _keep(self, watched: WatchedRun, step: StepRecord) -> None:
        note = explain(step)
        text = f"{step.title} ({note})" if note else step.title
        if step.state is not StepState.COMPLETED:
            self._say_kept(watched)
            self._say(watched, f"{SIGNS[step.state]} {text}")
            return
        self._kept_since.setdefault(watched.title, time.monotonic())
        self._kept.setdefault(watched.title, []).append(text)

    def _say_kept(self, watched: WatchedRun) -> None:
        kept = self._kept.pop(watched.title, [])
        self._kept_since.pop(watched.title, None)
        if kept:
            self._say(watched, f"{SIGNS[StepState.COMPLETED]} {'; '.join(kept)}")


def legend(states: Collection[StepState] = tuple(SHOWN)) -> str:
    """What the signs of these states mean, in the order of the table."""
    return "  ".join(f"{SIGNS[state]} {meaning}" for state, (meaning, _) in SHOWN.items() if state in states)


def panel(watched: WatchedRun, *, signs: bool = True) -> Panel:
    """The run with its steps and what happened around it; `signs`: with what their marks mean."""
    record = watched.record
    body: list[RenderableType] = []
    status = "starting" if record is None else record.status
    if record is not None:
        body.append(steps_table(record))
        if record.cancelled is not None:
            body.append(Text(f"cancelled {record.cancelled.in_words}", style="yellow"))
    body.extend(Text(remark, style="cyan") for remark in watched.remarks)
    if signs and record is not None:
        body.append(Text(legend({step.state for step in record.steps}), style="dim"))
    return Panel(
        Group(*body),
        title=Text(watched.title, style="bold"),
        subtitle=Text(status, style=STATUS_STYLES.get(status, "bold")),
        title_align="left",
        subtitle_align="right",
    )


def steps_table(record: RunRecord) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(ratio=1)
    table.add_column(justify="right", style="dim")
    for step in record.steps:
        style = SHOWN[step.state][1]
        line = Text(step.title, style="dim" if step.state in {StepState.PENDING, StepState.SKIPPED} else "")
        extra = explain(step)
        if extra:
            line.append(f"  {extra}", style="red" if step.state is StepState.FAILED else "dim")
        if step.waiting:
            line.append(f"  {step.waits_for}", style="yellow")
        table.add_row(Text(SIGNS[step.state], style=style), line, duration(step))
    return table


def explain(step: StepRecord) -> str:
    """What a person should know beside the state: the visit of a cycle, the failure, a note, more than one attempt."""
    parts = [f"visit {step.visit}"] if step.visit > 1 else []
    parts += [step.failure.message] if step.failure is not None else []
    parts += [step.note] if step.note else []
    parts += [f"{step.attempts} attempts"] if step.attempts > 1 else []
    return ", ".join(parts)


def duration(step: StepRecord, now: datetime | None = None) -> str:
    if step.started_at is None or step.state is StepState.SKIPPED:
        return ""
    end = step.ended_at or now or datetime.now(UTC)
    seconds = max(0.0, (end - step.started_at).total_seconds())
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
