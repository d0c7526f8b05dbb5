"""What a run of a pipeline tells of itself while it goes on."""

from datetime import datetime

from towpath.contracts.core.wire import Wire
from towpath.contracts.pipeline.loading import LoadResult
from towpath.contracts.pipeline.quality import Quality
from towpath.contracts.pipeline.transformation import BackTest


class StageProgress(Wire):
    """One stage as it goes on: partitions, rows and bytes that are done."""

    stage: str
    done: int = 0
    total: int = 0
    rows: int = 0
    size_bytes: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None


class PipelineView(Wire):
    """What the query `pipeline` answers while it goes on."""

    pipeline: str
    run_key: str
    stages: tuple[StageProgress, ...] = ()
    notes: tuple[str, ...] = ()
    quality: tuple[Quality, ...] = ()
    loads: tuple[LoadResult, ...] = ()
    quarantined: int = 0
    back_test: BackTest | None = None
    """Before and after, for whoever decides about a new specification."""
