"""Published definitions as they are shown: their versions, their schedules, and what a broken-off publishing left."""

import asyncio
from datetime import UTC, datetime, timedelta

from rich.table import Column, Table

from towpath.cli.as_json import show_json
from towpath.cli.connection import client
from towpath.cli.terminal import Exit, console, fail, problems
from towpath.contracts.core.moments import in_utc
from towpath.contracts.declared.published import DefinitionRecord, TriggerPreview, Version
from towpath.control.definitions import DefinitionError, Definitions
from towpath.control.schedules import Schedules
from towpath.engine.checks.loading import load_plan
from towpath.engine.language.definition import ScheduleTrigger
from towpath.views.tables import show_table

NEXT_FIRINGS = 5
AT_ONCE = 20
NOT_PUBLISHED = "nothing of it is published"


async def list_published(*, as_json: bool) -> None:
    temporal = await client()
    definitions, schedules = Definitions(temporal), Schedules(temporal)
    records = await definitions.records(begun=True)
    turns = asyncio.Semaphore(AT_ONCE)

    async def look(record: DefinitionRecord) -> list[str]:
        if not record.versions:
            return [NOT_PUBLISHED]
        async with turns:
            latest = await definitions.version(record.id)
            return await _problems(schedules, latest, leftovers=False)

    found = await asyncio.gather(*(look(record) for record in records))
    if as_json:
        lines = zip(records, found, strict=True)
        show_json([{**record.model_dump(mode="json"), "problems": wrong} for record, wrong in lines])
        return
    if not records:
        console.print("Nothing is published: python starter.py definition publish FILE --by NAME")
        return
    table = Table("id", "version", "published (UTC)", "by", "versions", Column("digest"), box=None)
    for record in records:
        latest = record.latest
        if latest is not None:
            at = f"{latest.published_at:%Y-%m-%d %H:%M}"
            table.add_row(record.id, latest.version, at, latest.by, str(len(record.versions)), latest.digest[:12])
    show_table(console, table)
    for record, wrong in zip(records, found, strict=True):
        _tell(record.id, wrong)


async def show_published(target: str, around: datetime | None, *, source: bool, as_json: bool) -> None:
    temporal = await client()
    name, version = split_target(target)
    try:
        found = await Definitions(temporal).version(name, version)
        latest = found if version is None else await Definitions(temporal).version(name)
        record = await Definitions(temporal).record(name)
    except DefinitionError as error:
        fail(Exit.NOT_FOUND, str(error))
    if source:
        console.print(found.source or "", markup=False, soft_wrap=True, end="")
        return
    schedules = Schedules(temporal)
    firings, wrong = await _firings(schedules, found, around), await _problems(schedules, latest)
    if as_json:
        shown = {"versions": record.versions, "firings": firings, "problems": wrong}
        show_json({**found.model_dump(mode="json"), **shown})
        return
    table = Table("version", "published (UTC)", "by", "risk", Column("note", overflow="fold"), "digest", box=None)
    for known in record.versions:
        at = f"{known.published_at:%Y-%m-%d %H:%M}"
        table.add_row(known.version, at, known.by, known.risk, known.note, known.digest[:12])
    show_table(console, table)
    for preview in firings:
        title = f"schedule {preview.schedule} ({preview.cron} {preview.timezone})"
        console.print("", title, *(f"  {line}" for line in preview.firings), sep="\n", markup=False)
    _tell(name, wrong)


def split_target(target: str) -> tuple[str, str | None]:
    """`ID[@VERSION]`."""
    name, _, version = target.partition("@")
    return name, version or None


def _tell(name: str, wrong: list[str]) -> None:
    for problem in wrong:
        problems.print(f"{name}: {problem}: publish it again", markup=False, soft_wrap=True)


async def _problems(schedules: Schedules, latest: Version, *, leftovers: bool = True) -> list[str]:
    if latest.document is None:
        return []
    return await schedules.problems(load_plan(latest.digest, latest.document), latest.digest, leftovers=leftovers)


async def _firings(schedules: Schedules, version: Version, around: datetime | None) -> list[TriggerPreview]:
    """The next firings of each schedule trigger, or those from the day before a given one to the day after it."""
    found: list[TriggerPreview] = []
    if version.document is None:
        return found
    definition = load_plan(version.digest, version.document).definition
    for index, (trigger, _) in enumerate(definition.triggers):
        if not isinstance(trigger, ScheduleTrigger):
            continue
        name = f"{definition.header.id}/{index}"
        begin = datetime.now(UTC) if around is None else around - timedelta(days=2)
        end = begin + timedelta(days=400) if around is None else around + timedelta(days=3)
        firings = await schedules.firings(name, begin, end, trigger.timezone)
        shown = firings[:NEXT_FIRINGS] if around is None else firings[:50]
        lines = tuple(
            f"{firing.local:%a %Y-%m-%d %H:%M %z}, {in_utc(firing.at)}" + (f"  ({firing.note})" if firing.note else "")
            for firing in shown
        )
        found.append(TriggerPreview(schedule=name, cron=trigger.cron, timezone=trigger.timezone, firings=lines))
    return found
