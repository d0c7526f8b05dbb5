"""Files of pipelines: good ones are read, and everything that is wrong is told with its place and its mend."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from towpath.contracts.pipeline.dataset import Column, ColumnType, DatasetPart
from towpath.contracts.pipeline.loading import Destination, DuckdbDestination
from towpath.contracts.pipeline.pipeline import PipelineConfig, PostgresqlSource
from towpath.contracts.pipeline.stages import Watermark
from towpath.control.pipelines import list_files
from towpath.policy.pipeline.configuration import check_pipeline, pipeline_digest
from towpath.policy.pipeline.starting import start_problems
from towpath.policy.pipeline.watermarks import StartingPoint, greatest, lowest

ROOT = Path(__file__).resolve().parents[3]
ORDERS = (ROOT / "definitions/pipelines/orders.yaml").read_text(encoding="utf-8")


def test_shipped_pipelines_are_good() -> None:
    """Every pipeline that is shipped passes its own checks."""
    files = list_files(ROOT / "definitions/pipelines")

    assert [line for file in files for line in file.lines()] == []
    assert len(files) >= 2


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        pytest.param("type: csv", "type: cvs", "type.unknown", 9, id="unknown-type"),
        pytest.param("threshold: 0.9", "treshold: 0.9", "field.unknown", 62, id="unknown-field"),
        pytest.param("op: join", "op: joyn", "op.unknown", 56, id="unknown-operation"),
        pytest.param("column: amount, minimum", "column: amont, minimum", "column.unknown", 66, id="unknown-column"),
        pytest.param("strategy: upsert", "strategy: delete_insert", "strategy.partition", 73, id="no-partition"),
        pytest.param(
            "path: definitions/pipelines/data/orders-*.csv", "path: s3://shop/*.csv", "connection.missing", 10, id="s3"
        ),
        pytest.param("main: false", "main: true", "source.main", 21, id="two-main-sources"),
        pytest.param("source: customers\n", "source: clients\n", "join.unknown", 57, id="unknown-source"),
        pytest.param(
            "transformation:\n  source: orders",
            "transformation:\n  source: x",
            "specification.source",
            44,
            id="its-source",
        ),
    ],
)
def test_wrong_pipeline_is_told(old: str, new: str, code: str, line: int) -> None:
    """Each mistake is found, at the line where it stands."""
    assert old in ORDERS

    checked = check_pipeline(ORDERS.replace(old, new, 1))

    assert not checked.ok
    assert (code, line) in [(found.code, found.line) for found in checked.diagnostics]


@pytest.mark.parametrize(
    "table", ["pg_catalog.pg_class", "information_schema.tables", "PG_toast.x", "pg_class", "temp.t", "towpath_loads"]
)
def test_tables_of_the_database_are_refused(table: str) -> None:
    """No pipeline reads or writes what is the database's, or like the ledgers; a run refuses it at its start too."""
    written = check_pipeline(ORDERS).config
    assert written is not None
    origin = PostgresqlSource(name="extra", type="postgresql", connection="shop", table=table, main=False)
    target = DuckdbDestination(name="extra", type="duckdb", path="x.duckdb", table=table, strategy="append")
    for field, one in (("sources", origin), ("destinations", target)):
        config = written.model_copy(update={field: (*getattr(written, field), one)})
        assert any(f"the table {table} is" in problem for problem in start_problems(config))
    assert start_problems(written) == ()


def test_postgresql_takes_so_many_columns() -> None:
    """A target that is too wide for PostgreSQL is told before a run; DuckDB takes it."""
    written = check_pipeline(ORDERS).config
    assert written is not None
    more = tuple(Column(name=f"c{number}", type=ColumnType.TEXT) for number in range(1_600))
    target = written.target.model_copy(update={"columns": (*written.target.columns, *more)})
    places = {"duckdb": {"path": "x.duckdb"}, "postgresql": {"connection": "shop"}}
    for kind, place in places.items():
        one = {"name": "wide", "type": kind, "table": "wide", "strategy": "append", **place}
        destination = TypeAdapter[Destination](Destination).validate_python(one)
        told = start_problems(written.model_copy(update={"target": target, "destinations": (destination,)}))
        assert [("at most 1,600" in problem) for problem in told] == ([True] if kind == "postgresql" else [])


