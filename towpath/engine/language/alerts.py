"""When an alert on the running time can turn true: at the durations that its condition compares with."""

from dataclasses import dataclass
from datetime import timedelta

from towpath.contracts.core.delivery import OPERATIONS_TEAM
from towpath.engine.expression.nodes import Literal, Name, children
from towpath.engine.expression.template import compile_condition
from towpath.engine.language.definition import AlertRule

RUN_TIME, STEP_TIME, RATE = "execution_time", "step_duration", "success_rate"
TICK = timedelta(milliseconds=1)
CHANNELS = frozenset({"slack", "email"})
"""Alert channels that are no team: the operations team's own."""


@dataclass(frozen=True, slots=True)
class AlertWatch:
    """One alert, and when to look at it, counted from the start of the run or of each step."""

    index: int
    alert: AlertRule
    moments: tuple[timedelta, ...]
    on_run: bool
    on_step: bool
    on_rate: bool


def alert_team(channel: str) -> str:
    """The team that an alert goes to."""
    return OPERATIONS_TEAM if channel in CHANNELS else channel


def watch_alert(index: int, alert: AlertRule) -> AlertWatch:
    """A little after each duration that the condition names; never for one that does not look at running times."""
    durations: set[timedelta] = set()
    names: set[str] = set()
    waiting = [compile_condition(alert.condition).node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Literal) and isinstance(node.value, timedelta):
            durations.add(node.value)
        if isinstance(node, Name):
            names.add(node.name)
        waiting.extend(children(node))
    moments = tuple(sorted(duration + TICK for duration in durations))
    on_step = STEP_TIME in names
    return AlertWatch(index, alert, moments, RUN_TIME in names and not on_step, on_step, RATE in names)
