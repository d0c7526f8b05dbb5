"""Telling a team from a workflow: a notice that is keyed by the run, and whose failure is an answer."""

from temporalio import workflow

from activities.delivery import DeliveryActivities
from towpath.contracts.core.delivery import TeamNotice
from towpath.contracts.core.failure import Failure
from towpath.contracts.core.wire import effect_key
from workflows.kit.calling import CallFailedError, call
from workflows.kit.options import NOTICE


async def tell_team(team: str, event: str, title: str, text: str) -> Failure | None:
    """Tell a team; what failed, if it did. Keyed by the run: what happens to a second run of the same id is news."""
    info = workflow.info()
    notice = TeamNotice(
        team=team,
        title=title,
        text=text,
        workflow_id=info.workflow_id,
        key=effect_key(info.workflow_id, f"{event}/{info.run_id}"),
    )
    summary = f"Tell {team}: {event.removeprefix('notice/')}"
    try:
        await call(DeliveryActivities.notify_team, notice, NOTICE, activity_id=event, summary=summary)
    except CallFailedError as error:
        return error.failure
    return None