@pytest.mark.parametrize(
    ("kind", "strategy", "code"),
    [
        pytest.param("timestamp", "delete_insert", "strategy.cursor", id="parts-of-partitions"),
        pytest.param("date", "delete_insert", None, id="whole-days"),
        pytest.param("date", "append", "strategy.mixed", id="whole-days-and-append"),
    ],
)
def test_whole_partitions_by_cursor(kind: str, strategy: str, code: str | None) -> None:
    """A partition is only replaced by all of its rows."""
    day = f"{{name: ordered_on, type: {kind}}}"
    text = ORDERS.replace("{name: ordered_on, type: text}", day, 1).replace(
        "strategy: upsert", "strategy: delete_insert"
    )
    text = text.replace("    validation:", "    cursor: {field: ordered_on}\n    validation:", 1)
    text = text.replace("  key: [order_id]\n", "  key: [order_id]\n  partition_by: ordered_on\n", 1)
    text += f"  - {{name: copy, type: duckdb, path: copy.duckdb, table: orders, strategy: {strategy}}}\n"

    codes = {found.code for found in check_pipeline(text).diagnostics}

    assert codes == ({code} if code else set())


@pytest.mark.parametrize("declared", [True, False], ids=["as-text", "not-at-all"])
def test_cursor_without_an_order(declared: bool) -> None:
    """The watermark of a text would pass over rows: a CSV file has nothing else until the column is declared."""
    text = ORDERS.replace("    validation:", "    cursor: {field: updated_at}\n    validation:", 1)
    if not declared:
        begin = text.index("    columns:")
        text = text[:begin] + text[text.index("    cursor:") :]

    checked = check_pipeline(text)

    assert [found.code for found in checked.diagnostics] == ["cursor.type"]
    assert check_pipeline(text.replace("updated_at, type: text", "updated_at, type: timestamp", 1)).ok is declared


CONTRACT = "    validation:\n      - {rule: not_null, column: order_id}\n"
NAMES = ("{name: customer_id, type: integer}", "{name: segment, type: text}", "{name: country, type: text}")
LOADED = "".join(("    columns:\n", *(f"      - {name}\n" for name in NAMES)))


@pytest.mark.parametrize(
    ("old", "new", "line", "severity"),
    [
        pytest.param(CONTRACT, "    contract: {tables: quarantine_row}\n", 19, "error", id="a-row-for-a-table"),
        pytest.param(CONTRACT, "    contract: {types: evolve}\n", 19, "warning", id="types-of-texts"),
        pytest.param(LOADED, "    contract: {columns: freeze}\n", 25, "error", id="nothing-declared"),
        pytest.param(LOADED, f"{LOADED}    contract: {{tables: freeze}}\n", 29, "error", id="table-of-a-joined-source"),
    ],
)
def test_actions_that_can_mean_nothing_are_told(old: str, new: str, line: int, severity: str) -> None:
    """A cell of the contract that no run could act on is told where it stands, with what to write instead."""
    assert old in ORDERS
    found = [one for one in check_pipeline(ORDERS.replace(old, new, 1)).diagnostics if one.code == "contract.action"]

    assert [(one.line, one.severity, bool(one.mend)) for one in found] == [(line, severity, True)]


TEXT_TO_JSON = """
id: told
version: "1.0.0"
sources: [{name: events, type: %s, path: events, columns: [{name: id, type: integer}, {name: body, type: %s}]}]
target: {table: events, key: [id], columns: [{name: id, type: integer}, {name: body, type: json}]}
transformation:
  source: events
  operations: [{op: cast, column: body, to: {name: body, type: json}}]
destinations: [{name: lake, type: duckdb, path: lake.duckdb, table: events}]
"""


