"""What a run of a pipeline tells to others: its lineage to a collector and a file, its numbers to Prometheus."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError, WorkflowHandle

from tests.fakes.openlineage import Collector, collecting, facets_of, problems_of
from tests.integration.commands import starter
from tests.integration.conftest import House, open_house
from tests.integration.pipelines import duckdb, items_pipeline, read_duckdb, write_items
from tests.waiting import until
from towpath.contracts.core.run import RunRecord, StepState
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineFailure, PipelineOutcome, PipelineResult
from towpath.control.deadletters import find_letter, redrive
from towpath.control.pipelines import request_of, start_run
from towpath.dataplane.report.events import FACETS
from towpath.dataplane.report.facts import ReportFacts
from towpath.integrations.storage.artefacts import ArtefactStore
from towpath.local.server import free_port

KEY = "collector-key-93"
STRICT = {"rule": "range", "column": "price", "maximum": 20, "severity": "warning"}


@dataclass(frozen=True)
class Told:
    """A stack whose worker tells a collector, and serves its metrics."""

    house: House
    collector: Collector
    metrics: str

    async def start(self, config: PipelineConfig) -> WorkflowHandle[Any, PipelineResult]:
        return (await start_run(self.house.client, request_of(config))).handle

    async def scrape(self) -> str:
        async with httpx.AsyncClient() as http:
            return (await http.get(self.metrics)).text

    async def artefact(self, kept: Any) -> bytes:
        return await ArtefactStore(str(self.house.folder / "artefacts")).read(kept)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def told(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Told]:
    folder, port = tmp_path_factory.mktemp("told"), free_port()
    with collecting(KEY) as collector:
        env = {"TOWPATH_OPENLINEAGE_URL": collector.url, "TOWPATH_OPENLINEAGE_TOKEN": KEY}
        async with open_house(folder) as house, house.worker(env, folder / "worker.log", metrics_port=port):
            yield Told(house, collector, f"http://127.0.0.1:{port}/metrics")


async def test_a_run_is_told_once_as_published(told: Told, tmp_path: Path) -> None:
    """Start and end with the rows as they were loaded; a collector that is busy gets the same event again."""
    truth, file = write_items(tmp_path, 2, 50), tmp_path / "lineage.ndjson"
    config = items_pipeline(tmp_path, id="told", description="Items", lineage={"file": str(file)})
    told.collector.answers.append(503)

    handle = await told.start(config)
    result = await handle.result()

    job, checked = told.collector.runs("told"), told.collector.runs("told.quality")
    assert [kind for kind, _ in job] == [kind for kind, _ in checked] == ["START", "COMPLETE"]
    assert len({run for _, run in job}) == len({run for _, run in checked}) == 1
    assert told.collector.refused == told.collector.received[:1]
    assert [problem for event in told.collector.received for problem in problems_of(event)] == []
    assert file.read_text().splitlines() == [json.dumps(one, separators=(",", ":")) for one in told.collector.received]
    output = told.collector.received[-1]["outputs"][0]
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == len(truth) == len(read_duckdb(tmp_path))
    assert output["outputFacets"]["outputStatistics"]["size"] > 0
    assert {field["name"] for field in output["facets"]["schema"]["fields"]} == {"id", "price", "updated_at"}
    made = output["facets"]["columnLineage"]
    assert {name: [one["field"] for one in field["inputFields"]] for name, field in made["fields"].items()} == {
        name: [name] for name in ("id", "price", "updated_at")
    }
    assert [(one["field"], one["transformations"][0]["subtype"]) for one in made["dataset"]] == [
        ("id", "GROUP_BY"),
        ("updated_at", "SORT"),
    ]
    assert result.degraded == {}
    kept = (await handle.fetch_history()).to_json() + (told.house.folder / "worker.log").read_text()
    assert KEY not in kept + await told.scrape()


async def test_a_failed_run_and_its_redrive_are_one_run(told: Told, tmp_path: Path) -> None:
    """A table that is not the target's: FAIL, with a report until then. Mended and redriven it is COMPLETE."""
    write_items(tmp_path, 2, 50)
    with duckdb.connect(str(tmp_path / "items.duckdb")) as lake:
        lake.execute("CREATE TABLE items (id DATE)")
    handle = await told.start(items_pipeline(tmp_path, id="mended", description="Items"))
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    letter = await find_letter(told.house.client, handle.id)
    assert isinstance(letter.failure, PipelineFailure)
    facts = ReportFacts.model_validate_json(await told.artefact(letter.failure.document))
    code, _, problems = await starter(told.house, "etl", "report", "mended", folder=tmp_path)
    assert code == 0, problems
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    (tmp_path / "items.duckdb").unlink()
    await (await redrive(told.house.client, letter)).handle.result()

    kinds, runs = zip(*told.collector.runs("mended"), strict=True)
    events = [one for one in told.collector.received if one["job"]["name"].startswith("mended")]
    assert (kinds, len(set(runs))) == (("START", "FAIL", "START", "COMPLETE"), 1)
    assert [problem for event in events for problem in problems_of(event)] == []
    assert {name for name, _ in facets_of(events)} == set(FACETS)
    assert facts.result.outcome is PipelineOutcome.FAILED
    assert facts.failure.startswith("load/lake: ")
    assert [(load.destination, load.state) for load in facts.result.loads] == [("lake", "failed")]
    assert "load/lake: " in page


