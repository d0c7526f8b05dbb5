"""Files that a failed run needs: what a redrive would miss is held, whoever cleans up meanwhile."""

from datetime import UTC, datetime

from towpath.contracts.pipeline.dataset import Dataset, DatasetPart, LeftOut, QuarantinedRows, StageMetrics
from towpath.contracts.pipeline.pipeline import FinishedPartition, PipelineProgress
from towpath.policy.pipeline.retention import needed

METRICS = StageMetrics(stage="extract", partition="p", rows_in=1, rows_out=1, size_bytes=1, seconds=1)


def part(name: str, without: str = "") -> DatasetPart:
    left_out = LeftOut(uri=without, sha256=without, rows=1) if without else None
    return DatasetPart(uri=name, rows=1, size_bytes=1, sha256=name, schema_hash="s", without=left_out)


def test_everything_that_a_redrive_reads_is_held() -> None:
    """Parts with their lists of rows left out, digests at the watermark, and partitions of the stage that failed."""
    rows = QuarantinedRows(stage="extract", part=part("bad"), by_rule={"not_null": 1})
    finished = FinishedPartition(part=part("done"), boundary=part("edge"), quarantined=rows, metrics=METRICS)
    known = PipelineProgress(
        run_key="r",
        started_at=datetime(2026, 11, 27, tzinfo=UTC),
        boundary=part("at"),
        reached_boundary=(part("reached"),),
        valid=Dataset(name="orders", parts=(part("valid", without="list"), part("valid", without="list"))),
        unfinished={"extract/orders": {"digest": finished}},
    )

    found = needed(known)

    assert set(found) == {"at", "reached", "valid", "list", "done", "edge", "bad"}
    assert len(found) == len(set(found))
