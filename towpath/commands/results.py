"""`starter.py result`: how a run of any process ended."""

from typing import Annotated

import typer

from towpath.commands.declared import finish_run
from towpath.commands.incident import finish_incident
from towpath.commands.onboarding import finish_onboarding, full_id
from towpath.commands.publishing import finish_campaign
from towpath.commands.terminal import JsonFlag, RunId, client, run
from towpath.contracts.declared import DECLARED, DeclaredResult
from towpath.contracts.process import INCIDENT, ONBOARDING, PUBLISHING


def register(app: typer.Typer) -> None:
    app.command("result")(result)


def result(
    workflow_id: RunId,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait; without it, as long as it takes.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Wait for a run's result. Exits 0 for success: a customer onboarded, a campaign published, …"""
    run(_result(full_id(workflow_id), timeout, as_json=as_json))


async def _result(workflow_id: str, seconds: float | None, *, as_json: bool) -> None:
    temporal = await client()
    described = await temporal.get_workflow_handle(workflow_id).describe()
    if described.workflow_type == DECLARED:
        handle = temporal.get_workflow_handle(workflow_id, result_type=DeclaredResult)
        await finish_run(handle, seconds, as_json=as_json)
    elif described.workflow_type == PUBLISHING.name:
        campaign = temporal.get_workflow_handle(workflow_id, result_type=PUBLISHING.result)
        await finish_campaign(campaign, seconds, as_json=as_json)
    elif described.workflow_type == INCIDENT.name:
        await finish_incident(
            temporal.get_workflow_handle(workflow_id, result_type=INCIDENT.result), seconds, as_json=as_json
        )
    else:
        await finish_onboarding(
            temporal.get_workflow_handle(workflow_id, result_type=ONBOARDING.result), seconds, as_json=as_json
        )
