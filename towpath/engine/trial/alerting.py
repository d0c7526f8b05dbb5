"""Alerts of a run in memory: looked at when they can turn true, and told once."""

from datetime import datetime

from towpath.engine.expression.template import compile_condition
from towpath.engine.expression.values import ExpressionError
from towpath.engine.language.alerts import AlertWatch, alert_team, watch_alert
from towpath.engine.run.actions import State
from towpath.engine.scheduling.progress import Progress
from towpath.engine.trial.run import TrialRun


class TrialAlerts:
    """Those of one run."""

    def __init__(self, run: TrialRun, progress: Progress) -> None:
        self._run, self._progress, self._time = run, progress, run.time
        self._began = run.time.now
        self._states: dict[int, State] = {}
        rules = run.plan.definition.header.monitoring.alerts
        self._watches = [watch_alert(index, rule) for index, rule in enumerate(rules)]
        self._told: set[int] = set()

    def begin(self) -> None:
        for watch in self._watches:
            if watch.on_run:
                self._time.start(self._alert(watch, self._began, None))

    def follow_starts(self) -> None:
        """Alerts on a step begin with it."""
        on_step = [watch for watch in self._watches if watch.on_step]
        for node in self._run.plan.steps() if on_step else ():
            state = self._progress.runs[node.index].state
            if state is State.RUNNING and self._states.get(node.index) is not State.RUNNING:
                for watch in on_step:
                    self._time.start(self._alert(watch, self._time.now, node.id))
            self._states[node.index] = state

    async def _alert(self, watch: AlertWatch, since: datetime, step: str | None) -> None:
        for moment in watch.moments:
            await self._time.wait_until(since + moment)
            if step is not None and step not in self._progress.running:
                return
            if self._is_true(watch, since):
                if watch.index not in self._told:
                    self._told.add(watch.index)
                    self._run.tell(alert_team(watch.alert.channel), "alert")
                return

    def _is_true(self, watch: AlertWatch, since: datetime) -> bool:
        now = self._time.now
        scope = self._run.evaluation.scope(execution_time=now - self._began, step_duration=now - since)
        try:
            return compile_condition(watch.alert.condition).evaluate(scope) is True
        except ExpressionError:
            return False
