"""The worked pipelines of the manual on the data of their packages: what they do is what their pages tell."""

import asyncio
import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.readme import blocks
from tests.timeskip.pipeline import Pipelines
from towpath.contracts.pipeline.inspection import PipelineCheckTask
from towpath.dataplane.checking import check_pipeline
from towpath.local.stack import ROOT
from towpath.policy.pipeline import configuration
from towpath.views.pipeline import result_lines

duckdb: Any = importlib.import_module("duckdb")

PAGES = ROOT / "docs" / "pipelines"
FILES = {path.stem: path for path in sorted((ROOT / "definitions" / "pipelines" / "worked").iterdir())}
TABLES = {
    "city-airports": (
        "airports",
        "SELECT area, count(*), string_agg(iata, ' ' ORDER BY iata), min(elevation_m), max(elevation_m) FROM airports"
        " WHERE area IS NOT NULL GROUP BY area ORDER BY 2 DESC, area LIMIT 5",
    ),
    "model-prices": (
        "prices",
        "SELECT provider, count(*), min(input_usd), max(input_usd), count(*) FILTER (input_usd IS NULL) FROM prices"
        " GROUP BY provider ORDER BY 2 DESC, provider LIMIT 5",
    ),
    "public-suffixes": ("suffixes", "SELECT * FROM domains ORDER BY suffixes DESC LIMIT 5"),
}
"""The file of DuckDB that each writes, and the question that its table answers."""
_SECONDS = re.compile(r", \d+\.\d s( in all)?$")
_TABLE_ROW = re.compile(r"^\| (?!-)(.+) \|$", re.MULTILINE)


@pytest.mark.parametrize("name", FILES)
async def test_worked_pipeline(pipelines: Pipelines, tmp_path: Path, name: str) -> None:
    """Data is made as the page says, `etl check` finds nothing wrong, and the run ends with the lines of the page."""
    told = blocks(PAGES / f"{name}.md")
    await _make(next(block.text for block in told if block.language == "sh"), tmp_path)
    text = FILES[name].read_text(encoding="utf-8")
    assert [block.text for block in told if block.language == "yaml"] == [text]
    config = configuration.check_pipeline(text.replace(".towpath/", f"{tmp_path}/state/")).config
    assert config is not None
    assert check_pipeline(PipelineCheckTask(config=config), pipelines.world.workspace()).findings == ()

    result = await pipelines.ended(config)

    page = next(block.text for block in told if block.text.startswith("outcome: "))
    assert _timeless(result_lines(result)) == _timeless(page.splitlines())
    file, question = TABLES[name]
    with duckdb.connect(str(tmp_path / "state" / "worked" / f"{file}.duckdb"), read_only=True) as opened:
        rows = [" | ".join(map(str, row)) for row in opened.execute(question).fetchall()]
    assert _TABLE_ROW.findall((PAGES / f"{name}.md").read_text(encoding="utf-8"))[1:] == rows


def _timeless(lines: list[str]) -> list[str]:
    return [_SECONDS.sub("", line) for line in lines]


async def _make(commands: str, folder: Path) -> None:
    """The data of a page, by its own commands."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec("bash", "-ec", commands, cwd=folder, env={"PATH": path})
    assert await process.wait() == 0
    # Outside of the checkout the name would be that of a hidden folder, which no pipeline reads.
    (folder / ".towpath").rename(folder / "state")
