"""`starter.py etl report`: the report of a run, as a page or as data."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.configuration import settings
from towpath.cli.connection import client, run
from towpath.cli.endings import tell_failure
from towpath.cli.etl.files import Pipeline, run_of
from towpath.cli.files import write_bytes
from towpath.cli.terminal import Exit, console, fail
from towpath.config.stores import access_of
from towpath.contracts.core.artefact import Artefact
from towpath.contracts.pipeline.pipeline import PipelineFailure, PipelineOutcome, PipelineResult
from towpath.contracts.pipeline.process import PIPELINE
from towpath.control.deadletters import NotInQueueError, find_letter
from towpath.integrations.storage.artefacts import ArtefactStore, ArtefactStoreError


def register(app: typer.Typer) -> None:
    app.command("report")(report)


def report(
    pipeline: Pipeline,
    out: Annotated[Path, typer.Option(help="File to write; one that ends in .json gets the facts as JSON.")] = Path(
        "report.html"
    ),
    as_json: JsonFlag = False,
) -> None:
    """Write the report of the latest run: one HTML page that needs no other file, or the facts of it as JSON."""
    run(_report(pipeline, out, as_json=as_json))


async def _report(pipeline: str, out: Path, *, as_json: bool) -> None:
    temporal = await client()
    handle = await run_of(temporal, pipeline)
    told = await _written(temporal, handle)
    artefact = told.document if out.suffix == ".json" else told.report
    if artefact is None:
        fail(Exit.NOT_FOUND, f"{handle.id} has no report: {_why(told)}")
    content = await _read(artefact)
    await asyncio.to_thread(write_bytes, out, content)
    if as_json:
        show_json({"workflow_id": handle.id, "file": str(out)})
    else:
        console.print(f"written: {out}", markup=False)


async def _written(temporal: Client, handle: WorkflowHandle[Any, PipelineResult]) -> PipelineResult | PipelineFailure:
    """Of a run that failed, the report until then. Ends the command for one that failed before it had any."""
    try:
        return await handle.result()
    except WorkflowFailureError as error:
        with suppress(NotInQueueError):
            failure = (await find_letter(temporal, handle.id)).failure
            if isinstance(failure, PipelineFailure) and failure.report is not None:
                return failure
        tell_failure(PIPELINE, handle.id, error)


def _why(told: PipelineResult | PipelineFailure) -> str:
    if isinstance(told, PipelineFailure):
        return "it failed"
    if told.outcome is PipelineOutcome.NOTHING:
        return "it found nothing new"
    return told.degraded.get("report", told.outcome)


async def _read(artefact: Artefact) -> bytes:
    try:
        own = settings()
        return await ArtefactStore(own.artefact_store, access_of(own)).read(artefact)
    except ArtefactStoreError as error:
        fail(Exit.NOT_FOUND, f"{error}: is TOWPATH_ARTEFACT_STORE the worker's?")
