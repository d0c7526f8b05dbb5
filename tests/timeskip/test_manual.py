"""Every example of the reference of pipelines runs, and leaves what the pages show."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.manual.examples import files
from tests.manual.pages import stored
from tests.manual.running import Outside, outcome_of, outside
from tests.readme import blocks
from tests.timeskip.pipeline import Pipelines
from towpath.contracts.pipeline.inspection import PipelineCheckTask
from towpath.contracts.pipeline.pipeline import PipelineConfig
from towpath.dataplane.checking import check_pipeline
from towpath.local.stack import ROOT
from towpath.policy.pipeline import configuration

FILES = {file.stem: file for file in files()}


@pytest.fixture(scope="module")
def there() -> Iterator[Outside]:
    with outside() as found:
        yield found


@pytest.mark.parametrize("stem", FILES)
async def test_example_runs(env: WorkflowEnvironment, tmp_path: Path, there: Outside, stem: str) -> None:
    """Rows, quarantine, score and outcome are those of the page: `python -m tests.manual --run --write` stores them."""
    assert await outcome_of(FILES[stem], env, tmp_path, there) == stored()[stem]


async def test_guide(pipelines: Pipelines) -> None:
    """Whoever does what the guide says meets the problem that it shows, and has then the rows that it shows."""
    told = blocks(ROOT / "docs" / "pipelines" / "guide.md")
    (rows,) = (block.text for block in told if block.language == "csv")
    first, casts, quality, mend, _ = (block.text for block in told if block.language == "yaml")
    pipelines.folder.mkdir()
    (pipelines.folder / "november.csv").write_text(rows, encoding="utf-8")

    def config(text: str) -> PipelineConfig:
        placed = text.replace(".towpath/shop/", f"{pipelines.folder}/")
        found = configuration.check_pipeline(placed.replace(".towpath/shop.duckdb", f"{pipelines.folder}/items.duckdb"))
        assert found.config is not None
        return found.config.model_copy(update={"id": pipelines.id})

    problems = check_pipeline(PipelineCheckTask(config=config(first)), pipelines.world.workspace()).findings
    assert [problem.mend.partition(";")[0] for problem in problems] == ["price, pieces are text"]

    ready = first.replace("    - {op: normalise, column: status", f"{casts}    - {{op: normalise, column: status")
    ready = ready.replace("table: orders\n  key", "table: items\n  key")
    ready = ready.replace("destinations:", f"{quality}\ndestinations:").replace("table: orders}", "table: items}")
    result = await pipelines.ended(config(ready))
    assert [(load.inserted, load.updated) for load in result.loads] == [(2, 0)]
    bad = ["not_null", "operations.2.cast", "operations.4.cast", "range.amount"]
    assert sorted(row["rule"] for row in pipelines.rows(result)) == bad

    mended = config(ready.replace("    - {op: cast, column: customer", f"{mend}    - {{op: cast, column: customer"))
    replayed = tuple(one for one in result.quarantine if one.stage != "quality")
    again = await pipelines.ended(mended, replay=replayed, run_key="replay")
    assert again.loads[0].inserted == 1
    assert [str(row[0]) for row in pipelines.loaded()] == ["A-1001", "A-1002", "A-1004"]
