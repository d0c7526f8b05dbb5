"""A dataset store in S3: what a run keeps there, what another run finds again, and what is deleted when it is old."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
import pytest
import pytest_asyncio

from tests.fakes.seaweed import KEY, SECRET, s3_server
from tests.integration.conftest import House, open_house
from tests.integration.pipelines import COLUMNS, items_pipeline, read_duckdb, write_items
from towpath.contracts.pipeline.dataset import DatasetPart
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineOutcome, PipelineResult
from towpath.control.pipelines import request_of, start_run
from towpath.dataplane.core.connections import S3Connection
from towpath.dataplane.core.objects import open_bucket
from towpath.dataplane.report.facts import ReportFacts
from towpath.integrations.storage.artefacts import ArtefactStore

BUCKET, PREFIX = "towpath", "datasets"


@dataclass(frozen=True)
class Stack:
    house: House
    s3: S3Connection

    async def run(self, config: PipelineConfig) -> PipelineResult:
        return await (await start_run(self.house.client, request_of(config))).handle.result()

    def kept(self) -> dict[str, int]:
        """Sizes of the files of datasets in the bucket, by name."""
        found = obstore.list(open_bucket(BUCKET, self.s3), PREFIX).collect()
        named = {one["path"].removeprefix(f"{PREFIX}/"): one["size"] for one in found}
        return {name: size for name, size in named.items() if not name.startswith("holds/")}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("s3")
    with s3_server() as s3:
        connection = {"type": "s3", "endpoint": s3.endpoint, "access_key": KEY, "secret_key": SECRET}
        env = {
            "TOWPATH_DATASET_STORE": f"s3://{BUCKET}/{PREFIX}",
            "TOWPATH_DATASET_STORE_CONNECTION": "store",
            "TOWPATH_PIPELINE_CONNECTIONS": json.dumps({"store": connection}),
        }
        async with open_house(folder) as house, house.worker(env, folder / "worker.log"):
            yield Stack(house, s3)


async def test_a_run_keeps_its_datasets_in_s3(stack: Stack, tmp_path: Path) -> None:
    """Rows, quarantine and report by way of the bucket; a second run writes the same files; old rows are deleted."""
    truth = write_items(tmp_path, 3, 200)
    quality: dict[str, Any] = {"threshold": 0.5, "rules": [{"rule": "range", "column": "price", "maximum": 500}]}
    result = await stack.run(items_pipeline(tmp_path, id="bucket", quality=quality))
    first = stack.kept()

    assert result.outcome is PipelineOutcome.LOADED
    assert read_duckdb(tmp_path) == {key: price for key, price in truth.items() if float(price) <= 500}
    assert {(part.uri, part.size_bytes) for part in _quarantined(result)} <= first.items()
    assert all(name.split("/")[1].startswith(name[:2]) for name in first)
    assert result.document is not None
    facts = await ArtefactStore(str(stack.house.folder / "artefacts")).read(result.document)
    samples = {one.stage: one.samples for one in ReportFacts.model_validate_json(facts).quarantine}
    assert samples["transform"][0].position.endswith("items-0000.csv:8")
    assert len(samples["quality"]) > 0

    again = await stack.run(items_pipeline(tmp_path, id="bucket", quality=quality))
    assert (again.loads[0].inserted, again.loads[0].updated) == (0, 0)
    assert stack.kept() == first

    _empty(tmp_path)
    ended = await stack.run(items_pipeline(tmp_path, id="bucket", quality=quality, retention=timedelta()))
    assert (ended.outcome, ended.degraded) == (PipelineOutcome.NOTHING, {})
    assert set(stack.kept()) == {part.uri for part in _quarantined(result)}


def _quarantined(result: PipelineResult) -> list[DatasetPart]:
    return [rows.part for rows in result.quarantine]


def _empty(folder: Path) -> None:
    """Files that have lost all their rows: there is nothing to load, and nothing new to keep."""
    for file in folder.glob("items-*.csv"):
        file.write_text(",".join(COLUMNS) + "\n")
