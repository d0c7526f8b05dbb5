"""JSON of files and APIs: numbers in the digits that they have, and what is no JSON set aside row by row."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.pipeline.reading import Reader, source
from towpath.dataplane.core.columns import ROW
from towpath.dataplane.core.errors import SourceFormatError
from towpath.dataplane.extract.json_values import JsonError, entries, member, value_of, written

LINES = (
    '{"id":1,"n":883406386745030.3,"t":1.10}',
    '{"id":2,"n":12345678901234567890.1234,"t":12345678901234567890}',
    '{"id":3,"n":0.00005,"t":{"a":1.10}}',
    '{"id":4,"n":1,}',
    '{"id":5,"n":NaN}',
    '{"id":6,"n":-Infinity}',
    '{"id":7,"n":1,"n":2}',
    '{"id":8,"n":{"a":1,"a":2}}',
    '{"id":9,"n":"\\ud800"}',
    '{"id":10,"n":01}',
    '{"id":11,"n":1e400,"t":true}',
    '{"id":12,"n":-0.0,"t":[1.0,{"x":"é\\u0041"}]}',
)
READ = [
    ("1", "883406386745030.3", "1.10"),
    ("2", "12345678901234567890.1234", "12345678901234567890"),
    ("3", "0.00005", '{"a":1.10}'),
    ("11", "1e400", "true"),
    ("12", "-0.0", '[1.0,{"x":"éA"}]'),
]


@pytest.mark.parametrize("kind", ["ndjson", "json"])
def test_numbers_keep_their_digits(reader: Reader, tmp_path: Path, kind: str) -> None:
    """Nothing is read through a binary fraction, and a line that is no JSON is the only one that is set aside."""
    lines = [line for line in LINES if kind == "ndjson" or not line.endswith((",}", "01}"))]
    content = "\n".join(lines) if kind == "ndjson" else f"[{','.join(lines)}]"
    path = tmp_path / f"orders.{kind}"
    path.write_text(content)

    found = reader.read(source(type=kind, path=str(path)))

    assert [(row["id"], row["n"], row["t"]) for row in found.values] == READ
    assert {rule for rule, _ in found.bad_places} == {"json"}
    assert len(found.bad) == len(lines) - len(READ)


def test_columns_of_json_hold_json(reader: Reader, tmp_path: Path) -> None:
    """A text in a column of JSON is a text of JSON, also where it looks like a number."""
    values = ['{"x":1}', "[1,2]", '"s"', "9007199254740993", "null", '"5"', "1.10", "false", '"a\\"é"']
    path = tmp_path / "orders.ndjson"
    path.write_text("".join(f'{{"id":{number},"a":{value}}}\n' for number, value in enumerate(values)))
    declared = [{"name": "id", "type": "integer"}, {"name": "a", "type": "json"}]

    found = reader.read(source(type="ndjson", path=str(path), columns=declared))

    assert [row["a"] for row in found.rows] == [None if value == "null" else value for value in values]


@pytest.mark.parametrize("content", ['[{"id":1},]', '[{"id":1}{"id":2}]', '[{"id":1},,{"id":2}]', "[,]", '[{"id":1,}]'])
def test_a_list_that_is_no_json_fails(reader: Reader, tmp_path: Path, content: str) -> None:
    """Where an item ends cannot be told in a file that is no JSON."""
    path = tmp_path / "orders.json"
    path.write_text(content)

    with pytest.raises(SourceFormatError, match="breaks off, or an item"):
        reader.read(source(type="json", path=str(path)))


def test_deep_json_is_set_aside(reader: Reader, tmp_path: Path) -> None:
    """No line ends the reading of the others."""
    path = tmp_path / "orders.ndjson"
    path.write_text('{"id":1,"a":' + "[" * 100_000 + "]" * 100_000 + '}\n{"id":2}\n')

    found = reader.read(source(type="ndjson", path=str(path)))

    assert ([row[ROW] for row in found.rows], found.bad_places) == ([2], [("json", "orders.ndjson:1")])


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False).map(float),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON, st.sampled_from([None, 1]))
def test_what_is_written_is_what_was_read(value: Any, indent: int | None) -> None:
    """Taken apart and written again, it is the same to another reader."""
    text = json.dumps(value, indent=indent)

    assert json.loads(written(value_of(text))) == value


@settings(deadline=None)
@given(st.dictionaries(st.text(alphabet="abc", min_size=1), st.lists(JSON, max_size=4), max_size=4), JSON)
def test_lists_are_found_where_they_lie(found: dict[str, list[Any]], other: Any) -> None:
    """Each entry is the text that stands there."""
    text = json.dumps({"other": other, "deep": {"er": found}, "x": other}, indent=1)

    for name, items in found.items():
        at = member(text, f"deep.er.{name}")

        assert [json.loads(one) for one in entries(text, at)] == items
    assert member(text, "deep.none") == -1


@given(st.text(alphabet='{}[]",:1e.-NaI \\u0', max_size=30))
def test_no_text_is_json_that_python_refuses(text: str) -> None:
    """What is let in is JSON to a reader that knows no NaN."""
    try:
        found = value_of(text)
    except JsonError:
        return
    assert json.loads(written(found)) == json.loads(text, parse_constant=pytest.fail)
