"""`starter.py incident list | show | acknowledge | approve | reject`: incidents for the people on call."""

import asyncio
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from temporalio.client import WorkflowExecution

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.configuration import settings
from towpath.cli.connection import client, run
from towpath.cli.endings import answered
from towpath.cli.review import decide_task
from towpath.cli.run_ids import as_person, full_id
from towpath.cli.terminal import Exit, console, fail
from towpath.config.stores import access_of
from towpath.contracts.core.listing import in_query
from towpath.contracts.core.moments import clock_in_utc, in_utc
from towpath.contracts.core.process import PROCESS, SEVERITY, STATUS, SUBJECT
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.core.text import clean
from towpath.contracts.incident.incident import Acknowledge, Acknowledged, IncidentResult, IncidentView
from towpath.contracts.incident.process import INCIDENT
from towpath.integrations.storage.artefacts import ArtefactStore, ArtefactStoreError
from towpath.temporal.attributes import search_key
from towpath.views.tables import show_table

IncidentId = Annotated[str, typer.Argument(help="The incident: incident-response/GROUP, or GROUP alone.", metavar="ID")]
Person = Annotated[str, as_person("Your reviewer id, as in the reviewers file. [TOWPATH_PERSON]")]
Task = Annotated[
    str | None, typer.Option(help="The action's task, e.g. action-1; without it, the one that is open.", metavar="TASK")
]

app = typer.Typer()


