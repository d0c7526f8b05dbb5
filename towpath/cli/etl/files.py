"""Which pipeline a command means, by its id or its file; and whether it can be used."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from towpath.cli.etl.plane import SETTING, known_connections, local_plane, silent
from towpath.cli.roots import file_root
from towpath.cli.terminal import Exit, fail
from towpath.contracts.pipeline.inspection import PipelineChecked, PipelineCheckTask, PipelineFinding
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineResult
from towpath.contracts.pipeline.process import PIPELINE
from towpath.control.pipelines import FOLDER, PipelineFile, PipelineFileError, find_file, run_handle, usable
from towpath.engine.expression.suggestions import did_you_mean
from towpath.policy.pipeline.configuration import with_findings
from towpath.pool.dataplane import Dataplane

Pipeline = Annotated[str, typer.Argument(help=f"Id of a pipeline in {FOLDER}, or a file.", metavar="PIPELINE")]


def config_of(pipeline: str) -> PipelineConfig:
    """The configuration of a pipeline by id or file. Ends the command when it cannot be used."""
    return _usable(found_file(pipeline))


async def checked_config_of(pipeline: str) -> PipelineConfig:
    """The same, with its expressions compiled: nothing starts that would end at them."""
    file = found_file(pipeline)
    _usable(file)
    return _usable((await check_files([file]))[0])


def found_file(pipeline: str) -> PipelineFile:
    """Ends the command when there is none."""
    try:
        return find_file(pipeline, root=file_root())
    except PipelineFileError as error:
        fail(Exit.NOT_FOUND, *str(error).splitlines())


async def check_files(files: Sequence[PipelineFile]) -> list[PipelineFile]:
    """Files that are good as they are written, held against their sources, connections and the engine."""
    if not any(file.checked.ok for file in files):
        return list(files)
    async with local_plane() as plane:
        return [await _check(file, plane) for file in files]


async def _check(file: PipelineFile, plane: Dataplane) -> PipelineFile:
    config = file.checked.config
    if config is None or not file.checked.ok:
        return file
    found = await plane.run("check_pipeline", PipelineCheckTask(config=config), PipelineChecked, silent)
    return replace(file, checked=with_findings(file.checked, (*found.findings, *_connections(config))))


def _connections(config: PipelineConfig) -> Iterator[PipelineFinding]:
    """Names that are not set here, where others are. A warning: the worker's settings are what counts."""
    known = known_connections()
    if not known:
        return
    for field, entries in (("sources", config.sources), ("destinations", config.destinations)):
        for number, entry in enumerate(entries):
            name = getattr(entry, "connection", None)
            if name is not None and name not in known:
                mend = did_you_mean(name, known).removeprefix(": ").removeprefix("; ")
                yield PipelineFinding(
                    place=f"{field}.{number}.connection",
                    code="connection.unknown",
                    message=f"there is no connection {name!r} in {SETTING} here",
                    mend=mend,
                    is_warning=True,
                )


def _usable(file: PipelineFile) -> PipelineConfig:
    try:
        return usable(file)
    except PipelineFileError as error:
        fail(Exit.WRONG_INPUT, *str(error).splitlines())


def id_of(pipeline: str) -> str:
    """Its id; a pipeline that was deleted since has one as well, and its runs are still there."""
    return config_of(pipeline).id if Path(pipeline).suffix else pipeline


def personal_columns(pipeline: str) -> frozenset[str]:
    """Columns whose values are personal, of the sources and the target. Ends the command without the pipeline's file,
    since nothing else tells them.
    """
    config = config_of(pipeline)
    columns = (*config.target.columns, *(column for source in config.sources for column in source.columns))
    return frozenset(column.name for column in columns if column.personal)


async def run_of(temporal: Client, pipeline: str) -> WorkflowHandle[Any, PipelineResult]:
    """The latest run of a pipeline by id or file, or a run by its whole id. Ends the command when there is none."""
    is_run = pipeline.startswith(f"{PIPELINE.name}/")
    handle = run_handle(temporal, pipeline if is_run else id_of(pipeline))
    try:
        await handle.describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        if is_run:
            fail(Exit.NOT_FOUND, f"there is no run {pipeline}")
        found_file(pipeline)
        fail(Exit.NOT_FOUND, f"{pipeline} has no run yet: starter.py etl run {pipeline}")
    return handle