async def test_a_run_that_fails_at_once_is_told(told: Told, tmp_path: Path) -> None:
    """No file to read: its start and its failure, before there is anything else to tell."""
    missing = [{"name": "items", "type": "csv", "path": str(tmp_path / "none.csv")}]
    handle = await told.start(items_pipeline(tmp_path, id="missing", sources=missing))
    with pytest.raises(WorkflowFailureError):
        await handle.result()

    assert [kind for kind, _ in told.collector.runs("missing")] == ["START", "FAIL"]
    failed = told.collector.received[-1]
    assert failed["run"]["facets"]["errorMessage"]["message"] == "pipeline.source_missing"
    assert problems_of(failed) == []


async def test_a_cancelled_run_is_told(told: Told, tmp_path: Path) -> None:
    """It waits for a person, and is cancelled."""
    write_items(tmp_path, 1, 50)
    quality: dict[str, Any] = {
        "threshold": 1.0,
        "rules": [STRICT],
        "remediation": "repair",
        "repair": {"source": "items", "operations": []},
        "otherwise": "human",
    }
    review = {"team": "compliance-team", "escalate_to": "compliance-leads"}
    handle = await told.start(items_pipeline(tmp_path, id="stopped", quality=quality, review=review))

    async def waits() -> bool:
        record = await handle.query("status", result_type=RunRecord)
        return record.waiting is not None and bool(told.collector.runs("stopped"))

    await until(waits, bool)
    await handle.cancel()
    with suppress(WorkflowFailureError):
        await handle.result()

    assert [kind for kind, _ in told.collector.runs("stopped")] == ["START", "ABORT"]
    assert problems_of(told.collector.received[-1]) == []


async def test_a_collector_that_is_down_keeps_nothing_from_the_load(told: Told, tmp_path: Path) -> None:
    """Rows are loaded before anybody gives up on the collector, and the result says what it lacks."""
    truth = write_items(tmp_path, 2, 50)
    told.collector.is_down = True
    try:
        handle = await told.start(items_pipeline(tmp_path, id="silent"))
        result = await handle.result()
    finally:
        told.collector.is_down = False

    steps = {step.step: step for step in (await handle.query("status", result_type=RunRecord)).steps}
    loaded, given_up = steps["load/lake"].ended_at, steps["lineage"].ended_at
    assert result.outcome is PipelineOutcome.LOADED
    assert read_duckdb(tmp_path) == truth
    assert steps["lineage"].state is StepState.DEGRADED
    assert result.degraded == {"lineage": "the event COMPLETE was not told (pipeline.lineage)"}
    assert loaded is not None
    assert given_up is not None
    assert loaded < given_up
    assert result.report is not None


async def test_numbers_of_a_run_reach_prometheus(told: Told, tmp_path: Path) -> None:
    """Rows, bytes and seconds by pipeline and stage: the sums of what the result says by partition."""
    write_items(tmp_path, 3, 50)
    result = await (await told.start(items_pipeline(tmp_path, id="metered"))).result()
    samples = [one for one in _samples(await told.scrape()) if one.labels.get("pipeline") == "metered"]

    assert {one.stage for one in result.metrics} == {"extract", "transform", "quality", "load"}
    assert {one.partition for one in result.metrics if one.stage == "load"} == {f"lake/{part}" for part in (1, 2, 3)}
    assert all(one.seconds > 0 and one.peak_rss_bytes > 0 for one in result.metrics)
    for stage in ("extract", "transform", "quality", "load"):
        parts = [one for one in result.metrics if one.stage == stage]
        found = {one.name: one.value for one in samples if one.labels["stage"] == stage and "le" not in one.labels}
        assert found == {
            "towpath_pipeline_rows_total": sum(one.rows_out for one in parts),
            "towpath_pipeline_quarantined_total": sum(one.rows_quarantined for one in parts),
            "towpath_pipeline_bytes_total": sum(one.size_bytes for one in parts),
            "towpath_pipeline_partition_duration_seconds_count": len(parts),
            "towpath_pipeline_partition_duration_seconds_sum": pytest.approx(sum(one.seconds for one in parts)),
        }
    assert {"0.1", "60", "1800"} <= {one.labels.get("le") for one in samples}
    assert {name for one in samples for name in one.labels} == LABELS
    assert not [value for one in samples for value in one.labels.values() if "items" in value]


LABELS = {"activity_type", "le", "namespace", "pipeline", "service_name", "stage", "task_queue"}


@dataclass(frozen=True)
class _Sample:
    name: str
    labels: dict[str, str]
    value: float


def _samples(text: str) -> list[_Sample]:
    """Lines of a scrape that are samples."""
    found = re.findall(r"^(\w+)\{(.*)\} (\S+)$", text, re.MULTILINE)
    return [_Sample(name, dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(value)) for name, labels, value in found]
