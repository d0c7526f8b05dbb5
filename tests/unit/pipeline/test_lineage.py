"""Lineage: events that the published schemas of OpenLineage accept, told once to a file and to a collector."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.fakes.openlineage import Collector, Event, collecting, facets_of, problems_of
from tests.unit.pipeline.reading import Reader
from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.pipeline import PipelineConfig
from towpath.contracts.pipeline.quality import Quality, RuleResult
from towpath.contracts.pipeline.stages import LineageTask
from towpath.contracts.pipeline.tracing import TraceTask
from towpath.contracts.pipeline.transformation import FrozenSpecification, Specification
from towpath.dataplane.core.connections import DataConnection, HttpConnection, PostgresqlConnection
from towpath.dataplane.core.errors import LineageError
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.report.events import FACETS, events_of, run_id
from towpath.dataplane.report.telling import emit_lineage
from towpath.dataplane.specification.lineage import trace_columns

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
CONFIG = {
    "id": "shop",
    "version": "1.0.0",
    "description": "Orders of the shop",
    "sources": [
        {
            "name": "orders",
            "type": "csv",
            "path": "/data/orders-*.csv",
            "columns": [{"name": name, "type": "text"} for name in ("no", "paid", "rate", "customer", "at")],
        },
        {
            "name": "customers",
            "type": "postgresql",
            "connection": "crm",
            "table": "customers",
            "main": False,
            "columns": [{"name": "id", "type": "text"}, {"name": "segment", "type": "text"}],
        },
    ],
    "target": {
        "table": "orders",
        "key": ["id"],
        "columns": [
            {"name": "id", "type": "text", "description": "number of the order"},
            {"name": "segment", "type": "text"},
            {"name": "paid", "type": "text"},
            {"name": "buyer", "type": "text"},
        ],
    },
    "transformation": {
        "source": "orders",
        "operations": [
            {"op": "rename", "columns": {"no": "id"}},
            {"op": "deduplicate", "key": ["id"], "newest_by": "at"},
            {"op": "derive", "column": {"name": "paid", "type": "text"}, "expression": "paid || rate"},
            {
                "op": "derive",
                "column": {"name": "buyer", "type": "text"},
                "expression": "CASE WHEN rate = '0' THEN 'guest' ELSE sha256(customer) END",
            },
            {"op": "join", "source": "customers", "on": {"customer": "id"}, "columns": {"segment": "segment"}},
        ],
    },
    "quality": {
        "rules": [
            {"rule": "not_null", "column": "id"},
            {"rule": "unique", "columns": ["id", "paid"], "severity": "warning"},
        ]
    },
    "destinations": [
        {"name": "warehouse", "type": "postgresql", "connection": "dwh", "table": "shop.orders"},
        {"name": "lake", "type": "parquet", "path": "s3://lake/orders"},
        {"name": "local", "type": "duckdb", "path": "/data/shop.duckdb", "table": "orders"},
    ],
}
CONNECTIONS: dict[str, DataConnection] = {
    "dwh": PostgresqlConnection(url=SecretStr("postgresql://loader:secret@dwh.example:6432/main")),
}


def task(event: str, **more: Any) -> LineageTask:
    config = PipelineConfig.model_validate({**CONFIG, "lineage": more.pop("lineage", {})})
    given: dict[str, Any] = {"at": AT, "config": config, "workflow_id": "etl/shop", "step": "run-1", **more}
    return LineageTask(event=event, **given)


def ended(event: str = "COMPLETE", **more: Any) -> LineageTask:
    wanted = PipelineConfig.model_validate(CONFIG).transformation
    assert isinstance(wanted, Specification)
    frozen = FrozenSpecification(
        digest="d", specification=wanted, source_schema="s", target_schema="t", origin="written"
    )
    results = (
        RuleResult(rule="not_null.id", kind="not_null", severity="error", weight=1, rows=10, failed=1),
        RuleResult(rule="unique.id.paid", kind="unique", severity="warning", weight=1, rows=10, failed=0),
    )
    quality = Quality(score=0.95, results=results, rows=10, valid=9, quarantined=1, at=AT)
    rows = {"warehouse": 9, "lake": 9}
    return task(event, specification=frozen, quality=quality, rows=rows, size_bytes=900, **more)


def told(given: LineageTask, root: Path) -> list[Event]:
    """The events of a task, as they are sent."""
    return json.loads(json.dumps(events_of(given, Reader(root, CONNECTIONS).work())))


ENDS = [task("START"), ended(), ended("FAIL", failure="pipeline.quality"), ended("ABORT")]


@pytest.mark.parametrize("given", ENDS, ids=["start", "complete", "fail", "abort"])
def test_events_and_facets_fit_the_published_schemas(tmp_path: Path, given: LineageTask) -> None:
    """Each event, and each facet in it against the schema that it names."""
    events = told(given, tmp_path)

    assert [problem for event in events for problem in problems_of(event)] == []
    if given.event == "FAIL":
        assert {name for name, _ in facets_of(events)} == set(FACETS)


BROKEN: dict[str, dict[str, Any]] = {
    "columnLineage": {"fields": {"id": {}}},
    "dataQualityAssertions": {"assertions": [{"assertion": "unique"}]},
    "dataQualityMetrics": {"columnMetrics": 1},
    "documentation": {"description": None},
    "errorMessage": {"programmingLanguage": None},
    "jobType": {"processingType": None},
    "outputStatistics": {"rowCount": "9"},
    "parent": {"run": {"runId": "1"}},
    "processing_engine": {"version": None},
    "schema": {"fields": [{"type": "text"}]},
}


@pytest.mark.parametrize("name", sorted(FACETS))
def test_a_broken_facet_is_found(tmp_path: Path, name: str) -> None:
    """The check above can fail, for every facet: a field that is not as published, and a facet under another name."""
    broken, renamed = (told(ended("FAIL", failure="x"), tmp_path) for _ in range(2))
    for holder in holders(broken, name):
        holder[name] |= BROKEN[name]
    for holder in holders(renamed, name):
        holder["symlinks"] = holder.pop(name)

    assert name in blamed(broken)
    assert "symlinks" in blamed(renamed)


def holders(events: list[Event], name: str) -> list[Event]:
    return [holder for known, holder in facets_of(events) if known == name]


def blamed(events: list[Event]) -> set[str]:
    return {problem.partition(":")[0] for event in events for problem in problems_of(event)}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("eventType",), "DONE"),
        (("eventTime",), "yesterday"),
        (("producer",), None),
        (("run", "runId"), "run-1"),
        (("job", "namespace"), None),
        (("inputs", 0, "name"), None),
        (("outputs",), {}),
    ],
    ids=str,
)
def test_a_broken_event_is_found(tmp_path: Path, place: tuple[Any, ...], value: object) -> None:
    """A part of the event that is not as published, or is missing."""
    *_, event = told(ended(), tmp_path)
    *path, last = place
    at: Any = event
    for step in path:
        at = at[step]
    at[last] = value
    assert problems_of(event)


def test_columns_are_traced_to_their_sources(tmp_path: Path) -> None:
    """Origins by column, what is hashed as masked; keys of a deduplication, and what sorts, for the dataset.

    The keys of a left join decide no row: they choose the values of the columns that it adds.
    """
    *_, event = told(ended(), tmp_path)
    output = event["outputs"][0]
    lineage = output["facets"]["columnLineage"]
    paid = [(one["field"], one["transformations"][0]["subtype"]) for one in lineage["fields"]["paid"]["inputFields"]]
    assert paid == [("paid", "TRANSFORMATION"), ("rate", "TRANSFORMATION")]
    buyer = {one["field"]: one["transformations"] for one in lineage["fields"]["buyer"]["inputFields"]}
    assert buyer == {
        "customer": [{"type": "DIRECT", "subtype": "TRANSFORMATION", "masking": True}],
        "rate": [{"type": "INDIRECT", "subtype": "CONDITIONAL", "masking": False}],
    }
    segment = lineage["fields"]["segment"]["inputFields"][0]
    assert (segment["namespace"], segment["name"]) == ("postgres://crm", "public.customers")
    assert {one["field"] for one in lineage["dataset"]} == {"no", "at"}
    keys = {one["field"]: one["transformations"][0]["subtype"] for one in lineage["fields"]["segment"]["inputFields"]}
    assert keys == {"segment": "IDENTITY", "customer": "CONDITIONAL", "id": "CONDITIONAL"}
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 9


@pytest.mark.parametrize("kind", ["left", "inner"])
def test_what_a_changed_column_decides(tmp_path: Path, kind: str) -> None:
    """The key of a left join makes what the join brings; only that of an inner one decides which rows there are."""
    text = ColumnType.TEXT
    join = {"op": "join", "source": "cities", "on": {"city": "name"}, "columns": {"land": "land"}, "kind": kind}
    asked = TraceTask(
        specification=Specification.model_validate({"source": "people", "operations": [join]}),
        source=(Column(name="id", type=text), Column(name="city", type=text)),
        target=(Column(name="id", type=text), Column(name="land", type=text)),
        others={"cities": (Column(name="name", type=text), Column(name="land", type=text))},
        columns={"people": ("city",), "cities": ("name",)},
    )
    for use in trace_columns(asked, Reader(tmp_path).work()).uses:
        assert (use.makes, use.decides) == ((("land",), False) if kind == "left" else ((), True))


def test_names_hold_no_secret(tmp_path: Path) -> None:
    """Databases are named by host, port and table: without user and password."""
    *_, event = told(ended(), tmp_path)
    names = [(one["namespace"], one["name"]) for one in event["outputs"]]
    assert names == [
        ("postgres://dwh.example:6432", "main.shop.orders"),
        ("s3://lake", "orders"),
        ("duckdb:///data/shop.duckdb", "main.orders"),
    ]
    assert "secret" not in json.dumps(event)


def test_the_quality_check_is_a_run_below_the_run(tmp_path: Path) -> None:
    """Its assertions say which rule failed on how many rows, and with what severity."""
    start, complete, run = told(ended(), tmp_path)
    assert (start["eventType"], complete["eventType"], complete["job"]["name"]) == ("START", "COMPLETE", "shop.quality")
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert complete["run"]["facets"]["parent"]["run"]["runId"] == run["run"]["runId"] == run_id("etl/shop", "run-1")
    asserted = complete["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [(one["assertion"], one["success"], one["severity"], one["actual"]) for one in asserted] == [
        ("not_null", False, "error", "1"),
        ("unique", True, "warn", "0"),
    ]


def test_a_file_has_each_event_once(tmp_path: Path) -> None:
    """A second attempt, as after a crash, changes nothing."""
    file = tmp_path / "lineage" / "events.ndjson"
    work = Reader(tmp_path, CONNECTIONS).work()
    for given in (task("START", lineage={"file": str(file)}), ended(lineage={"file": str(file)})):
        emit_lineage(given, work)
        emit_lineage(given, work)
    kinds = [json.loads(line)["eventType"] for line in file.read_text().splitlines()]
    assert kinds == ["START", "START", "COMPLETE", "COMPLETE"]


def reach(collector: Collector, tmp_path: Path, key: str = "key") -> Workspace:
    headers = {"Authorization": SecretStr(f"Bearer {key}")}
    connection = HttpConnection(base_url=collector.url, headers=headers)
    return Reader(tmp_path, {**CONNECTIONS, "openlineage": connection}).work()


def test_a_collector_gets_the_events(tmp_path: Path) -> None:
    """At the path that the standard names, with the token."""
    with collecting() as collector:
        done = emit_lineage(ended(), reach(collector, tmp_path))
    assert (done.events, done.sent) == (3, True)
    assert collector.received == told(ended(), tmp_path)


@pytest.mark.parametrize(("status", "retryable"), [(503, True), (429, True), (400, False), (404, False)])
def test_a_collector_that_refuses_is_told(tmp_path: Path, status: int, *, retryable: bool) -> None:
    """Another attempt may help when it is busy, and none when it does not want the event."""
    with collecting() as collector:
        collector.answers.append(status)
        with pytest.raises(LineageError, match=f"answered {status}") as caught:
            emit_lineage(task("START"), reach(collector, tmp_path))
    assert caught.value.retryable is retryable


def test_a_wrong_key_and_a_collector_that_is_gone_are_told(tmp_path: Path) -> None:
    """Without the key, and without the address."""
    with collecting() as collector:
        work = reach(collector, tmp_path, key="wrong")
        with pytest.raises(LineageError, match=r"^the lineage collector answered 401$"):
            emit_lineage(task("START"), work)
    with pytest.raises(LineageError, match=r"cannot be reached: ConnectError$"):
        emit_lineage(task("START"), reach(collector, tmp_path))


def test_a_pipeline_may_keep_its_lineage_to_itself(tmp_path: Path) -> None:
    """`url_setting: false` sends nothing, whatever is set."""
    nowhere = HttpConnection(base_url="http://127.0.0.1:9")
    done = emit_lineage(
        task("START", lineage={"url_setting": False}), Reader(tmp_path, {"openlineage": nowhere}).work()
    )
    assert not done.sent
