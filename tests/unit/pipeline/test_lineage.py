"""Lineage: events that the published schemas of OpenLineage accept, told once to a file and to a collector."""

import json
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator
from pydantic import SecretStr
from referencing import Registry, Resource

from tests.unit.pipeline.reading import Reader
from towpath.contracts.pipeline import PipelineConfig
from towpath.contracts.quality import Quality, RuleResult
from towpath.contracts.stages import LineageTask
from towpath.contracts.transformation import FrozenSpecification, Specification
from towpath.dataplane.connections import DataConnection, HttpConnection, PostgresqlConnection
from towpath.dataplane.errors import LineageError
from towpath.dataplane.lineage import emit_lineage
from towpath.dataplane.lineage_events import FACETS, events_of, run_id

SCHEMAS = Path(__file__).parents[2] / "data" / "openlineage"
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
        ],
    },
    "transformation": {
        "source": "orders",
        "operations": [
            {"op": "rename", "columns": {"no": "id"}},
            {"op": "deduplicate", "key": ["id"], "newest_by": "at"},
            {"op": "derive", "column": {"name": "paid", "type": "text"}, "expression": "paid || rate"},
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


def validator() -> Draft202012Validator:
    documents = [json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")]
    registry = Registry[Any]().with_resources([(one["$id"], Resource[Any].from_contents(one)) for one in documents])
    event = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    return Draft202012Validator({"$ref": event}, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)


def facets_of(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every facet in an event with its name, wherever it is."""
    if isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from facets_of(one)
    elif isinstance(value, dict):
        for name, one in cast("dict[str, Any]", value).items():
            if isinstance(one, dict) and "_schemaURL" in one:
                yield name, cast("dict[str, Any]", one)
            yield from facets_of(one)


@pytest.mark.parametrize(
    "given", [task("START"), ended(), ended("FAIL", failure="pipeline.quality")], ids=["start", "complete", "fail"]
)
def test_events_and_facets_fit_the_published_schemas(tmp_path: Path, given: LineageTask) -> None:
    """Each event, and each facet in it against the schema that it names."""
    events = events_of(given, Reader(tmp_path, CONNECTIONS).work())
    checking = validator()
    told: set[str] = set()
    for event in events:
        assert list(checking.iter_errors(event)) == []
        for name, facet in facets_of(event):
            told.add(name)
            assert list(checking.evolve(schema={"$ref": facet["_schemaURL"]}).iter_errors(facet)) == []
    if given.event == "FAIL":
        assert told == set(FACETS)


def test_a_facet_of_another_shape_is_refused() -> None:
    """The check above can fail."""
    wrong = {
        "$ref": "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet"
    }
    facet: dict[str, Any] = {
        "_producer": "https://towpath.example",
        "_schemaURL": "https://towpath.example",
        "fields": {"id": {}},
    }
    assert list(validator().evolve(schema=wrong).iter_errors(facet))


def test_columns_are_traced_to_their_sources(tmp_path: Path) -> None:
    """Direct origins by column; keys of joins and deduplication, and what sorts, for the dataset."""
    *_, event = events_of(ended(), Reader(tmp_path, CONNECTIONS).work())
    output = json.loads(json.dumps(event))["outputs"][0]
    lineage = output["facets"]["columnLineage"]
    paid = [(one["field"], one["transformations"][0]["subtype"]) for one in lineage["fields"]["paid"]["inputFields"]]
    assert paid == [("paid", "TRANSFORMATION"), ("rate", "TRANSFORMATION")]
    segment = lineage["fields"]["segment"]["inputFields"][0]
    assert (segment["namespace"], segment["name"]) == ("postgres://crm", "public.customers")
    assert {one["field"] for one in lineage["dataset"]} == {"no", "at", "customer", "id"}
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 9


def test_names_hold_no_secret(tmp_path: Path) -> None:
    """Databases are named by host, port and table: without user and password."""
    *_, event = events_of(ended(), Reader(tmp_path, CONNECTIONS).work())
    told = json.loads(json.dumps(event))
    names = [(one["namespace"], one["name"]) for one in told["outputs"]]
    assert names == [
        ("postgres://dwh.example:6432", "main.shop.orders"),
        ("s3://lake", "orders"),
        ("duckdb:///data/shop.duckdb", "main.orders"),
    ]
    assert "secret" not in json.dumps(event)


def test_the_quality_check_is_a_run_below_the_run(tmp_path: Path) -> None:
    """Its assertions say which rule failed on how many rows, and with what severity."""
    start, complete, run = json.loads(json.dumps(events_of(ended(), Reader(tmp_path, CONNECTIONS).work())))
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


class _Collector(BaseHTTPRequestHandler):
    received: list[tuple[str, str | None, Any]]
    status = 201

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.received.append((self.path, self.headers["authorization"], json.loads(body)))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        del format, args


@contextmanager
def collecting(answer: int) -> Generator[tuple[HttpConnection, list[tuple[str, str | None, Any]]]]:
    handler = type("Handler", (_Collector,), {"received": [], "status": answer})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        headers = {"Authorization": SecretStr("Bearer key")}
        yield HttpConnection(base_url=f"http://127.0.0.1:{server.server_port}", headers=headers), handler.received
        server.shutdown()
        thread.join()


def test_a_collector_gets_the_events(tmp_path: Path) -> None:
    """At the path that the standard names, with the token."""
    with collecting(201) as (connection, received):
        done = emit_lineage(ended(), Reader(tmp_path, {"openlineage": connection}).work())
    assert (done.events, done.sent) == (3, True)
    assert [(path, token) for path, token, _ in received] == [("/api/v1/lineage", "Bearer key")] * 3


def test_a_collector_that_refuses_is_told(tmp_path: Path) -> None:
    """Another attempt may help; the message holds no address."""
    with collecting(503) as (connection, _), pytest.raises(LineageError, match="answered 503"):
        emit_lineage(task("START"), Reader(tmp_path, {"openlineage": connection}).work())
    gone = HttpConnection(base_url=connection.base_url, timeout_seconds=timedelta(seconds=5).total_seconds())
    with pytest.raises(LineageError, match="ConnectError"):
        emit_lineage(task("START"), Reader(tmp_path, {"openlineage": gone}).work())


def test_a_pipeline_may_keep_its_lineage_to_itself(tmp_path: Path) -> None:
    """`url_setting: false` sends nothing, whatever is set."""
    nowhere = HttpConnection(base_url="http://127.0.0.1:9")
    done = emit_lineage(
        task("START", lineage={"url_setting": False}), Reader(tmp_path, {"openlineage": nowhere}).work()
    )
    assert not done.sent
