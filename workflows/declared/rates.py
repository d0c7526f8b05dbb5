"""Watches the success rate of a definition's runs: a schedule starts it, and it tells a team when the rate falls."""

from typing import cast

from pydantic import JsonValue
from temporalio import workflow

from activities.definitions import DefinitionActivities
from towpath.contracts.core.wire import effect_key
from towpath.contracts.declared.published import RATE_WATCH, RateAlert, RateCounts, RateQuestion, RateState, RateWatch
from towpath.engine.expression.template import compile_condition
from towpath.engine.expression.values import ExpressionError, Scope
from towpath.engine.language.alerts import alert_team
from workflows.kit.calling import call
from workflows.kit.notices import send_notice, team_notice
from workflows.kit.options import LOOKUP

MINIMUM = 10
"""Fewer runs say nothing of a rate."""


@workflow.defn(name=RATE_WATCH)
class RateWatchWorkflow:
    """One look. What it found is given to the next one, so that a low rate is told once until it has recovered."""

    @workflow.run
    async def run(self, watch: RateWatch) -> RateState:
        last = workflow.get_last_completion_result(RateState)
        before = RateState() if last is None else last
        question = RateQuestion(definition=watch.definition, hours=watch.hours, now=workflow.now())
        counts = await call(
            DefinitionActivities.count_runs, question, LOOKUP, activity_id="count", summary="Count the runs that ended"
        )
        firing = [index for index, alert in enumerate(watch.alerts) if _fires(alert, counts)]
        for index in firing:
            if index not in before.firing:
                await self._tell(watch, watch.alerts[index], index, counts)
        return RateState(firing=tuple(firing), counts=counts)

    async def _tell(self, watch: RateWatch, alert: RateAlert, index: int, counts: RateCounts) -> None:
        name = f"alert/{index + 1}"
        text = f"{counts.completed} of {counts.ended} runs that ended in the last {watch.hours} h were completed."
        key = effect_key(workflow.info().workflow_id, f"{name}/{workflow.info().run_id}")
        team = alert_team(alert.channel)
        notice = team_notice(team, f"Alert: {watch.definition}: {alert.condition}", text, key)
        failure = await send_notice(notice, name, f"Tell {team}: alert")
        if failure is not None:
            workflow.logger.warning("alert not delivered: %s", failure.code)


def _fires(alert: RateAlert, counts: RateCounts) -> bool:
    if counts.ended < MINIMUM:
        return False
    rate = cast("JsonValue", counts.completed / counts.ended)
    try:
        return compile_condition(alert.condition).evaluate(Scope({"success_rate": rate}, workflow.now())) is True
    except ExpressionError:
        return False
