"""`starter.py etl`: pipelines from their files, and their runs as they go on."""

from typing import Annotated, Any

import typer
from rich.table import Table
from temporalio.client import WorkflowExecutionStatus

from towpath.cli.as_json import JsonFlag, show_json, show_json_line
from towpath.cli.connection import client, page_of, reachable, run, say_started
from towpath.cli.endings import ended_run, exit_by, show_end
from towpath.cli.etl.files import Pipeline, check_files, checked_config_of, found_file, run_of
from towpath.cli.etl.following import finish, follow, follow_as_json, need_workers
from towpath.cli.etl.schedule import next_firing, state_of
from towpath.cli.terminal import Exit, console, problems, warn
from towpath.contracts.pipeline.pipeline import PipelineConfig
from towpath.contracts.pipeline.process import PIPELINE
from towpath.control.pipeline_schedules import PipelineSchedules, Scheduled
from towpath.control.pipelines import FOLDER, PipelineFile, list_files, request_of, start_run
from towpath.control.temporal import address, run_to_end
from towpath.policy.pipeline.configuration_schema import pipeline_schema
from towpath.policy.pipeline.watermarks import doubled
from towpath.views.tables import show_table

app = typer.Typer()
WaitFlag = Annotated[bool, typer.Option("--wait/--no-wait", help="Show the run until it ends, and exit by it.")]


@app.command("check")
def check(
    files: Annotated[
        list[str] | None, typer.Argument(help=f"Ids or files; without any, all of {FOLDER}.", metavar="[PIPELINE]...")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Everything that is wrong with pipelines, each problem with its place and its mend.

    Expressions and operations are compiled against the columns of files that are here, or that sources declare. Nothing
    is run. What only warns may be right where the worker is: files, and names of connections.
    """
    checked = run_to_end(check_files([found_file(file) for file in files] if files else list_files()))
    if as_json:
        show_json([_as_json(file) for file in checked])
    else:
        for file in checked:
            _tell(file)
    if not all(file.checked.ok for file in checked):
        raise typer.Exit(Exit.WRONG_INPUT)


@app.command("list")
def list_pipelines(as_json: JsonFlag = False) -> None:
    """The pipelines of the folder: where their rows come from, where they go, and when they run next."""
    files = list_files()
    configs = [file.checked.config for file in files if file.checked.config is not None]
    found = run(_schedules([config.id for config in configs if config.schedule is not None]))
    if as_json:
        fields = {"id", "version", "description", "schedule"}
        show_json([config.model_dump(mode="json", include=fields) | _next(config, found) for config in configs])
        return
    table = Table("pipeline", "version", "from", "to", "schedule", "next run", box=None)
    for config in configs:
        sources = ", ".join(f"{source.name} ({source.type})" for source in config.sources)
        destinations = ", ".join(f"{one.name} ({one.type}, {one.strategy})" for one in config.destinations)
        table.add_row(config.id, config.version, sources, destinations, *_times(config, found))
    show_table(console, table)
    for file in files:
        if file.checked.config is None or not file.checked.ok:
            problems.print(f"{file.path} cannot be used: etl check {file.path}", markup=False, soft_wrap=True)


async def _schedules(names: list[str]) -> dict[str, Scheduled] | None:
    """The schedules that there are; None when nobody can tell."""
    if not names:
        return {}
    temporal = await reachable()
    if temporal is None:
        return None
    schedules = PipelineSchedules(temporal)
    found = [await schedules.find(name) for name in names]
    return {one.pipeline: one for one in found if one is not None}


def _times(config: PipelineConfig, found: dict[str, Scheduled] | None) -> tuple[str, str]:
    """Schedule, and next run in words."""
    if config.schedule is None:
        return "", ""
    cron = f"{config.schedule.cron} {config.schedule.timezone}"
    if found is None:
        return cron, f"unknown: Temporal does not answer at {address()}"
    one = found.get(config.id)
    if one is None:
        return cron, f"none: etl schedule {config.id}"
    return cron, "; ".join(text for text in (next_firing(one), state_of(one, config)) if text)


def _next(config: PipelineConfig, found: dict[str, Scheduled] | None) -> dict[str, Any]:
    one = (found or {}).get(config.id)
    firing = None if one is None or one.paused or not one.next else one.next[0].isoformat()
    return {"next_run": firing}


@app.command("schema")
def schema(as_json: JsonFlag = True) -> None:
    """JSON Schema of a pipeline's file, for editors."""
    del as_json  # it has no other form
    show_json(pipeline_schema())


@app.command("run")
def run_pipeline(
    pipeline: Pipeline,
    full: Annotated[bool, typer.Option("--full", help="Read everything, whatever the watermark says.")] = False,
    wait: WaitFlag = True,
    as_json: JsonFlag = False,
) -> None:
    """Run a pipeline. A second start joins the run that is under way.

    With --full a destination that appends has rows twice; the others know rows by their key.
    """
    run(_run(pipeline, full=full, wait=wait, as_json=as_json))


@app.command("watch")
def watch(pipeline: Pipeline, as_json: JsonFlag = False) -> None:
    """Follow the latest run of a pipeline until it ends: partitions, rows, rows a second.

    With --json each change is an object on a line of its own; the last has the result.
    """
    run(_watch(pipeline, as_json=as_json))


@app.command("result")
def result(pipeline: Pipeline, as_json: JsonFlag = False) -> None:
    """How the latest run of a pipeline ended."""
    run(_result(pipeline, as_json=as_json))


def _tell(file: PipelineFile) -> None:
    for line in file.lines():
        console.print(line, markup=False, soft_wrap=True)
    if file.checked.ok:
        console.print(f"{file.path}: good", markup=False)


def _as_json(file: PipelineFile) -> dict[str, Any]:
    return {
        "file": str(file.path),
        "ok": file.checked.ok,
        "problems": [diagnostic.as_json() for diagnostic in file.checked.diagnostics],
    }


async def _run(pipeline: str, *, full: bool, wait: bool, as_json: bool) -> None:
    config = await checked_config_of(pipeline)
    warnings = doubled(config, "what it reads") if full else ()
    warn(*warnings)
    temporal = await client()
    started = await start_run(temporal, request_of(config, full=full))
    if wait:
        await finish(temporal, started, as_json=as_json, warnings=warnings)
        return
    handle = started.handle
    page = page_of(handle, temporal)
    if as_json:
        told = {"workflow_id": handle.id, "run_id": handle.result_run_id, "existing": started.existing, "url": page}
        show_json({**told, "warnings": warnings})
    else:
        say_started(started, page)


async def _watch(pipeline: str, *, as_json: bool) -> None:
    temporal = await client()
    handle = await run_of(temporal, pipeline)
    if (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
        await need_workers(temporal, handle.id)
        await (follow_as_json if as_json else follow)(temporal, handle)
    found = await ended_run(PIPELINE, handle, None)
    if not as_json:
        show_end(PIPELINE, found, as_json=False)
        return
    show_json_line({"workflow_id": handle.id, "result": found})
    exit_by(PIPELINE, found)


async def _result(pipeline: str, *, as_json: bool) -> None:
    ended = await ended_run(PIPELINE, await run_of(await client(), pipeline), None)
    show_end(PIPELINE, ended, as_json=as_json)
