"""`starter.py incident switch` and `incident actions`: the kill switch of all remediation, and what may be done."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.configuration import settings
from towpath.cli.connection import client, run
from towpath.cli.run_ids import By
from towpath.cli.terminal import Exit, console, fail
from towpath.config.catalogue import make_catalogue
from towpath.config.connections import Connections, ConnectionsFileError
from towpath.config.incident_files import CheckedFiles, action_rows, check_files
from towpath.config.reviewers import ReviewerDirectory, ReviewersFileError
from towpath.contracts.core.failure import ServiceError
from towpath.contracts.core.moments import clock_in_utc, in_utc
from towpath.contracts.incident.remediation import ControlRecord, KillSwitch, SetSwitch
from towpath.control.remediation import RemediationControl
from towpath.views.tables import show_table
from towpath.views.wording import count

Folder = Annotated[Path | None, typer.Option(help="Folder of the files; TOWPATH_INCIDENT_FOLDER without it.")]
Reason = Annotated[str, typer.Option(help="Why; everybody sees it.")]

switch = typer.Typer(no_args_is_help=True, help="The kill switch: while it is on, no action is carried out anywhere.")
actions = typer.Typer(no_args_is_help=True, help="The catalogue of actions: all that may be done about an incident.")


@switch.command("on")
def switch_on(by: By, reason: Reason, as_json: JsonFlag = False) -> None:
    """Stop all remediation, in runs that are under way as well."""
    run(_move(SetSwitch(by=by, reason=reason), on=True, as_json=as_json))


@switch.command("off")
def switch_off(by: By, reason: Reason, as_json: JsonFlag = False) -> None:
    """Allow remediation again."""
    run(_move(SetSwitch(by=by, reason=reason), on=False, as_json=as_json))


@switch.command("show")
def switch_show(as_json: JsonFlag = False) -> None:
    """Whether it is on, who moved it, and which actions ran in the last hour."""
    run(_switch(as_json=as_json))


@actions.command("check")
def check(folder: Folder = None, as_json: JsonFlag = False) -> None:
    """Check actions, metrics, inventory and runbooks. Exits 1 when something is wrong."""
    checked = _checked(folder)
    if as_json:
        problems = [{"file": one.file, **one.diagnostic.as_json()} for one in checked.problems]
        show_json({"ok": checked.ok, "files": checked.files, "problems": problems})
    else:
        for problem in checked.problems:
            console.print(problem.line, problem.excerpt, sep="\n", markup=False, soft_wrap=True)
        console.print(f"{count(checked.files, 'file')}, {count(len(checked.problems), 'problem')}")
    if not checked.ok:
        raise typer.Exit(Exit.REFUSED)


@actions.command("list")
def list_actions(folder: Folder = None, as_json: JsonFlag = False) -> None:
    """What each action does, to what, who approves it, and how it is judged and undone."""
    catalogue = _checked(folder).catalogue
    if catalogue is None:
        fail(Exit.REFUSED, "The files cannot be used: python starter.py incident actions check")
    if as_json:
        show_json(catalogue.actions)
        return
    table = Table(
        Column("action", no_wrap=True),
        "does",
        "approval",
        "reaches",
        "an hour",
        Column("verified by", overflow="fold"),
        box=None,
    )
    for row in action_rows(catalogue):
        table.add_row(row.id, row.does, row.approval, row.reaches, str(row.max_per_hour), row.verified_by)
    show_table(console, table)


def _checked(folder: Path | None) -> CheckedFiles:
    own = settings()
    try:
        connections = Connections.load(own.connections_file)
        teams = ReviewerDirectory.load(own.reviewers_file).teams()
    except (ConnectionsFileError, ReviewersFileError) as error:
        fail(Exit.WRONG_INPUT, str(error))
    return check_files(folder or own.incident_folder, make_catalogue(connections, frozenset(teams)))


async def _move(request: SetSwitch, *, on: bool, as_json: bool) -> None:
    try:
        moved = await RemediationControl(await client()).move(request, on=on)
    except ServiceError as error:
        fail(Exit.UNREACHABLE, f"The switch was not moved: {error.message}. Is a worker running? `python worker.py`")
    if as_json:
        show_json(moved)
    else:
        console.print(_told(moved), markup=False, soft_wrap=True)


async def _switch(*, as_json: bool) -> None:
    try:
        record: ControlRecord = await RemediationControl(await client()).state()
    except ServiceError as error:
        fail(Exit.UNREACHABLE, f"{error.message}. Is a worker running? `python worker.py`")
    if as_json:
        show_json(record)
        return
    console.print(_told(record.switch), markup=False, soft_wrap=True)
    for entry in record.reservations:
        console.print(
            f"  {clock_in_utc(entry.at, seconds=True)} {entry.action} for {entry.key}", markup=False, soft_wrap=True
        )


def _told(moved: KillSwitch) -> str:
    if moved.at is None:
        return "off: nobody has moved it yet"
    state = "ON: nothing is carried out" if moved.on else "off"
    return f"{state}, by {moved.by} at {in_utc(moved.at)}: {moved.reason}"
