"""The process of ETL pipelines, and the key of a run."""

from towpath.contracts.core.process import SUBJECT, TRIGGER, Process
from towpath.contracts.pipeline.pipeline import PipelineRequest, PipelineResult


def pipeline_key(request: PipelineRequest) -> str:
    """One run of a pipeline at a time; a backfill has one for each of its date ranges, and so has a replay."""
    if request.replay:
        return f"{request.config.id}/replay/{request.run_key}"
    if request.dates is not None:
        return f"{request.config.id}/{request.dates.first}..{request.dates.last}"
    return request.config.id


PIPELINE = Process(
    name="etl-pipeline",
    request=PipelineRequest,
    result=PipelineResult,
    key=lambda request, _: pipeline_key(request),
    labels=lambda request: {SUBJECT: request.config.id, TRIGGER: request.trigger},
    dead_letter_queue="failed-etl",
)
