"""Facts in which nothing is left out: every section of a report's page has something to show."""

from datetime import UTC, datetime, timedelta

from tests.unit.pipeline.tables import columns, specification
from towpath.contracts.core.claude import OFFLINE_MODEL, Provenance
from towpath.contracts.core.run import Cost, StepRecord, StepState
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.pipeline.dataset import ColumnProfile, ColumnType, Profile, StageMetrics
from towpath.contracts.pipeline.inspection import SourceProfiled
from towpath.contracts.pipeline.loading import LoadResult
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineOutcome, PipelineResult
from towpath.contracts.pipeline.quality import ModelIssue, Quality, RuleResult
from towpath.contracts.pipeline.transformation import FrozenSpecification
from towpath.dataplane.report.facts import ColumnOrigin, CountedRows, OperationTotal, ReportFacts, StageTotal
from towpath.dataplane.report.quarantine import QuarantineSample, QuarantineTotal

BEGAN = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
SAYING = Provenance(model="a model", request_id="r1", prompt="check", prompt_digest="d2")
CONFIG = PipelineConfig.model_validate(
    {
        "id": "shop",
        "version": "1.0.0",
        "description": "Orders of the shop",
        "sources": [
            {"name": "orders", "type": "csv", "path": "orders.csv"},
            {"name": "people", "type": "ndjson", "path": "people.ndjson", "main": False},
        ],
        "target": {
            "table": "orders",
            "key": ["id"],
            "columns": [one.model_dump() for one in columns("id who total:decimal(18,2) kind")],
        },
        "transformation": specification({"op": "rename", "columns": {"no": "id"}}).model_dump(),
        "destinations": [
            {"name": "lake", "type": "parquet", "path": "lake"},
            {"name": "dwh", "type": "duckdb", "path": "dwh.duckdb", "table": "orders"},
        ],
    }
)


def _quality(number: int, score: float) -> Quality:
    samples: tuple[JsonObject, ...] = ({"$position": "orders.csv:3", "id": "7", "who": 'Kim "Min" & Lee'}, {"id": None})
    rules = (
        RuleResult(
            rule="total is positive", kind="custom", severity="error", weight=2, rows=30, failed=4, samples=samples
        ),
        RuleResult(
            rule="a rule whose name is longer than a bar has room for",
            kind="pattern",
            severity="warning",
            weight=0.5,
            rows=30,
            failed=0,
        ),
        RuleResult(
            rule="volume",
            kind="volume",
            severity="warning",
            weight=0.5,
            rows=1,
            failed=0,
            note="Too few runs to compare with",
        ),
        RuleResult(rule="id is unique", kind="unique", severity="error", weight=1, rows=30_000, failed=1),
    )
    issues = (ModelIssue(column="who", issue="Two names in one", rows=[0, 2]),) if number == 1 else ()
    return Quality(
        score=score,
        threshold=0.9,
        results=rules,
        issues=issues,
        provenance=SAYING,
        rows=30,
        valid=26,
        quarantined=4,
        round=number,
    )


def _column(name: str, kind: ColumnType, distinct: int, nulls: int = 0, **more: object) -> ColumnProfile:
    told = {"name": name, "type": kind, "rows": 30, "nulls": nulls, "distinct": distinct}
    return ColumnProfile.model_validate({**told, **more})


PROFILE = Profile(
    dataset="orders",
    rows=30,
    total=1_200,
    duplicates=3,
    columns=(
        _column("id", ColumnType.INTEGER, 30, histogram=(1, 0, 5, 24), minimum="1", maximum="30", mean=1234.5),
        _column("at", ColumnType.DATE, 12, nulls=2, histogram=(3, 3), minimum="2026-01-01"),
        _column("code", ColumnType.TEXT, 30, formats=(("AAA-999", 29), ("", 1))),
        _column("name", ColumnType.TEXT, 30, minimum="Ada", maximum="Zoe"),
        _column("kind", ColumnType.TEXT, 3, top=(("new", 20), ("", 9), ("'old' & \"used\"", 1))),
    ),
)


def _stage(name: str, rows: int, bad: int, seconds: float, peak: int, partitions: int = 1) -> StageTotal:
    return StageTotal(
        stage=name,
        partitions=partitions,
        rows_in=rows + bad,
        rows_out=rows,
        rows_quarantined=bad,
        size_bytes=rows * 1_000,
        seconds=seconds,
        cpu_seconds=seconds / 2,
        slowest_seconds=seconds,
        peak_rss_bytes=peak,
        attempts=partitions,
    )


