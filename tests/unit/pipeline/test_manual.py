"""The reference of pipelines says what contracts and examples say, leaves nothing out, and its examples are right."""

from pathlib import Path

import pytest

from tests.manual.examples import files
from tests.manual.functions import undescribed
from tests.manual.pages import REFERENCE, pages, stored, unused, without_example
from tests.manual.running import placed
from tests.unit.pipeline.reading import Reader
from towpath.contracts.pipeline.inspection import PipelineCheckTask
from towpath.dataplane.checking import check_pipeline

STEMS = [file.stem for file in files()]


def test_pages_are_as_they_are_made() -> None:
    """No page was changed by hand or is older than the contracts: `python -m tests.manual --write` makes them."""
    made = pages()

    assert sorted(path.name for path in REFERENCE.iterdir()) == sorted(path.name for path in made)
    assert [path.name for path, text in made.items() if path.read_text(encoding="utf-8") != text] == []


def test_nothing_is_left_out() -> None:
    """Every field has its meaning and an example, every function is described, and every example is shown."""
    assert without_example() == []
    assert undescribed() == []
    assert unused() == []
    assert sorted(stored()) == sorted(STEMS)


@pytest.mark.parametrize("stem", STEMS)
def test_examples_are_accepted(reader: Reader, tmp_path: Path, stem: str) -> None:
    """`etl check` finds no error in an example, and warns of nothing but columns that only a run can know."""
    file = next(file for file in files() if file.stem == stem)
    found = check_pipeline(PipelineCheckTask(config=placed(file, tmp_path)), reader.work()).findings

    assert {finding.code for finding in found} <= {"specification.unchecked"}
