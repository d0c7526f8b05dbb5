"""A specification is tried on a sample and on rows made to hurt it, before any run uses it."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.pipeline.tables import Table, columns, specification
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.pipeline.dataset import Dataset
from towpath.contracts.pipeline.stages import BackTestTask
from towpath.contracts.pipeline.transformation import BackTest
from towpath.dataplane.core.shapes import shape_of
from towpath.dataplane.specification.adversarial import adversarial_rows
from towpath.dataplane.specification.backtest import back_test

SOURCE = columns("id amount at note doc:json qty:integer rate:float day:date ok:boolean seen:timestamp")
TARGET = columns("id:integer! amount:decimal at:timestamp")
CAST_ID: dict[str, Any] = {"op": "cast", "column": "id", "to": {"name": "id", "type": "integer"}}
CAST_AT: dict[str, Any] = {"op": "cast", "column": "at", "to": {"name": "at", "type": "timestamp"}}
CAST_AMOUNT: dict[str, Any] = {"op": "cast", "column": "amount", "to": {"name": "amount", "type": "decimal"}}
MONEY: dict[str, Any] = {"op": "normalise", "column": "amount", "steps": ["trim", "money"]}
SAMPLE: tuple[JsonObject, ...] = tuple(
    {"id": str(number), "amount": f"$1,{number:03}.50", "at": f"2024-01-{number:02} 10:00:00"}
    for number in range(1, 11)
)


def tried(root: Path, *operations: dict[str, Any], sample: tuple[JsonObject, ...] = SAMPLE, **more: Any) -> BackTest:
    task = BackTestTask(
        specification=specification(*operations), source=SOURCE, target=TARGET, key=("id",), sample=sample, **more
    )
    return back_test(task, Table(root, (), ()).work())


def test_a_good_specification_passes(tmp_path: Path) -> None:
    """It comes with rows before and after, for a person to look at."""
    bad: JsonObject = {**SAMPLE[0], "id": "none"}
    found = tried(tmp_path, CAST_ID, CAST_AT, MONEY, CAST_AMOUNT, sample=(*SAMPLE, bad))

    assert found.problems == ()
    assert (found.rows, found.quarantined) == (11, 1)
    assert (found.sample[0].before, found.sample[0].after) == (bad, None)
    assert found.sample[0].why == "quarantined: id: integer is wanted"
    assert found.sample[1].after == {"id": 1, "amount": 1001.5, "at": "2024-01-01 10:00:00"}


def test_what_fails_too_often_is_a_problem_with_shapes(tmp_path: Path) -> None:
    """The repair is told what the values look like, and never the values."""
    found = tried(tmp_path, CAST_ID, CAST_AT, CAST_AMOUNT)

    assert [(problem.place, problem.code) for problem in found.problems] == [("operations.2", "many_quarantined")]
    assert found.problems[0].message == "10 of 10 rows of the sample fail here, of shapes '$9,999.99'"


TWO_FORMATS: tuple[JsonObject, ...] = (
    *SAMPLE,
    *({**SAMPLE[0], "id": str(number), "at": f"{number}.01.2024"} for number in (11, 12)),
)


@pytest.mark.parametrize("on_error", ["quarantine", "null"])
def test_a_second_format_of_dates_is_a_problem_however_rare(tmp_path: Path, on_error: str) -> None:
    """A shape that is never read is a format that was overlooked, also where the column was renamed before."""
    rename = {"op": "rename", "columns": {"at": "moment"}}
    cast = {**CAST_AT, "column": "moment", "on_error": on_error}
    found = tried(tmp_path, rename, CAST_ID, cast, MONEY, CAST_AMOUNT, sample=TWO_FORMATS)
    named = {**cast, "formats": ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y"]}

    assert [(problem.place, problem.code) for problem in found.problems] == [("operations.2", "unread_format")]
    assert "2 rows of the sample have at in the shape '99.99.9999'" in found.problems[0].message
    assert tried(tmp_path / "named", rename, CAST_ID, named, MONEY, CAST_AMOUNT, sample=TWO_FORMATS).problems == ()


@pytest.mark.parametrize("dirt", ["n/a", "2024-02-30 10:00:00", "?"])
def test_dirt_is_no_format(tmp_path: Path, dirt: str) -> None:
    """Words, and days that do not exist, are quarantined and no fault of the specification."""
    rows = (*SAMPLE, *({**SAMPLE[0], "id": str(number), "at": dirt} for number in (11, 12)))

    assert tried(tmp_path, CAST_ID, CAST_AT, MONEY, CAST_AMOUNT, sample=rows).problems == ()


def test_the_sample_is_taken_from_the_dataset(tmp_path: Path) -> None:
    """Rows stay in the store: the test takes its own, joins other sources whole, and shows no personal value."""
    table = Table(tmp_path, columns("id name"), columns("id:integer customer segment"))
    table.add(*((str(number), f"Ada {number}") for number in range(40)))
    table.join("customers", columns("key segment"), ("39", "retail"))
    personal = tuple(
        one.model_copy(update={"personal": one.name in {"name", "customer"}}) for one in (*table.source, *table.target)
    )
    join = {
        "op": "join",
        "source": "customers",
        "on": {"id": "key"},
        "columns": {"segment": "segment"},
        "kind": "inner",
    }
    task = BackTestTask(
        specification=specification({"op": "rename", "columns": {"name": "customer"}}, join, CAST_ID),
        source=personal[:2],
        target=(personal[2], table.target[1], personal[4]),
        others={"customers": table.others["customers"].columns},
        dataset=Dataset(name="orders", parts=tuple(table.parts), columns=personal[:2]),
        joined=table.others,
    )
    found = back_test(task, table.work())

    assert found.problems == ()
    assert found.rows == 40
    through = next(row for row in found.sample if row.after is not None)
    assert through.before == {"id": "39", "name": "AAA 99"}
    assert through.after == {"id": 39, "customer": "AAA 99", "segment": "retail"}


def test_nulls_that_appear_are_a_problem(tmp_path: Path) -> None:
    """A cast that hides what it cannot read is told, too."""
    found = tried(tmp_path, CAST_ID, CAST_AT, {**CAST_AMOUNT, "on_error": "null"})

    assert [(problem.place, problem.code) for problem in found.problems] == [("target.amount", "many_nulls")]


def test_a_filter_that_leaves_nothing_is_a_problem(tmp_path: Path) -> None:
    """An empty result of a full sample is hardly meant."""
    found = tried(tmp_path, CAST_ID, CAST_AT, MONEY, CAST_AMOUNT, {"op": "filter", "expression": "id > 100"})

    assert [problem.code for problem in found.problems] == ["nothing_left"]
    assert "operations.4.filter 10" in found.problems[0].message


def test_a_specification_that_does_not_compile_is_not_tried(tmp_path: Path) -> None:
    """Its problems are those of the check."""
    assert [problem.code for problem in tried(tmp_path, CAST_ID).problems] == ["type", "type"]


def test_duplicates_of_a_sample_are_left_out(tmp_path: Path) -> None:
    """The sample goes the way that the data will go."""
    newer: JsonObject = {**SAMPLE[0], "at": "2025-01-01"}
    deduplicate = {"op": "deduplicate", "key": ["id"], "newest_by": "at"}
    found = tried(tmp_path, CAST_ID, CAST_AT, deduplicate, MONEY, CAST_AMOUNT, sample=(*SAMPLE, newer))

    assert found.problems == ()
    assert found.sample[0].before == SAMPLE[0]
    assert found.sample[0].why == "left out by operations.2.deduplicate"


EXPRESSIONS = (
    "json_extract_string(doc, '$.a')",
    "strftime(seen + INTERVAL 1 MONTH, '%Y')",
    "substring(note, qty, qty)",
    "left(note, qty) || right(note, -qty)",
    "CAST(exact_divide(qty, rate, 2) AS VARCHAR)",
    "CAST(qty * qty * qty AS VARCHAR)",
    "CAST(qty // qty + qty % qty AS VARCHAR)",
    "CAST(sqrt(rate) + ln(rate) + pow(rate, rate) AS VARCHAR)",
    "CAST(make_date(qty, qty, qty) AS VARCHAR)",
    "CAST(date_diff('microsecond', day, seen) AS VARCHAR)",
    "regexp_replace(note, '(a+)+$', '', 'g')",
    "CAST(CAST(note AS DECIMAL(38, 10)) * CAST(note AS DECIMAL(38, 10)) AS VARCHAR)",
    "split_part(note, ';', 3) || strip_accents(note)",
    "CAST(json_array_length(note) AS VARCHAR)",
    "CAST(strptime(note, '%Y-%m-%dT%H:%M:%S') AS VARCHAR)",
    "CASE WHEN ok THEN lpad(note, 20, '.') ELSE upper(note) END",
    "CAST(abs(qty) AS VARCHAR) || CAST(round(rate, 2) AS VARCHAR)",
)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_no_row_makes_the_engine_give_up(tmp_path: Path, expression: str) -> None:
    """Overflows, ends of calendars, broken JSON and empty texts become nulls or quarantine, never the end of a run."""
    derive = {"op": "derive", "column": {"name": "note", "type": "text"}, "expression": expression}
    found = tried(tmp_path, CAST_ID, CAST_AT, MONEY, CAST_AMOUNT, derive)

    assert found.problems == ()


def test_adversarial_rows_touch_every_column() -> None:
    """Each column is null once, and has the worst of its type."""
    rows = list(adversarial_rows(SOURCE, SAMPLE))

    assert all(
        sum(row[column.name] != SAMPLE[0].get(column.name) for row in rows if column.name in row) for column in SOURCE
    )
    assert len(rows) > 200


def test_shapes_hold_no_value() -> None:
    """Digits and letters of any script are told by kind."""
    assert shape_of("Löve-17 서울") == "AAAA-99 AA"
