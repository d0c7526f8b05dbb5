"""Telling a team from a workflow: a notice whose failure is an answer, since nothing waits for it."""

from temporalio import workflow

from activities.delivery import DeliveryActivities
from towpath.contracts.core.delivery import TeamNotice
from towpath.contracts.core.failure import Failure
from towpath.contracts.core.wire import EffectKey, effect_key
from workflows.kit.calling import CallFailedError, call
from workflows.kit.options import NOTICE


def team_notice(team: str, title: str, text: str, key: EffectKey) -> TeamNotice:
    return TeamNotice(team=team, title=title, text=text, workflow_id=workflow.info().workflow_id, key=key)


async def send_notice(notice: TeamNotice, activity_id: str, summary: str) -> Failure | None:
    """What failed, if it did."""
    try:
        await call(DeliveryActivities.notify_team, notice, NOTICE, activity_id=activity_id, summary=summary)
    except CallFailedError as error:
        return error.failure
    return None


async def tell_team(team: str, event: str, title: str, text: str) -> Failure | None:
    """Tell a team; what failed, if it did. Keyed by the run: what happens to a second run of the same id is news."""
    info = workflow.info()
    notice = team_notice(team, title, text, effect_key(info.workflow_id, f"{event}/{info.run_id}"))
    return await send_notice(notice, event, f"Tell {team}: {event.removeprefix('notice/')}")
