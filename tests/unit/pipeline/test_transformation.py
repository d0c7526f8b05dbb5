"""A specification over parts: each operation, what fails, what is left out, and that no row is lost."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from tests.unit.pipeline.tables import Table, columns
from towpath.contracts.pipeline.schema import SchemaAction
from towpath.dataplane.core.errors import SchemaError

at = datetime.fromisoformat


def one_column(root: Path, given: str, wanted: str, *operations: dict[str, Any]) -> Table:
    return Table(root, columns(f"id:integer {given}"), columns(f"id:integer {wanted}"), operations)


CASTS: dict[str, tuple[str, dict[str, object]]] = {
    "integer": (
        "integer",
        {"12": 12, " 7 ": 7, "-3": -3, "1.5": "failed", "12a": "failed", "": "failed", "9" * 30: "failed"},
    ),
    "decimal": (
        "decimal(6,2)",
        {"1.50": Decimal("1.50"), "1": Decimal("1.00"), "1.005": "failed", "99999": "failed", "1,50": "failed"},
    ),
    "float": ("float", {"0.5": 0.5, "1e3": 1000.0, "nan": "failed", "inf": "failed", "x": "failed"}),
    "boolean": ("boolean", {"true": True, "NO": False, "1": True, "2": "failed"}),
    "date": (
        "date",
        {"2024-02-29": date(2024, 2, 29), "2023-02-29": "failed", "infinity": "failed", "1/2/24": "failed"},
    ),
    "timestamp": (
        "timestamp",
        {
            "2024-01-01 10:00:00": at("2024-01-01T10:00"),
            "2024-01-01T00:00:00+09:00": at("2023-12-31T15:00"),
            "2024-01-01T00:00:00.5Z": at("2024-01-01T00:00:00.500"),
            "2024-01-01 10:00+09": at("2024-01-01T01:00"),
            "2024-01-01": at("2024-01-01"),
            "epoch": "failed",
            "infinity": "failed",
        },
    ),
    "json": ("json", {'{"a": 1}': '{"a": 1}', "[1": "failed"}),
}


@pytest.mark.parametrize(
    ("wanted", "text", "expected"),
    [(kind, text, expected) for kind, values in CASTS.values() for text, expected in values.items()],
)
def test_casts_lose_nothing(tmp_path: Path, wanted: str, text: str, expected: object) -> None:
    """A value that is not of the type, to its last digit, is quarantined: nothing is rounded or shifted."""
    to = columns(f"v:{wanted}")[0].model_dump(mode="json")
    table = one_column(tmp_path, "v", f"v:{wanted}", {"op": "cast", "column": "v", "to": to})
    table.add((1, text))

    found = table.run()

    if expected == "failed":
        assert table.quarantined(found.quarantined) == [("operations.0.cast", "part-0.csv:1", {"id": 1, "v": text})]
        assert found.valid is None
    else:
        assert table.rows(found.valid) == [(1, expected)]


MONEY = {
    "12.50": "12.50",
    "$1,234.50": "1234.50",
    "1.234,50 €": "1234.50",
    "1,234": "1234",
    "1,5": "1.5",
    "(12.00)": "-12.00",
    "-$5": "-5",
    "USD 12.30": "12.30",
    "1'234.50": "1234.50",
    "₩ 1,234,567": "1234567",
    "12 원": "12",
    "1,2,3": "1,2,3",
    "1.2.3": "1.2.3",
    "5 apples": "5 apples",
    "--5": "--5",
}


@pytest.mark.parametrize(("text", "expected"), MONEY.items())
def test_amounts_become_plain_numbers(tmp_path: Path, text: str, expected: str) -> None:
    """Amounts as people write them are understood; what is none stays as it is, for the cast to refuse."""
    table = one_column(tmp_path, "v", "v", {"op": "normalise", "column": "v", "steps": ["money"]})
    table.add((1, text))

    assert table.rows(table.run().valid) == [(1, expected)]


class Case(NamedTuple):
    operation: dict[str, Any]
    given: str
    wanted: str
    rows: list[tuple[Any, ...]]
    expected: list[tuple[Any, ...]]


OPERATIONS: dict[str, Case] = {
    "rename": Case({"op": "rename", "columns": {"v": "w"}}, "v", "w", [("x",)], [("x",)]),
    "swap": Case({"op": "rename", "columns": {"v": "w", "w": "v"}}, "v w", "v w", [("a", "b")], [("b", "a")]),
    "null-on-error": Case(
        {"op": "cast", "column": "v", "to": {"name": "v", "type": "integer"}, "on_error": "null"},
        "v",
        "v:integer",
        [("x",), ("2",)],
        [(None,), (2,)],
    ),
    "formats": Case(
        {"op": "cast", "column": "v", "to": {"name": "v", "type": "date"}, "formats": ["%Y-%m-%d", "%d/%m/%Y"]},
        "v",
        "v:date",
        [("2024-01-02",), ("02/01/2024",)],
        [(date(2024, 1, 2),), (date(2024, 1, 2),)],
    ),
    "derive": Case(
        {"op": "derive", "column": {"name": "v", "type": "decimal"}, "expression": "round(a * b, 2)"},
        "a:decimal(9,3) b:integer",
        "v:decimal",
        [(Decimal("1.115"), 3), (None, 1)],
        [(Decimal("3.35"),), (None,)],
    ),
    "division": Case(
        {"op": "derive", "column": {"name": "v", "type": "decimal"}, "expression": "exact_divide(a, b, 2)"},
        "a:decimal(9,3) b:integer",
        "v:decimal",
        [(Decimal("2.675"), 1), (Decimal(1), None)],
        [(Decimal("2.68"),), (None,)],
    ),
    "normalise": Case(
        {
            "op": "normalise",
            "column": "v",
            "steps": ["trim", "collapse_spaces", "strip_accents", "upper", "empty_to_null"],
        },
        "v",
        "v",
        [("\t Ada\u00a0 Löve ",), ("  ",), (None,)],
        [("ADA LOVE",), (None,), (None,)],
    ),
    "trim": Case(
        {"op": "normalise", "column": "v", "steps": ["trim"]},
        "v",
        "v",
        [("\u3000 0ua\ufeff",), ("feed u0a0",)],
        [("0ua",), ("feed u0a0",)],
    ),
    "digits": Case(
        {"op": "normalise", "column": "v", "steps": ["digits_only"]}, "v", "v", [("+82 10-1",)], [("82101",)]
    ),
    "map": Case(
        {"op": "map_values", "column": "v", "values": {"y": "yes", "it's": None}},
        "v",
        "v",
        [("y",), ("it's",), ("z",), (None,)],
        [("yes",), (None,), ("z",), (None,)],
    ),
    "map-null": Case(
        {"op": "map_values", "column": "v", "values": {"y": "yes"}, "otherwise": "null"},
        "v",
        "v",
        [("y",), ("z",)],
        [("yes",), (None,)],
    ),
    "split": Case(
        {"op": "split", "column": "v", "separator": ", ", "into": ["a", "b"]},
        "v",
        "a b",
        [("x, y, z",), ("x",), (None,)],
        [("x", "y, z"), ("x", None), (None, None)],
    ),
    "filter": Case({"op": "filter", "expression": "v <> 'x'"}, "v", "v", [("x",), ("y",), (None,)], [("y",)]),
    "unnest": Case(
        {"op": "unnest", "column": "v", "into": "w"},
        "v:json",
        "w",
        [('["a", {"b": 1}]',), ("[]",), (None,)],
        [("a",), ('{"b":1}',)],
    ),
    "unnest-keep": Case(
        {"op": "unnest", "column": "v", "into": "w", "keep_empty": True},
        "v:json",
        "w",
        [('["a"]',), ("[]",)],
        [("a",), (None,)],
    ),
    "aggregate": Case(
        {
            "op": "aggregate",
            "by": ["k"],
            "measures": {"n": ["count", "v"], "s": ["sum", "v"], "m": ["avg", "v"], "d": ["count_distinct", "v"]},
        },
        "k v:decimal(9,2)",
        "k n:integer s:decimal(38,2) m:decimal(38,6) d:integer",
        [("b", Decimal("0.10")), ("a", Decimal("0.10")), ("b", Decimal("0.20")), ("b", Decimal("0.20"))],
        [("a", 1, Decimal("0.10"), Decimal("0.1"), 1), ("b", 3, Decimal("0.50"), Decimal("0.166667"), 2)],
    ),
}


@pytest.mark.parametrize("case", OPERATIONS.values(), ids=OPERATIONS)
def test_operations(tmp_path: Path, case: Case) -> None:
    """Each operation does what its name says, and keeps the order of the rows."""
    table = Table(tmp_path, columns(case.given), columns(case.wanted), (case.operation,))
    table.add(*case.rows)

    assert table.rows(table.run().valid) == case.expected


def test_rows_are_valid_or_quarantined_or_left_out(tmp_path: Path) -> None:
    """Every row that comes in is accounted for once, with its reason, its place, and itself as it came."""
    table = Table(
        tmp_path,
        columns("id amount status"),
        columns("id:integer! amount:decimal"),
        (
            {"op": "cast", "column": "id", "to": {"name": "id", "type": "integer"}},
            {"op": "cast", "column": "amount", "to": {"name": "amount", "type": "decimal"}},
            {"op": "filter", "expression": "status <> 'test'"},
        ),
    )
    table.add(
        ("1", "2.50", "ok"), ("x", "1", "ok"), ("3", "y", "test"), (None, "1", "ok"), ("5", "z", None), ("6", "1", None)
    )

    found = table.run()

    assert table.rows(found.valid) == [(1, Decimal("2.50"))]
    assert [entry[:2] for entry in table.quarantined(found.quarantined)] == [
        ("operations.0.cast", "part-0.csv:2"),
        ("target.id.null", "part-0.csv:4"),
        ("operations.1.cast", "part-0.csv:5"),
    ]
    assert table.quarantined(found.quarantined)[0][2] == {"id": "x", "amount": "1", "status": "ok"}
    assert found.left_out == {"operations.2.filter": 2}
    assert found.metrics.rows_in == 6 == found.metrics.rows_out + found.metrics.rows_quarantined + 2


def derived(kind: str, expression: str) -> tuple[dict[str, Any], str]:
    column = columns(f"w:{kind}")[0].model_dump(mode="json")
    return {"op": "derive", "column": column, "expression": expression}, f"w:{kind}"


FAILING: dict[str, tuple[dict[str, Any], str]] = {
    "bad-cast": derived("integer", "v::bigint"),
    "overflow": derived("integer", "(length(v) - 1) * (id + 5000) * 9000000000000000"),
    "too-wide": derived("decimal(3,0)", "(length(v) - 1) * 9999"),
    "no-date": derived("date", "make_date(2026, 2, 27 + length(v))"),
    "year-10000": derived("date", "make_date(9998 + length(v), 1, 1)"),
    "division": derived("float", "1.0 / (2 - length(v))"),
    "no-json": derived("json", "v"),
    "cast": ({"op": "cast", "column": "v", "to": {"name": "w", "type": "integer"}}, "w:integer"),
}


@pytest.mark.parametrize("case", FAILING)
@pytest.mark.parametrize("parts", [1, 2], ids=["streamed", "staged"])
def test_a_failure_is_no_null(tmp_path: Path, case: str, parts: int) -> None:
    """A row in which an operation fails is set aside, and with `on_error: null` counted; a null makes a null."""
    operation, wanted = FAILING[case]
    for on_error in ("quarantine", "null"):
        table = Table(
            tmp_path / on_error,
            columns("id:integer v"),
            columns(f"id:integer {wanted}"),
            ({**operation, "on_error": on_error},),
        )
        table.add((1, "1"), (2, "xx"), (3, None))
        if parts == 2:
            table.add((4, "1"), (5, "xx"), (6, None))

        found = table.run()

        name = f"operations.0.{operation['op']}"
        failed = [row[0] for row in table.rows(found.valid) if row[1] is None]
        if on_error == "null":
            assert found.errors == {name: parts}
            assert found.quarantined is None
            assert failed == [2, 3, 5, 6][: 2 * parts]
        else:
            assert found.errors == {}
            assert [entry[0] for entry in table.quarantined(found.quarantined)] == [name] * parts
            assert failed == [3, 6][:parts]


@pytest.mark.parametrize("on_error", ["quarantine", "null"])
def test_a_filter_that_fails(tmp_path: Path, on_error: str) -> None:
    """It says nothing about the row: set aside, or left out and counted."""
    operation = {"op": "filter", "expression": "CAST(v AS INTEGER) > 1", "on_error": on_error}
    table = one_column(tmp_path, "v", "v", operation)
    table.add((1, "1"), (2, "x"), (3, None), (4, "4"))

    found = table.run()

    assert table.rows(found.valid) == [(4, "4")]
    assert found.metrics.rows_quarantined == (1 if on_error == "quarantine" else 0)
    assert found.errors == ({} if on_error == "quarantine" else {"operations.0.filter": 1})
    assert found.left_out == {"operations.0.filter": 2 if on_error == "quarantine" else 3}


@pytest.mark.parametrize("on_error", ["quarantine", "null"])
def test_a_measure_that_fails(tmp_path: Path, on_error: str) -> None:
    """A sum beyond its type is the failure of its group alone."""
    operation = {"op": "aggregate", "by": ["k"], "measures": {"v": ["sum", "v"]}, "on_error": on_error}
    table = Table(tmp_path, columns("k v:integer"), columns("k v:integer"), (operation,))
    table.add(("a", 2**62), ("a", 2**62), ("b", 1), ("c", None))

    found = table.run()

    kept = [("b", 1), ("c", None)]
    assert table.rows(found.valid) == (kept if on_error == "quarantine" else [("a", None), *kept])
    assert found.errors == ({} if on_error == "quarantine" else {"operations.0.aggregate": 1})


DEDUPLICATED: tuple[dict[str, Any], ...] = (
    {"op": "cast", "column": "at", "to": {"name": "at", "type": "timestamp"}},
    {"op": "deduplicate", "key": ["id"], "newest_by": "at"},
)


def test_the_newest_row_of_a_key_stays_wherever_it_lies(tmp_path: Path) -> None:
    """Parts are transformed by themselves, and still one row of each key is left in all of them together."""
    table = Table(tmp_path, columns("id at v"), columns("id at:timestamp v"), DEDUPLICATED, ("id",))
    table.add(("a", "2024-01-02", "old"), ("b", "2024-01-01", "only"), ("c", "2024-01-01", "first"))
    table.add(("a", "2024-01-03", "new"), ("c", "2024-01-01", "last"), ("a", "2024-01-01", "older"))

    found = table.run_parts()

    assert [row[0::2] for part in found for row in table.rows(part.valid)] == [
        ("b", "only"),
        ("a", "new"),
        ("c", "last"),
    ]
    assert [part.left_out for part in found] == [{"operations.1.deduplicate": 2}, {"operations.1.deduplicate": 1}]


def test_a_bad_newest_row_takes_the_place_of_an_older_good_one(tmp_path: Path) -> None:
    """An older version must not come back because the newer one is bad; one whose time is bad supersedes nothing."""
    operations = ({"op": "cast", "column": "v", "to": {"name": "v", "type": "integer"}}, *DEDUPLICATED)
    table = Table(tmp_path, columns("id at v"), columns("id at:timestamp v:integer"), operations, ("id",))
    table.add(
        ("a", "2024-01-01", "1"),
        ("a", "2024-01-02", "bad"),
        ("b", "2024-01-01", "2"),
        ("b", "never", "3"),
        (None, "", "4"),
    )

    (found,) = table.run_parts()

    assert table.rows(found.valid) == [("b", at("2024-01-01"), 2)]
    assert [entry[0] for entry in table.quarantined(found.quarantined)] == [
        "operations.0.cast",
        "operations.1.cast",
        "operations.1.cast",
    ]


def test_deduplication_comes_before_an_aggregation(tmp_path: Path) -> None:
    """Where all parts are aggregated together, older rows and rows that failed do not count."""
    operations: tuple[dict[str, Any], ...] = (
        *DEDUPLICATED,
        {"op": "cast", "column": "v", "to": {"name": "v", "type": "integer"}},
        {"op": "aggregate", "by": [], "measures": {"total": ["sum", "v"]}},
    )
    table = Table(tmp_path, columns("id at v"), columns("total:integer"), operations)
    table.add(("a", "2024-01-01", "100"), ("b", "2024-01-01", "x"))
    table.add(("a", "2024-01-02", "1"), ("c", "2024-01-02", "2"))

    found = table.run()

    assert table.rows(found.valid) == [(3,)]
    assert table.quarantined(found.quarantined)[0][1] == "part-0.csv:2"


def test_a_join_never_makes_two_rows_of_one(tmp_path: Path) -> None:
    """A key that is there twice quarantines its rows; a left join keeps rows without a match, an inner one does not."""
    join = {"op": "join", "source": "people", "on": {"who": "id"}, "columns": {"name": "person"}}
    table = Table(tmp_path, columns("who"), columns("who person"), (join,))
    table.join("people", columns("id name"), ("1", "Ada"), ("2", "Bo"), ("2", "Bob"), (None, "Nobody"))
    table.add(("1",), ("2",), ("3",), (None,))

    left, inner = (
        table.run(),
        Table(
            tmp_path, table.source, table.target, ({**join, "kind": "inner"},), parts=table.parts, others=table.others
        ).run(),
    )

    assert table.rows(left.valid) == [("1", "Ada"), ("3", None), (None, None)]
    assert table.quarantined(left.quarantined)[0][:2] == ("operations.0.join", "part-0.csv:2")
    assert table.rows(inner.valid) == [("1", "Ada")]
    assert inner.left_out == {"operations.0.join": 2}


@pytest.mark.parametrize(
    ("types", "valid", "quarantined", "left_out"),
    [
        (SchemaAction.QUARANTINE_ROW, [(1, 5)], 1, {}),
        (SchemaAction.DISCARD_ROW, [(1, 5)], 0, {"source.v.type": 1}),
        (SchemaAction.DISCARD_VALUE, [(1, 5), (2, None)], 0, {}),
    ],
)
def test_values_of_another_type_follow_the_contract(
    tmp_path: Path, types: SchemaAction, valid: list[tuple[object, ...]], quarantined: int, left_out: dict[str, int]
) -> None:
    """A part that holds text where a number is declared is read by the declaration, value by value."""
    table = one_column(tmp_path, "v:integer", "v:integer")
    table.add((1, "5"), (2, "five"), of=columns("id:integer v"))

    found = table.run(types=types)

    assert table.rows(found.valid) == valid
    assert found.metrics.rows_quarantined == quarantined
    assert found.left_out == left_out


def test_a_frozen_contract_takes_no_other_type(tmp_path: Path) -> None:
    """Nothing of the part is used."""
    table = one_column(tmp_path, "v:integer", "v:integer")
    table.add((1, "5"), of=columns("id:integer v"))

    with pytest.raises(SchemaError, match="v is text, integer is declared"):
        table.run(types=SchemaAction.FREEZE)


def test_a_column_that_a_part_lacks_is_null(tmp_path: Path) -> None:
    """Older files may lack newer columns."""
    table = one_column(tmp_path, "v", "v")
    table.add((1,), of=columns("id:integer"))

    assert table.rows(table.run().valid) == [(1, None)]


def test_the_same_parts_give_the_same_files(tmp_path: Path) -> None:
    """A retry finds what the attempt before it kept."""
    table = Table(tmp_path, columns("id at v"), columns("id at:timestamp v"), DEDUPLICATED, ("id",))
    table.add(*((str(number % 70), "2024-01-01", "x" * number) for number in range(200)))

    first, second = table.run_parts(), table.run_parts()

    assert [part.valid for part in first] == [part.valid for part in second]


def test_nothing_comes_of_nothing(tmp_path: Path) -> None:
    """An empty part gives no files."""
    table = one_column(tmp_path, "v", "v")
    table.add()

    found = table.run()

    assert (found.valid, found.quarantined, found.rows) == (None, None, 0)


def test_parts_of_other_libraries_are_read(tmp_path: Path) -> None:
    """Narrow integers, times with a zone and JSON of its own type come out as we store them."""
    table = Table(tmp_path, columns("n:integer at:timestamp doc:json"), columns("n:integer at:timestamp doc:json"))
    work = table.work()
    file = work.folder / "x.parquet"
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'Asia/Seoul'")
        rows = "SELECT 1::SMALLINT AS n, TIMESTAMPTZ '2024-01-01 00:00:00+09' AS at, '{}'::JSON AS doc"
        connection.execute(f"COPY ({rows}) TO '{file}' (FORMAT parquet)")
    table.parts.append(work.keep(file, 1, table.source, "p", "x.parquet"))

    found = table.run()

    assert table.rows(found.valid) == [(1, at("2023-12-31T15:00"), "{}")]
    assert found.valid is not None
    with duckdb.connect(":memory:") as connection:
        kinds = connection.execute(f"DESCRIBE FROM '{tmp_path / 'store' / found.valid.uri}'").fetchall()
    assert [row[1] for row in kinds] == ["BIGINT", "TIMESTAMP", "VARCHAR", "BIGINT"]


def test_rows_that_json_cannot_hold_are_quarantined(tmp_path: Path) -> None:
    """A row with an infinite number in it is told as well as any."""
    cast = {"op": "cast", "column": "v", "to": {"name": "v", "type": "integer"}}
    table = Table(tmp_path, columns("v f:float"), columns("v:integer"), (cast,))
    table.add(("x", float("inf")), ("y", float("nan")))

    assert table.run().metrics.rows_quarantined == 2