@app.command("list")
def list_incidents(
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    level: Annotated[int, typer.Option(help="Only of this severity or above, 1 to 5.", min=1, max=5)] = 1,
    ended: Annotated[bool, typer.Option("--ended", help="Those that have ended, too.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Incidents, the most severe first."""
    run(_list(service, level, ended=ended, as_json=as_json))


@app.command("show")
def show(
    incident_id: IncidentId,
    post_mortem: Annotated[
        bool, typer.Option("--post-mortem", help="Print its post-mortem, once it has ended.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """What is known of an incident: severity, diagnosis, actions, who has it, and the timeline."""
    run(
        _post_mortem(full_id(incident_id, INCIDENT))
        if post_mortem
        else _show(full_id(incident_id, INCIDENT), as_json=as_json)
    )


@app.command("acknowledge")
def acknowledge(
    incident_id: IncidentId,
    by: Person,
    note: Annotated[str, typer.Option(help="What you are going to do.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Take an incident: nobody else is called for it."""
    run(_acknowledge(full_id(incident_id, INCIDENT), Acknowledge(by=by, note=note), as_json=as_json))


@app.command("approve")
def approve(
    incident_id: IncidentId,
    reviewer: Person,
    reason: Annotated[str, typer.Option(help="Why; kept in the record.")] = "",
    task: Task = None,
    as_json: JsonFlag = False,
) -> None:
    """Let an action be carried out. The first decision counts."""
    decision = Decision(verdict=Verdict.APPROVE, reviewer=reviewer, reason=reason, task=task)
    run(decide_task(full_id(incident_id, INCIDENT), decision, as_json))


@app.command("reject")
def reject(
    incident_id: IncidentId,
    reviewer: Person,
    reason: Annotated[str, typer.Option(help="Why; a rejection needs it.")],
    task: Task = None,
    as_json: JsonFlag = False,
) -> None:
    """Keep an action from being carried out. People take over."""
    decision = Decision(verdict=Verdict.REJECT, reviewer=reviewer, reason=reason, task=task)
    run(decide_task(full_id(incident_id, INCIDENT), decision, as_json))


async def _list(service: str | None, level: int, *, ended: bool, as_json: bool) -> None:
    wanted = [f"{PROCESS.name} = {in_query(INCIDENT.name)}", f"{SEVERITY.name} >= {level}"]
    wanted += [] if ended else ["ExecutionStatus = 'Running'"]
    wanted += [] if service is None else [f"{SUBJECT.name} = {in_query(service)}"]
    found = [_row(one) async for one in (await client()).list_workflows(" AND ".join(wanted))]
    rows = sorted(found, key=lambda row: (-row["level"], row["started_at"]))
    if as_json:
        show_json(rows)
        return
    if not rows:
        console.print("No incident." if ended else "No incident is open.")
        return
    names = [Column(name, no_wrap=True) for name in ("incident", "status", "since (UTC)")]
    table = Table("level", *names, Column("service", overflow="fold"), box=None)
    for row in rows:
        since = f"{row['started_at']:%Y-%m-%d %H:%M}"
        group = row["workflow_id"].removeprefix(f"{INCIDENT.name}/")
        table.add_row(str(row["level"]), group, row["status"], since, row["service"])
    show_table(console, table)


def _row(one: WorkflowExecution) -> dict[str, Any]:
    attributes = one.typed_search_attributes
    return {
        "workflow_id": one.id,
        "run_id": one.run_id,
        "service": attributes.get(search_key(SUBJECT)) or "unknown",
        "level": attributes.get(search_key(SEVERITY)) or 0,
        "status": attributes.get(search_key(STATUS)) or "unknown",
        "started_at": one.start_time,
    }


async def _show(incident_id: str, *, as_json: bool) -> None:
    handle = (await client()).get_workflow_handle(incident_id)
    view: IncidentView = await handle.query("incident", result_type=IncidentView)
    if as_json:
        show_json(view)
    else:
        console.print(*describe(view), sep="\n", markup=False, soft_wrap=True)


def describe(view: IncidentView) -> list[str]:
    """An incident in lines for people."""
    severity = view.severity
    level = "not assessed" if severity is None else f"level {severity.level}: {'; '.join(severity.reasons)}"
    group, taken = view.group, view.paging.acknowledged
    lines = [
        f"{view.service}, {level}",
        f"alerts: {group.firing} fire, {group.resolved} resolved, {group.received} received",
        f"acknowledged: {'by nobody' if taken is None else f'by {taken.by} at {clock_in_utc(taken.at)}'}",
    ]
    if view.analysis is not None:
        lines.append(f"analysis: {view.analysis.summary}")
    if view.diagnosis is not None:
        causes = [f"cause: {one.cause} ({one.confidence:.0%})" for one in view.diagnosis.hypotheses]
        lines += causes or ["cause: the evidence is insufficient"]
    lines += [
        f"{one.number}. {one.title}: {one.state}" + (f" ({one.note})" if one.note else "") for one in view.actions
    ]
    lines += [f"without {what}: {why}" for what, why in view.degraded.items()]
    told = [*lines, *(f"  {in_utc(entry.at, seconds=True)} {entry.what}" for entry in view.timeline)]
    return [clean(line) for line in told]


async def _post_mortem(incident_id: str) -> None:
    handle = (await client()).get_workflow_handle(incident_id, result_type=IncidentResult)
    try:
        result = await asyncio.wait_for(handle.result(), 2)
    except TimeoutError:
        fail(Exit.REFUSED, f"{incident_id} has not ended yet")
    if result.post_mortem is None:
        fail(Exit.NOT_FOUND, f"{incident_id} has no post-mortem")
    try:
        own = settings()
        text = await ArtefactStore(own.artefact_store, access_of(own)).read(result.post_mortem)
    except ArtefactStoreError as error:
        fail(Exit.NOT_FOUND, f"{error}: is TOWPATH_ARTEFACT_STORE the worker's?")
    console.print(text.decode(), markup=False, soft_wrap=True)


async def _acknowledge(incident_id: str, request: Acknowledge, *, as_json: bool) -> None:
    handle = (await client()).get_workflow_handle(incident_id)
    update = handle.execute_update("acknowledge", request, result_type=Acknowledged)
    taken: Acknowledged = await answered(incident_id, update)
    if as_json:
        show_json(taken)
    else:
        console.print(f"{incident_id}: acknowledged by {taken.by}", markup=False, soft_wrap=True)
