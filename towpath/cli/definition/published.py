"""`starter.py definition publish | list | show | diff`."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.configuration import settings
from towpath.cli.connection import client, run
from towpath.cli.definition.reading import (
    File,
    check_fetched,
    is_file,
    plan_of,
    without_errors,
)
from towpath.cli.definition.views import list_published, show_published, split_target
from towpath.cli.files import read_bytes
from towpath.cli.run_ids import By
from towpath.cli.terminal import Exit, console, fail
from towpath.contracts.declared.published import Publication
from towpath.control.definitions import DefinitionError, Definitions, make_request
from towpath.control.schedules import Schedules
from towpath.engine.checks.check import check_text
from towpath.engine.checks.inputs import inputs_schema
from towpath.engine.checks.loading import digest, load_plan
from towpath.engine.language.catalogue import DefinitionCatalogue
from towpath.engine.language.diff import compare
from towpath.engine.language.plan import Plan

Target = Annotated[str, typer.Argument(help="A file, ID, or ID@VERSION.", metavar="FILE|ID[@VERSION]")]
app = typer.Typer()


@app.command("publish")
def publish(
    file: File,
    by: By,
    note: Annotated[str, typer.Option(help="What changed and why.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Check a definition and publish it. Runs under way keep theirs; schedules are made what it says."""
    run(_publish(file, read_bytes(file), by, note, as_json=as_json))


@app.command("list")
def list_definitions(as_json: JsonFlag = False) -> None:
    """Published definitions, with their latest version."""
    run(list_published(as_json=as_json))


@app.command("show")
def show(
    target: Annotated[str, typer.Argument(metavar="ID[@VERSION]")],
    source: Annotated[bool, typer.Option("--source", help="Only its text, as it was published.")] = False,
    around: Annotated[
        str | None, typer.Option(help="A day (2027-03-28): show the firings of its schedules around it.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """The versions of a published definition, and when its schedules fire next."""
    run(show_published(target, _day(around), source=source, as_json=as_json))


@app.command("diff")
def diff(old: Target, new: Target, as_json: JsonFlag = False) -> None:
    """What changed between two definitions, in meaning and not in text, and how risky that is."""
    run(_diff(old, new, as_json=as_json))


async def _check_children(
    file: str, plan: Plan, text: bytes, known: DefinitionCatalogue, definitions: Definitions
) -> None:
    """The definitions that its steps run must be published, and take the inputs that they are given."""
    header = plan.definition.header
    steps = (node.step for node in plan.nodes if node.step is not None)
    named = {str(step.config["id"]) for step in steps if step.type == "workflow"}
    if not named - {header.id}:
        return
    published = {**await definitions.schemas(named), header.id: inputs_schema(header)}
    without_errors(file, check_text(text, replace(known, definitions=published)))


async def _publish(file: Path, text: bytes, by: str, note: str, *, as_json: bool) -> None:
    checked = await check_fetched(file, text)
    plan = plan_of(without_errors(str(file), checked.found))
    temporal = await client()
    await _check_children(str(file), plan, text, checked.catalogue, Definitions(temporal))
    document = checked.document()
    name = plan.definition.header.id
    publication = Publication(
        document=document, source=text.decode("utf-8-sig"), digest=digest(document), by=by, note=note
    )
    try:
        published = await Definitions(temporal).publish(name, publication)
    except DefinitionError as error:
        fail(Exit.REFUSED, f"{name}: not published: {error}")
    request = make_request(document, publication.digest, None).model_copy(
        update={"sinks": tuple(settings().event_sinks)}
    )
    done = await Schedules(temporal).reconcile(plan, request)
    if as_json:
        show_json({"id": name, **published.model_dump(mode="json"), "schedules": done})
        return
    version = published.version
    what = "published" if published.new else "was published already"
    console.print(f"{name}@{version.version} {what} ({version.digest[:12]})", markup=False)
    for change in version.changes:
        console.print(f"  {change}", markup=False, soft_wrap=True)
    if version.risk:
        console.print(f"  risk of the change: {version.risk}")
    for line in done:
        console.print(f"  schedule: {line}", markup=False)


async def _diff(old: str, new: str, *, as_json: bool) -> None:
    before, after = await _plan_of_target(old), await _plan_of_target(new)
    comparison = compare(before.definition, after.definition)
    if as_json:
        show_json(comparison.as_json())
        return
    for change in comparison.changes:
        console.print(f"{change.risk:>6}  {change.what}", markup=False, soft_wrap=True)
    if not comparison.changes:
        console.print("Nothing that matters changed.")
    console.print(f"risk: {comparison.risk}; version bump needed: {comparison.required_bump}")


async def _plan_of_target(target: str) -> Plan:
    if is_file(target):
        checked = await check_fetched(Path(target), read_bytes(Path(target)))
        without_errors(target, checked.found)
        document = checked.document()
        return load_plan(digest(document), document)
    name, version = split_target(target)
    try:
        found = await Definitions(await client()).version(name, version)
    except DefinitionError as error:
        fail(Exit.NOT_FOUND, str(error))
    if found.document is None:
        fail(Exit.NOT_FOUND, f"the text of {target} is not kept any more")
    return load_plan(found.digest, found.document)


def _day(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        fail(Exit.WRONG_INPUT, f"--around: {text!r} is no day: write it like 2027-03-28")
    return day if day.tzinfo is not None else day.replace(tzinfo=UTC)
