"""A pipeline held against its sources and the engine before a run: every finding at the line and word that is meant."""

import gzip
from pathlib import Path

import pytest

from tests.unit.pipeline.expressions import HOSTILE
from tests.unit.pipeline.reading import Reader, source
from towpath.contracts.pipeline.inspection import PipelineCheckTask
from towpath.dataplane.checking import check_pipeline
from towpath.dataplane.core.errors import SourceFormatError
from towpath.engine.language.diagnostics import Diagnostic
from towpath.policy.pipeline.configuration import check_pipeline as read_pipeline
from towpath.policy.pipeline.configuration import with_findings

TEXT = """id: people
version: "1.0.0"
sources:
  - name: people
    type: csv
    path: {folder}/people-*.csv
target:
  table: people
  key: [id]
  columns:
    - {{name: id, type: integer}}
    - {{name: height, type: float}}
transformation:
  source: people
  operations:
    - {{op: cast, column: id, to: {{name: id, type: integer}}}}
    - {{op: cast, column: height, to: {{name: height, type: float}}}}
quality:
  rules:
    - {{rule: range, column: height, minimum: 0}}
destinations:
  - {{name: lake, type: duckdb, path: people.duckdb, table: people, strategy: append}}
"""
LAST = "    - {op: cast, column: height, to: {name: height, type: float}}\n"
RULE = "    - {rule: range, column: height, minimum: 0}\n"


def told(reader: Reader, folder: Path, *changes: tuple[str, str]) -> list[Diagnostic]:
    folder.mkdir(exist_ok=True)
    (folder / "people-1.csv").write_text("id,height,name\n1,1.8,Ann\n")
    text = TEXT.format(folder=folder)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    checked = read_pipeline(text)
    if checked.config is None:
        return list(checked.diagnostics)
    found = check_pipeline(PipelineCheckTask(config=checked.config), reader.work())
    return list(with_findings(checked, found.findings).diagnostics)


def test_a_good_pipeline_has_no_findings(reader: Reader, tmp_path: Path) -> None:
    """The columns of its files are known without a declaration, and its operations fit them."""
    assert told(reader, tmp_path / "data") == []


@pytest.mark.parametrize(
    ("old", "new", "code", "place", "mend"),
    [
        pytest.param(
            LAST,
            f"{LAST}    - {{op: filter, expression: id > 0 and heigth > 1}}\n",
            "specification.column",
            (18, 43),
            "did you mean 'height'?",
            id="column-of-an-expression",
        ),
        pytest.param(
            "column: id, to",
            "column: idd, to",
            "specification.column",
            (16, 7),
            "did you mean 'id'?",
            id="column-of-an-operation",
        ),
        pytest.param(LAST, "", "specification.type", (12, 7), "cast it", id="target"),
        pytest.param(
            RULE,
            f"{RULE}    - {{rule: custom, expression: height > idd}}\n",
            "rule.column",
            (21, 7),
            "did you mean 'id'?",
            id="rule",
        ),
        pytest.param(
            RULE,
            '    - {rule: pattern, column: height, pattern: "("}\n',
            "rule.argument",
            (20, 7),
            "",
            id="pattern",
        ),
        pytest.param(
            "people-*.csv", "peopel-1.csv", "source.missing", (6, 11), "did you mean 'people-1.csv'?", id="file"
        ),
        pytest.param("/people-*.csv", "/none/*.csv", "source.missing", (6, 11), "there is no folder", id="folder"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(
    reader: Reader, tmp_path: Path, old: str, new: str, code: str, place: tuple[int, int], mend: str
) -> None:
    """Line, column and mend of each; what may be there when the run comes only warns."""
    found = {one.code: one for one in told(reader, tmp_path / "data", (old, new))}

    assert code in found, found
    assert (found[code].line, found[code].column) == place
    assert mend in found[code].mend
    assert found[code].severity == ("warning" if code == "source.missing" else "error")


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_expressions_are_refused(reader: Reader, tmp_path: Path, name: str) -> None:
    """As in a run, in an operation and in a rule, at their lines; what no file can hold is refused before."""
    quoted = "'" + HOSTILE[name][0].replace("'", "''") + "'"
    found = told(
        reader,
        tmp_path / "data",
        (LAST, f"{LAST}    - {{op: filter, expression: {quoted}}}\n"),
        (RULE, f"    - {{rule: custom, expression: {quoted}}}\n"),
    )

    errors = [one for one in found if one.severity == "error"]
    read = any(one.code.startswith("specification.") for one in errors)
    assert errors
    assert not read or {18, 21} <= {one.line for one in errors}
    assert read or {one.code.partition(".")[0] for one in errors} <= {"source", "field"}


def test_without_columns_operations_are_not_checked(reader: Reader, tmp_path: Path) -> None:
    """It is said, and what can be checked is."""
    found = told(
        reader, tmp_path / "data", ("/people-*.csv", "/none-*.csv"), ("column: height, min", "column: height, max")
    )

    assert "specification.unchecked" in {one.code for one in found}


def test_a_schema_that_differs_is_told(reader: Reader, tmp_path: Path) -> None:
    """A declared column that the files lack, and what the contract makes of it."""
    declared = "\n    columns: [{name: id, type: text}, {name: height, type: text}, {name: gone, type: text}]\ntarget:"
    found = told(reader, tmp_path / "data", ("\ntarget:", declared))

    assert [(one.code, one.severity) for one in found] == [("source.schema", "warning")] * 2
    assert "gone is declared and not there" in found[0].what + found[1].what


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("people-2.ndjson", "ndjson", id="ndjson"),
        pytest.param("people-2.JSONL.gz", "ndjson", id="compressed"),
        pytest.param("people-2.parquet", "parquet", id="parquet"),
        pytest.param("people-2.tsv", "", id="tsv"),
        pytest.param("people-2.2026", "", id="no-ending-of-a-type"),
        pytest.param("people-2", "", id="none"),
    ],
)
def test_a_file_of_another_type_is_told(reader: Reader, tmp_path: Path, name: str, kind: str) -> None:
    """A pattern that matches files of another type warns, and says what else loads them."""
    text = b"id,height,name\n2,1.7,Bo\n"
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)

    found = [one for one in told(reader, tmp_path, ("people-*.csv", "people-*")) if one.code == "source.mixed"]

    assert [one.code for one in found] == (["source.mixed"] if kind else [])
    assert all(one.severity == "warning" and f"those of {kind} into the same table" in one.mend for one in found)


