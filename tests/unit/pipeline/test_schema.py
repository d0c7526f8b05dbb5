"""The schema of a pipeline's file for editors: current, closed, and good for everything that the check takes."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from towpath.engine.language.source import read_source
from towpath.policy.pipeline.configuration import check_pipeline
from towpath.policy.pipeline.configuration_schema import pipeline_schema

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "definitions" / "pipelines"
FILES = sorted(path for path in FOLDER.rglob("*.yaml") if "sources:" in path.read_text(encoding="utf-8"))
SHIPPED = sorted(FOLDER.glob("*.yaml"))
VALIDATOR = Draft202012Validator(pipeline_schema())


def errors_of(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(read_source(text).value)]


def test_published_schema_is_current() -> None:
    """definitions/pipeline-schema.json is what `starter.py etl schema` prints, with its keys sorted."""
    Draft202012Validator.check_schema(pipeline_schema())
    stored = json.loads((ROOT / "definitions" / "pipeline-schema.json").read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(pipeline_schema()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_files_pass(path: Path) -> None:
    """Every file that is shipped and that the check takes is good in an editor too."""
    text = path.read_text(encoding="utf-8")
    if check_pipeline(text).config is not None:
        assert errors_of(text) == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_first_line_names_it(path: Path) -> None:
    """An editor finds the schema by the first line of a shipped file."""
    assert path.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=../pipeline-schema.json\n")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_what_the_check_takes_passes(data: st.DataObject) -> None:
    """Files with lines left out, one for another or changed: whatever still has a configuration passes."""
    lines = data.draw(st.sampled_from(FILES)).read_text(encoding="utf-8").splitlines()
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.integers(0, len(lines) - 1))
        change = data.draw(st.sampled_from(["drop", "double", "null", "other"]))
        name, found, _ = lines[place].partition(": ")
        if change == "drop":
            del lines[place]
        elif change == "double":
            lines.insert(place, lines[place])
        elif found:
            lines[place] = f"{name}: {'null' if change == 'null' else 'other'}"
    text = "\n".join(lines)
    if check_pipeline(text).config is not None:
        assert errors_of(text) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("type: csv", "type: cvs", id="type"),
        pytest.param("threshold: 0.9", "treshold: 0.9", id="field"),
        pytest.param("op: join", "op: joyn", id="operation"),
        pytest.param("strategy: upsert", "strategy: insert", id="strategy"),
    ],
)
def test_mistakes_are_found(old: str, new: str) -> None:
    """What a schema can find, an editor underlines."""
    text = (FOLDER / "orders.yaml").read_text(encoding="utf-8")
    assert old in text
    assert errors_of(text.replace(old, new, 1)) != []
