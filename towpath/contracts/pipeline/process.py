"""The process of ETL pipelines, and the key of a run."""

from collections.abc import Sequence

from towpath.contracts.core.process import SUBJECT, TRIGGER, Again, Process
from towpath.contracts.pipeline.pipeline import PipelineFailure, PipelineOutcome, PipelineRequest, PipelineResult

SUCCESS = frozenset({PipelineOutcome.LOADED, PipelineOutcome.NOTHING, PipelineOutcome.DISCARDED})


def pipeline_key(request: PipelineRequest) -> str:
    """One run of a pipeline at a time; a backfill has one for each of its date ranges, and so has a replay."""
    if request.replay:
        return f"{request.config.id}/replay/{request.run_key}"
    if request.dates is not None:
        return f"{request.config.id}/{request.dates.first}..{request.dates.last}"
    return request.config.id


def _keeps(failure: PipelineFailure) -> Sequence[str]:
    """Stages that are done, and destinations that are loaded."""
    known = failure.pipeline.resume
    if known is None:
        return []
    stages = {"transformed": known.transformed, "quality": known.valid, "specification": known.specification}
    done = [f"extract/{source}" for source in known.extracted]
    done += [stage for stage, result in stages.items() if result is not None]
    return done + [f"load/{name}" for name, load in known.loads.items() if load.state != "failed"]


def _again(failure: PipelineFailure, again: Again) -> PipelineRequest:
    if again.discard is None:
        return failure.pipeline.model_copy(update={"redrive_of": again.run_id})
    return failure.pipeline.model_copy(update={"discard": again.discard})


PIPELINE = Process(
    name="etl-pipeline",
    folder="pipeline",
    request=PipelineRequest,
    result=PipelineResult,
    failure=PipelineFailure,
    key=lambda request, _: pipeline_key(request),
    labels=lambda request: {SUBJECT: request.config.id, TRIGGER: request.trigger},
    title=lambda request: f"Pipeline {request.config.id} {request.config.version}",
    succeeded=lambda result: result.outcome in SUCCESS,
    keeps=_keeps,
    again=_again,
    dead_letter_queue="failed-etl",
    command="etl run",
)
