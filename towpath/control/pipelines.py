"""Pipelines as files, and their runs: read and checked, started, found."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import (
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)

from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineRequest, PipelineResult
from towpath.contracts.pipeline.process import PIPELINE
from towpath.control.temporal import Started, if_known
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.diagnostics import excerpt
from towpath.policy.pipeline.configuration import CheckedPipeline, check_pipeline, pipeline_digest
from towpath.roots import FILES, PathRefusedError, Root
from towpath.temporal.attributes import search_attributes

FOLDER = Path("definitions/pipelines")
ANYWHERE = Root(FILES, anywhere=True)
SUFFIXES = frozenset({".yaml", ".yml", ".json"})


class PipelineFileError(Exception):
    """A file cannot be used. The text has a line for each problem, with the place shown below it."""


@dataclass(frozen=True, slots=True)
class PipelineFile:
    path: Path
    checked: CheckedPipeline

    def lines(self) -> Iterator[str]:
        """Each problem as `file:line:column: code: what: mend`, and its place."""
        for found in self.checked.diagnostics:
            yield found.line_of(str(self.path))
            shown = excerpt(found, self.checked.source.text)
            if shown:
                yield shown


def read_file(path: Path, root: Root = ANYWHERE) -> PipelineFile:
    """Raises PipelineFileError for a file that cannot be read; what is wrong in it is in the checks."""
    try:
        with root.open(path) as opened:
            text = opened.read()
    except PathRefusedError as error:
        raise PipelineFileError(error.message) from error
    except OSError as error:
        raise PipelineFileError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise PipelineFileError(f"{path}: cannot be read: {error}") from error
    return PipelineFile(path, check_pipeline(text, frozenset(available_timezones())))


def list_files(folder: Path = FOLDER) -> list[PipelineFile]:
    """The pipelines of a folder, in the order of their names."""
    return [read_file(path) for path in sorted(folder.glob("*")) if path.suffix in SUFFIXES]


def find_file(name: str, folder: Path = FOLDER, root: Root = ANYWHERE) -> PipelineFile:
    """A file by its path, or by the pipeline's id in the folder. Raises PipelineFileError."""
    if Path(name).suffix in SUFFIXES:
        return read_file(Path(name), root)
    known = {path.stem: path for path in sorted(folder.glob("*")) if path.suffix in SUFFIXES}
    if name not in known:
        raise PipelineFileError(f"there is no pipeline {name!r} in {folder}{did_you_mean(name, known)}")
    return read_file(known[name])


def usable(file: PipelineFile) -> PipelineConfig:
    """Raises PipelineFileError with every problem."""
    if file.checked.config is None or not file.checked.ok:
        raise PipelineFileError("\n".join(file.lines()))
    return file.checked.config


def request_of(config: PipelineConfig, **fields: Any) -> PipelineRequest:
    """A request to run a pipeline; `fields` are those of the request beside its configuration."""
    return PipelineRequest(config=config, digest=pipeline_digest(config), **fields)


async def start_run(client: Client, request: PipelineRequest) -> Started:
    """Start a run, or join the one that is under way: a pipeline has one at a time."""
    workflow_id = PIPELINE.workflow_id(request, b"")
    before = await _running(client, workflow_id)
    handle = await client.start_workflow(
        PIPELINE.name,
        request,
        id=workflow_id,
        task_queue=PIPELINE.queue,
        result_type=PipelineResult,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        search_attributes=search_attributes(PIPELINE.attributes(request)),
        static_summary=PIPELINE.title(request),
    )
    return Started(handle, existing=before is not None and handle.result_run_id == before)


async def _running(client: Client, workflow_id: str) -> str | None:
    """The run that is under way, if one is."""
    latest = await if_known(client.get_workflow_handle(workflow_id).describe())
    return None if latest is None or latest.status is not WorkflowExecutionStatus.RUNNING else latest.run_id


def run_handle(client: Client, pipeline: str) -> WorkflowHandle[Any, PipelineResult]:
    """The latest run of a pipeline, by its id or a whole workflow id."""
    return client.get_workflow_handle(PIPELINE.full_id(pipeline), result_type=PipelineResult)
