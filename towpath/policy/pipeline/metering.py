"""What a part took to load, in the terms of every other stage."""

from towpath.contracts.pipeline.dataset import StageMetrics
from towpath.contracts.pipeline.loading import LoadPart, PartLoaded


def load_metrics(task: LoadPart, loaded: PartLoaded) -> StageMetrics:
    """A part that the ledger had already puts no row anywhere."""
    return StageMetrics(
        stage="load",
        partition=f"{task.destination.name}/{task.number}",
        rows_in=task.part.rows,
        rows_out=0 if loaded.skipped else task.part.rows,
        size_bytes=task.part.size_bytes,
        seconds=loaded.seconds,
        cpu_seconds=loaded.cpu_seconds,
        peak_rss_bytes=loaded.peak_rss_bytes,
    )
