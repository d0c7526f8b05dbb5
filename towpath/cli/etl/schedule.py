"""`starter.py etl schedule`: the schedules of pipelines in Temporal, made what their files say."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.connection import client, run
from towpath.cli.etl.files import check_files, checked_config_of, id_of
from towpath.cli.terminal import Exit, console, fail
from towpath.contracts.pipeline.pipeline import PipelineConfig
from towpath.control.pipeline_schedules import PipelineSchedules, Scheduled
from towpath.control.pipelines import FOLDER, list_files
from towpath.views.tables import show_table

MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class ScheduleChange:
    """What to do, by its flag; without one, schedules are made what the files say."""

    remove: bool
    pause: bool
    resume: bool
    listing: bool

    @property
    def count(self) -> int:
        return sum((self.remove, self.pause, self.resume, self.listing))


def register(app: typer.Typer) -> None:
    app.command("schedule")(schedule)


def schedule(
    pipeline: Annotated[
        str | None, typer.Argument(help=f"Id of a pipeline in {FOLDER}, or a file.", metavar="[PIPELINE]")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All pipelines of the folder.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take the schedule away; runs under way go on.")] = False,
    pause: Annotated[bool, typer.Option("--pause", help="No firings until --resume.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Fire again.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="Only show schedules and their next firings.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make a pipeline's schedule what its file says, or change nothing when it is. Safe to repeat, as after a deploy.

    A schedule starts the pipeline as it was when this command was last run: after a change of the file, run it again.
    With --all, pipelines of the folder without a schedule lose the one that they had.
    """
    wanted = ScheduleChange(remove, pause, resume, listing)
    if (pipeline is not None and every) or (pipeline is None and not every and not listing):
        fail(Exit.WRONG_INPUT, "Give one pipeline, or --all.")
    if wanted.count > 1:
        fail(Exit.WRONG_INPUT, "Give one of --remove, --pause, --resume, --list.")
    run(_schedule(pipeline, wanted, as_json=as_json))


async def _schedule(pipeline: str | None, wanted: ScheduleChange, *, as_json: bool) -> None:
    configs = await _configs(check=not (wanted.listing or wanted.count)) if pipeline is None else {}
    schedules = PipelineSchedules(await client())
    if wanted.listing:
        names = [id_of(pipeline)] if pipeline is not None else sorted({*configs, *await schedules.names()})
        found = [one for name in names if (one := await schedules.find(name)) is not None]
        _show(found, configs, as_json=as_json)
        return
    if wanted.count:
        await _steer(schedules, [id_of(pipeline)] if pipeline is not None else list(configs), wanted, as_json=as_json)
        return
    if pipeline is not None:
        config = await checked_config_of(pipeline)
        if config.schedule is None:
            _unscheduled(config, pipeline)
        configs = {config.id: config}
    await _put(schedules, configs, as_json=as_json)


async def _put(schedules: PipelineSchedules, configs: dict[str, PipelineConfig], *, as_json: bool) -> None:
    done: list[dict[str, object]] = []
    for config in configs.values():
        if config.schedule is None:
            what = "removed" if await schedules.remove(config.id) else ""
        else:
            what = str(await schedules.put(config))
        if what:
            found = await schedules.find(config.id)
            done.append({"pipeline": config.id, "done": what, **({} if found is None else _as_json(found, config))})
            if not as_json:
                console.print(f"{config.id}: {what}{_told(found)}", markup=False, soft_wrap=True)
    if as_json:
        show_json(done)
    elif not done:
        console.print(f"no pipeline of {FOLDER} has a schedule")


async def _steer(schedules: PipelineSchedules, names: list[str], wanted: ScheduleChange, *, as_json: bool) -> None:
    note = "by starter.py etl schedule"
    steering: dict[str, Callable[[str], Awaitable[bool]]] = {
        "removed": schedules.remove,
        "paused": lambda name: schedules.pause(name, f"paused {note}"),
        "resumed": lambda name: schedules.resume(name, f"resumed {note}"),
    }
    what = "removed" if wanted.remove else "paused" if wanted.pause else "resumed"
    done = [name for name in names if await steering[what](name)]
    if as_json:
        show_json([{"pipeline": name, "done": what} for name in done])
    else:
        console.print(*(f"{name}: {what}" for name in done), sep="\n", markup=False)
    if not done:
        fail(Exit.NOT_FOUND, f"no schedule: {', '.join(names)}")


def _show(found: list[Scheduled], configs: dict[str, PipelineConfig], *, as_json: bool) -> None:
    if as_json:
        show_json([_as_json(one, configs.get(one.pipeline)) for one in found])
        return
    table = Table("pipeline", "version", "cron", "time zone", "next", "", box=None)
    for one in found:
        given, version = one.schedule, "" if one.request is None else one.request.config.version
        cron, zone = ("", "") if given is None else (given.cron, given.timezone)
        table.add_row(one.pipeline, version, cron, zone, next_firing(one), state_of(one, configs.get(one.pipeline)))
    show_table(console, table)


def next_firing(found: Scheduled) -> str:
    """On the clock of its time zone."""
    if found.paused or not found.next:
        return "–"
    return _local(found, found.next[0])


def state_of(found: Scheduled, config: PipelineConfig | None) -> str:
    """What a person should know of a schedule beside its times."""
    if found.paused:
        return f"paused: {found.note}" if found.note else "paused"
    if config is None:
        return ""
    return "" if found.runs(config) else f"differs from the file: etl schedule {config.id}"


async def _configs(*, check: bool) -> dict[str, PipelineConfig]:
    """The pipelines of the folder. Ends the command when one cannot be used: its schedule would be guessed."""
    files = await check_files(list_files()) if check else list_files()
    bad = [file for file in files if file.checked.config is None or not file.checked.ok]
    if bad:
        fail(Exit.WRONG_INPUT, *(f"{file.path} cannot be used: etl check {file.path}" for file in bad))
    return {file.checked.config.id: file.checked.config for file in files if file.checked.config is not None}


def _unscheduled(config: PipelineConfig, pipeline: str) -> NoReturn:
    where = pipeline if Path(pipeline).suffix else f"its file in {FOLDER}"
    mend = 'add schedule: {cron: "0 6 * * *", timezone: UTC}'
    fail(Exit.WRONG_INPUT, f"{config.id} has no schedule: {mend} to {where}, or take one away with --remove")


def _told(found: Scheduled | None) -> str:
    if found is None or found.schedule is None:
        return ""
    times = "paused" if found.paused else f"next {', '.join(_local(found, at) for at in found.next[:MOST_SHOWN])}"
    return f": {found.schedule.cron} {found.schedule.timezone}, {times}"


def _local(found: Scheduled, at: datetime) -> str:
    zone = "UTC" if found.schedule is None else found.schedule.timezone
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"


def _as_json(found: Scheduled, config: PipelineConfig | None) -> dict[str, object]:
    given, request = found.schedule, found.request
    return {
        "pipeline": found.pipeline,
        "version": None if request is None else request.config.version,
        "digest": None if request is None else request.digest,
        "cron": None if given is None else given.cron,
        "timezone": None if given is None else given.timezone,
        "paused": found.paused,
        "next": [] if found.paused else [at.isoformat() for at in found.next[:MOST_SHOWN]],
        "as_the_file": None if config is None else found.runs(config),
    }
