"""Files of pipelines: good ones are read, and everything that is wrong is told with its place and its mend."""

from pathlib import Path

import pytest

from towpath.clients.pipelines import list_files
from towpath.contracts.pipeline import PipelineConfig
from towpath.policy.pipeline.configuration import check_pipeline, pipeline_digest
from towpath.policy.pipeline.watermarks import WatermarkError, greatest, lowest

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
        pytest.param("type: csv", "type: cvs", "type.unknown", 8, id="unknown-type"),
        pytest.param("threshold: 0.9", "treshold: 0.9", "field.unknown", 61, id="unknown-field"),
        pytest.param("op: join", "op: joyn", "op.unknown", 55, id="unknown-operation"),
        pytest.param("column: amount, minimum", "column: amont, minimum", "column.unknown", 65, id="unknown-column"),
        pytest.param("strategy: upsert", "strategy: delete_insert", "strategy.partition", 72, id="no-partition"),
        pytest.param("main: false", "main: true", "source.main", 20, id="two-main-sources"),
        pytest.param("source: customers\n", "source: clients\n", "join.unknown", 56, id="unknown-source"),
        pytest.param(
            "transformation:\n  source: orders",
            "transformation:\n  source: x",
            "specification.source",
            43,
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


def test_digest_does_not_depend_on_the_text() -> None:
    """Comments and layout are not the pipeline; its parts are."""
    one, other = check_pipeline(ORDERS).config, check_pipeline(f"# said\n{ORDERS}").config
    changed = check_pipeline(ORDERS.replace("0.9", "0.8", 1)).config
    assert one is not None
    assert other is not None
    assert changed is not None

    assert pipeline_digest(one) == pipeline_digest(other) != pipeline_digest(changed)


def _two_destinations(second: str) -> PipelineConfig:
    text = ORDERS + f"  - {{name: copy, type: duckdb, path: copy.duckdb, table: orders, strategy: {second}}}\n"
    config = check_pipeline(text).config
    assert config is not None
    return config


@pytest.mark.parametrize(
    ("watermarks", "expected"),
    [
        pytest.param({"analytics": "9", "copy": "10"}, "9", id="numbers"),
        pytest.param({"analytics": "2026-11-02", "copy": "2026-11-01"}, "2026-11-01", id="dates"),
        pytest.param({"analytics": "9", "copy": None}, None, id="one-is-new"),
        pytest.param({"analytics": None, "copy": None}, None, id="all-are-new"),
    ],
)
def test_lowest_watermark(watermarks: dict[str, str | None], expected: str | None) -> None:
    """A run reads from where the destination stands that is the furthest behind."""
    assert lowest(_two_destinations("upsert"), watermarks) == expected


def test_appending_destination_must_not_be_ahead() -> None:
    """Rows would be there twice: the run is refused."""
    with pytest.raises(WatermarkError, match="copy appends"):
        lowest(_two_destinations("append"), {"analytics": "1", "copy": "2"})


def test_greatest_cursor() -> None:
    """Numbers are compared by value."""
    assert greatest(["9", None, "10"]) == "10"
    assert greatest([None]) is None
