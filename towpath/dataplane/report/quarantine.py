"""The quarantine of a report: how many rows each reason has, and a few of them with their place."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from towpath.contracts.core.wire import Wire, clip, json_object
from towpath.contracts.pipeline.dataset import Column, QuarantinedRows
from towpath.dataplane.core.arrow import parquet
from towpath.dataplane.core.errors import DatasetStoreError
from towpath.dataplane.core.shapes import masked, personal_in
from towpath.dataplane.core.workspace import Workspace

MOST_SAMPLES = 3
MOST_READ = 50_000
"""So many rows of a file are looked at for samples."""


class QuarantineSample(Wire):
    """`row` is JSON, cut where it is long."""

    position: str
    reason: str
    row: str


class QuarantineTotal(Wire):
    stage: str
    rule: str
    rows: int
    samples: tuple[QuarantineSample, ...] = ()


def quarantine_totals(
    quarantine: Iterable[QuarantinedRows], columns: Sequence[Column], work: Workspace
) -> tuple[QuarantineTotal, ...]:
    """By stage and rule, the most rows first. A file that was cleaned up since, as before a redrive, has no samples.

    `columns` are those of sources and target. Where one is personal, only values of the others are shown.
    """
    personal = personal_in(columns)
    shown = {column.name for column in columns} - personal
    totals: Counter[tuple[str, str]] = Counter()
    samples: dict[tuple[str, str], list[QuarantineSample]] = defaultdict(list)
    for one in quarantine:
        for rule, number in one.by_rule.items():
            totals[one.stage, rule] += number
        wanted = {rule: MOST_SAMPLES - len(samples[one.stage, rule]) for rule in one.by_rule}
        for found in _samples(one, wanted, work):
            row = _masked(found["row"], shown) if personal else found["row"]
            sample = QuarantineSample(position=found["position"], reason=found["reason"], row=clip(row))
            samples[one.stage, found["rule"]].append(sample)
    return tuple(
        QuarantineTotal(stage=stage, rule=rule, rows=number, samples=tuple(samples[stage, rule]))
        for (stage, rule), number in totals.most_common()
    )


def _samples(quarantined: QuarantinedRows, wanted: dict[str, int], work: Workspace) -> Iterator[dict[str, str]]:
    """As many rows of each rule as are wanted."""
    if not any(wanted.values()):
        return
    try:
        file = parquet.ParquetFile(work.local(quarantined.part))
    except DatasetStoreError:
        return
    read = 0
    for batch in file.iter_batches(batch_size=1_000):
        for row in batch.to_pylist():
            if wanted.get(row["rule"], 0):
                wanted[row["rule"]] -= 1
                yield row
        read += batch.num_rows
        if read >= MOST_READ or not any(wanted.values()):
            return


def _masked(row: str, shown: Collection[str]) -> str:
    """A row may have columns on their way from one name to another, or be a line that could not be taken apart."""
    values = json_object(row) or {}
    return json.dumps(masked(values, values.keys() - shown), ensure_ascii=False)