@pytest.mark.parametrize(
    ("kind", "declared", "told"),
    [("ndjson", "text", True), ("json", "text", True), ("ndjson", "json", False), ("csv", "text", False)],
)
def test_texts_of_json_that_become_json_are_told(kind: str, declared: str, told: bool) -> None:
    """JSON's own "5" would become the number 5: the column is declared as JSON where it is read."""
    found = [one for one in check_pipeline(TEXT_TO_JSON % (kind, declared)).diagnostics if one.code == "cast.json"]

    assert [(one.severity, one.mend[:33]) for one in found] == (
        [("warning", "declare {name: body, type: json} ")] if told else []
    )


def test_digest_does_not_depend_on_the_text() -> None:
    """Comments and layout are not the pipeline; its parts are."""
    one, other = check_pipeline(ORDERS).config, check_pipeline(f"# said\n{ORDERS}").config
    changed = check_pipeline(ORDERS.replace("0.9", "0.8", 1)).config
    assert one is not None
    assert other is not None
    assert changed is not None

    assert pipeline_digest(one) == pipeline_digest(other) != pipeline_digest(changed)


def _digests(rows: int) -> DatasetPart:
    return DatasetPart(uri=f"{rows}.parquet", rows=rows, size_bytes=1, sha256=f"{rows}", schema_hash="")


def _mark(value: str, rows: int = 0) -> Watermark:
    return Watermark(value=value, boundary=_digests(rows) if rows else None)


def _two_destinations(second: str) -> PipelineConfig:
    text = ORDERS + f"  - {{name: copy, type: duckdb, path: copy.duckdb, table: orders, strategy: {second}}}\n"
    config = check_pipeline(text).config
    assert config is not None
    return config


@pytest.mark.parametrize(
    ("watermarks", "expected"),
    [
        pytest.param({"analytics": _mark("9", 1), "copy": _mark("10", 1)}, StartingPoint("9"), id="numbers"),
        pytest.param(
            {"analytics": _mark("2026-11-02"), "copy": _mark("2026-11-01")}, StartingPoint("2026-11-01"), id="dates"
        ),
        pytest.param({"analytics": _mark("9", 1), "copy": Watermark()}, StartingPoint(), id="one-is-new"),
        pytest.param({}, StartingPoint(), id="all-are-new"),
        pytest.param({"analytics": _mark("9", 2), "copy": _mark("9", 2)}, StartingPoint("9", _digests(2)), id="same"),
        pytest.param(
            {"analytics": _mark("9", 2), "copy": _mark("9", 3)}, StartingPoint("9"), id="same-with-other-rows"
        ),
    ],
)
def test_lowest_watermark(watermarks: dict[str, Watermark], expected: StartingPoint) -> None:
    """A run reads from where the destination stands that is the furthest behind, and leaves out what all have there."""
    assert lowest(_two_destinations("upsert"), watermarks) == expected


@pytest.mark.parametrize(
    ("analytics", "copy", "expected"),
    [
        pytest.param(_mark("9", 1), _mark("10", 1), StartingPoint("9", _digests(1), ("analytics",), "10"), id="behind"),
        pytest.param(Watermark(), _mark("10", 1), StartingPoint(None, None, ("analytics",), "10"), id="new"),
        pytest.param(
            _mark("9", 3), _mark("9", 2), StartingPoint("9", _digests(2), ("copy",)), id="same-with-other-rows"
        ),
        pytest.param(_mark("9", 2), _mark("9", 2), StartingPoint("9", _digests(2)), id="same"),
        pytest.param(Watermark(), Watermark(), StartingPoint(), id="all-are-new"),
    ],
)
def test_appending_destinations_apart(analytics: Watermark, copy: Watermark, expected: StartingPoint) -> None:
    """What is behind is loaded alone, up to where the other is: no row is there twice."""
    assert lowest(_two_destinations("append"), {"analytics": analytics, "copy": copy}) == expected


def test_greatest_cursor() -> None:
    """Numbers are compared by value."""
    assert greatest(["9", None, "10"]) == "10"
    assert greatest([None]) is None
