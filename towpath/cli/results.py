"""`starter.py result`: how a run of any process ended."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import typer

from towpath.cli.as_json import JsonFlag
from towpath.cli.connection import client, run
from towpath.cli.declared import finish_run
from towpath.cli.etl.following import finish_pipeline
from towpath.cli.incident import finish_incident
from towpath.cli.onboarding import finish_onboarding
from towpath.cli.publishing import finish_campaign
from towpath.cli.run_ids import RunId, full_id
from towpath.cli.terminal import Exit, fail
from towpath.contracts.declared.run import DECLARED
from towpath.contracts.incident.process import INCIDENT
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.contracts.pipeline.process import PIPELINE
from towpath.contracts.publishing.process import PUBLISHING
from towpath.contracts.registry import RESULTS

FINISHERS: Mapping[str, Callable[..., Awaitable[None]]] = {
    ONBOARDING.name: finish_onboarding,
    PUBLISHING.name: finish_campaign,
    INCIDENT.name: finish_incident,
    PIPELINE.name: finish_pipeline,
    DECLARED: finish_run,
}
"""By the type of a run: what waits for its end, prints its result, and exits by it."""


def register(app: typer.Typer) -> None:
    app.command("result")(result)


def result(
    workflow_id: RunId,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait; without it, as long as it takes.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Wait for a run's result. Exits 0 for success: a customer onboarded, a campaign published, rows loaded, …"""
    run(_result(full_id(workflow_id), timeout, as_json=as_json))


async def _result(workflow_id: str, seconds: float | None, *, as_json: bool) -> None:
    temporal = await client()
    kind = (await temporal.get_workflow_handle(workflow_id).describe()).workflow_type
    finish = FINISHERS.get(kind)
    if finish is None:
        fail(
            Exit.WRONG_INPUT, f"{workflow_id} is a run of {kind}, which is part of a process: ask for that of the whole"
        )
    answer: type[Any] = RESULTS[kind]
    await finish(temporal.get_workflow_handle(workflow_id, result_type=answer), seconds, as_json=as_json)