def _step(title: str, state: StepState, begins: float, seconds: float) -> StepRecord:
    start = BEGAN + timedelta(seconds=begins)
    ended = start + timedelta(seconds=seconds)
    return StepRecord(step=title, title=title, state=state, started_at=start, ended_at=ended)


RESULT = PipelineResult(
    outcome=PipelineOutcome.LOADED,
    pipeline="shop",
    run_key="shop/2026-03-01",
    loads=(
        LoadResult(destination="lake", state="loaded", parts=2, rows=28, inserted=20, updated=7, stale=1),
        LoadResult(destination="dwh", state="failed", failure="pipeline.destination: it's not there"),
    ),
    quality=(_quality(1, 0.8), _quality(2, 0.95)),
    specification=FrozenSpecification(
        digest="d1",
        specification=specification({"op": "rename", "columns": {"no": "id"}}),
        source_schema="s",
        target_schema="t",
        origin="proposed",
        provenance=SAYING,
        approved_by="kim",
    ),
    metrics=(
        StageMetrics(stage="quality", partition="", rows_in=30, rows_out=26, peak_rss_bytes=7 * 1024**2),
        *(
            StageMetrics(stage="extract", partition=f"orders/{number}", rows_in=3, rows_out=2, seconds=number / 10)
            for number in range(22)
        ),
    ),
    watermark="2026-03-01",
    started_at=BEGAN,
    seconds=75.5,
    cost=Cost(calls=2, input_tokens=70, output_tokens=3, priced=False, models=("a model", OFFLINE_MODEL)),
    degraded={"lineage": "the collector doesn't answer"},
)
FACTS = ReportFacts(
    workflow_id="etl/shop/2026-03-01",
    result=RESULT,
    stages=(
        _stage("extract", 44, 22, 23.1, 0, partitions=22),
        _stage("quality", 26, 4, 0.004, 7 * 1024**2),
        _stage("load/lake", 28, 0, 61.5, 123_456_789),
    ),
    lineage=(
        ColumnOrigin(target="id", source="orders", column="no", kind="identity", direct=True),
        ColumnOrigin(target="who", source="people", column="name", kind="transformation", direct=True, masking=True),
        ColumnOrigin(target="kind", source="orders", column="flag", kind="conditional", direct=False),
        ColumnOrigin(target="id", source="orders", column="no", kind="group_by", direct=False),
        ColumnOrigin(target="who", source="people", column="id", kind="join", direct=False),
    ),
    profile=PROFILE,
    notes=("column extra is new in orders (ignored)",),
    failure="pipeline.destination: <dwh> isn't there",
    steps=(
        _step("Plan", StepState.COMPLETED, -5, 1),
        _step("Extract", StepState.COMPLETED, 0.5, 30),
        _step("Load", StepState.FAILED, 31, 40),
        _step("Tell", StepState.DEGRADED, 71, 1.25),
        _step("Wait", StepState.PENDING, 72, 1),
    ),
    specification=("Rename no to id", "Add name as who from people by who = id"),
    operations=(
        OperationTotal(words="Rename no to id"),
        OperationTotal(
            words="Add name as who from people by who = id",
            counts=(
                CountedRows(counted="set aside", rows=5, quarantine=1),
                CountedRows(counted="made null", rows=3),
            ),
        ),
    ),
    schema_rows=(CountedRows(counted="with a value in a column that nobody declared", rows=2, quarantine=1),),
    quarantine=(
        QuarantineTotal(
            stage="extract",
            rule="malformed",
            rows=5,
            samples=(
                QuarantineSample(position="orders.csv:7", reason="a quote is not closed", row='{"$line": "1,\\"x"}'),
                QuarantineSample(position="orders.csv:9", reason="a quote is not closed", row="{}"),
            ),
        ),
        QuarantineTotal(
            stage="quality",
            rule="total is positive",
            rows=1,
            samples=(QuarantineSample(position="orders.csv:3", reason="total is negative", row="{}"),),
        ),
        QuarantineTotal(stage="quality", rule="gone", rows=1_000),
    ),
)
PROFILED = SourceProfiled(
    profile=PROFILE,
    partitions=40,
    partitions_read=3,
    size_bytes=5 * 1024**3,
    unreadable=2,
    changes=("column gone is declared & not there (failed)",),
)
