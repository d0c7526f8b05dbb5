"""Conditions over real metrics, looked at again and again with durable timers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import workflow

from activities.incident import IncidentActivities
from towpath.contracts.incident.remediation import MetricQuery, ReadMetrics, Verify
from towpath.policy.incident.conditions import Judged, Judgement, judge, metrics_of
from towpath.policy.incident.verdicts import Looks
from workflows.incident.state import IncidentState
from workflows.kit.calling import CallFailedError, call
from workflows.kit.options import CHECK


@dataclass(frozen=True, slots=True)
class WatchResult:
    """`held` says that the conditions held for their time; `stopped`, that the watch was told to end before."""

    held: bool
    why: str
    stopped: bool = False


class Gauge:
    """Reads metrics of the incident's service. A value that cannot be had is unknown, and unknown never holds."""

    def __init__(self, state: IncidentState) -> None:
        self._state = state
        self._looks = 0

    async def judge(self, name: str, conditions: Sequence[str]) -> Judged:
        """Whether all the conditions hold now; else the first that does not."""
        values = await self._read(name, conditions)
        judged = [judge(condition, values) for condition in conditions]
        wrong = next((one for one in judged if not one.holds), None)
        return wrong or Judged(Judgement.HOLDS, "; ".join(one.why for one in judged))

    async def hold(
        self,
        name: str,
        conditions: Sequence[str],
        timing: Verify,
        *,
        stop: Callable[[], bool] = lambda: False,
        enough: Callable[[], bool] = lambda: False,
    ) -> WatchResult:
        """Wait until the conditions have held for `timing.hold` on end; they must hold at the last look of
        `timing.within`, and are then given the rest of their hold: nobody may have looked before, for want of a worker.

        Where `enough` is true as well, it is enough that they hold now.
        """
        began = workflow.now()
        since: datetime | None = None
        while True:
            judged = await self.judge(name, conditions)
            now = workflow.now()
            since = (since or now) if judged.holds else None
            if since is not None and (now - since >= timing.hold or enough()):
                return WatchResult(held=True, why=judged.why)
            if stop():
                return WatchResult(held=False, why=judged.why, stopped=True)
            end = began + timing.within if since is None else max(began + timing.within, since + timing.hold)
            left = end - now
            if left.total_seconds() <= 0:
                return WatchResult(held=False, why=judged.why)
            if await self._pause(name, min(timing.every, left), stop):
                return WatchResult(held=False, why=judged.why, stopped=True)

    async def verdict(self, name: str, verify: Verify, enough: Callable[[], bool]) -> tuple[Judgement, str]:
        """Whether an action helped: it holds, it fails, or nobody can tell."""
        looks = Looks(verify, workflow.now())
        while True:
            looks.add(await self.judge(name, (verify.condition,)), workflow.now())
            answer = looks.answer(workflow.now(), enough=enough())
            if answer is not None:
                return answer, looks.why
            await self._pause(name, looks.next_look(workflow.now()), lambda: False)

    async def values(self, name: str, conditions: Sequence[str]) -> dict[str, float]:
        """Present values of all metrics that the conditions read; one without a value is left out."""
        return await self._read(name, conditions)

    async def _pause(self, name: str, length: timedelta, stop: Callable[[], bool]) -> bool:
        """Whether `stop` came true meanwhile."""
        try:
            await workflow.wait_condition(stop, timeout=length, timeout_summary=f"{name}: next look")
        except TimeoutError:
            return False
        return True

    async def _read(self, name: str, conditions: Sequence[str]) -> dict[str, float]:
        wanted = {metric for condition in conditions for metric in metrics_of(condition)}
        queries: tuple[MetricQuery, ...] = tuple(
            query for query in self._state.known.catalogue.metrics if query.name in wanted
        )
        self._looks += 1
        step = f"{name}/look/{self._looks}"
        request = ReadMetrics(service=self._state.service, metrics=queries, key=self._state.key(step))
        try:
            found = await call(
                IncidentActivities.read_metrics, request, CHECK, activity_id=step, summary=f"{name}: read metrics"
            )
        except CallFailedError:
            return {}
        return found.values