def test_texts_in_a_computation_are_named(reader: Reader, tmp_path: Path) -> None:
    """An expression that wants numbers names the columns of text that it reads, and the cast that is missing."""
    derived = '    - {op: derive, column: {name: area, type: float}, expression: "height * height * id"}\n'
    (found,) = told(reader, tmp_path, (LAST, derived))[:1]

    assert found.mend.startswith("height is text; cast before: {op: cast, column: height, to:")


def test_null_is_a_word(reader: Reader, tmp_path: Path) -> None:
    """`on_error: null` means what it says, with quotes and without."""
    for written in ("null", '"null"', "~"):
        nulled = LAST.replace("float}}", f"float}}, on_error: {written}}}")
        assert told(reader, tmp_path, (LAST, nulled)) == []


def test_pattern_that_is_none(reader: Reader, tmp_path: Path) -> None:
    """A pattern that the engine does not take is told at its place, and ends a run that was not checked by its name."""
    rule = "\n    validation: [{rule: pattern, column: name, value: '(?i)['}]"
    folder = tmp_path / "data"
    found = told(reader, folder, ("people-*.csv", f"people-*.csv{rule}"))
    assert [(one.code, one.line, one.column) for one in found] == [("pattern.invalid", 7, 55)]
    asked = source(
        type="csv",
        path=str(folder / "people-1.csv"),
        validation=[{"rule": "pattern", "column": "name", "value": "(?i)["}],
    )
    with pytest.raises(SourceFormatError, match="validation of name: the pattern is no RE2 expression"):
        reader.plan(asked)


def test_join_of_a_source_that_nobody_knows(reader: Reader, tmp_path: Path) -> None:
    """What is joined without its columns is told once, at the source, with the mend; what follows from it is not."""
    other = """  - name: cities
    type: http
    connection: shop
    path: /cities
    main: false
target:
"""
    joins = LAST.replace("column: height, to", "column: hight, to") + LAST.replace("height", "size").replace(
        "{op: cast", "{op: join, source: cities, on: {name: name}, columns: {size: size}}\n    - {op: cast"
    )
    found = told(reader, tmp_path / "data", ("target:\n", other), (LAST, joins))
    assert [(one.code, one.line, one.mend) for one in found] == [
        ("source.undeclared", 7, "declare the columns of cities: columns: [{name: …, type: …}]"),
        ("specification.column", 22, "did you mean 'height'?"),
    ]


def test_what_was_found_and_renamed_is_told(reader: Reader, tmp_path: Path) -> None:
    """Encodings that were found and names that were made are warnings at the source's path."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "people-2.csv").write_bytes("id,height,first name\n1,1,A\n".encode("utf-16"))
    found = told(reader, folder)
    assert [(one.code, one.severity, one.line) for one in found] == [
        ("source.found", "warning", 6),
        ("source.renamed", "warning", 6),
    ]
    assert "'first name' as first_name" in found[1].what


def test_column_that_two_headers_could_mean(reader: Reader, tmp_path: Path) -> None:
    """It is an error of the check, as it would be one of the run."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "people-2.csv").write_text("id,height,a b,a-b\n1,1,A,B\n")
    columns = (
        "    columns: [{name: id, type: text}, {name: height, type: text}, {name: name, type: text},"
        " {name: a_b, type: text}]\ntarget:\n"
    )
    found = told(reader, folder, ("target:\n", columns))
    assert ("source.names", "error") in [(one.code, one.severity) for one in found]
