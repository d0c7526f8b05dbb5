"""The guard of expressions: what is hostile is refused before anything runs, what is benign gives what it says."""

import re
from datetime import datetime

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.pipeline.expressions import BENIGN, COLUMNS, FAILING, HOSTILE, NULLS, ROW
from towpath.dataplane.core import macros
from towpath.dataplane.core.columns import literal, quoted, sql_type, statement
from towpath.dataplane.specification import functions, guard
from towpath.dataplane.specification.failing import outcome_of

NAMES = tuple(column.name for column in COLUMNS)
TABLE = statement(
    "SELECT {shown} FROM (VALUES {row})",
    shown=", ".join(
        f"CAST(col{place} AS {sql_type(column)}) AS {quoted(column.name)}" for place, column in enumerate(COLUMNS)
    ),
    row=ROW,
)


def engine() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    macros.define(connection)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


CONNECTION = engine()
PRINTED = {name for name in functions.CALLS if not name.isupper()} | {
    *{"not_like_escape", "not_ilike_escape", "to_days", "to_months", "list_transform", "list_value", "array_extract"},
    *{"typeof", "without_exponent", "digits_as_texts", "plain_json"},
}
"""All functions and operators that the guard can print."""


def value(connection: duckdb.DuckDBPyConnection, sql: str) -> object:
    row = connection.execute(statement("SELECT {sql} FROM ({table})", sql=sql, table=TABLE)).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(("text", "code"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_expressions_are_refused(text: str, code: str) -> None:
    """Files, other rows, settings, chance, and texts without bounds are out of an expression's reach."""
    with pytest.raises(guard.RefusedExpressionError) as caught:
        guard.guard(text, NAMES)

    assert caught.value.code == code
    assert caught.value.message


@pytest.mark.parametrize(("text", "expected"), BENIGN.items(), ids=BENIGN.keys())
def test_benign_expressions_give_their_value(text: str, expected: object) -> None:
    """Everyday expressions compile, and compute what their author means."""
    found = value(CONNECTION, guard.guard(text, NAMES).sql)

    assert found == expected


@pytest.mark.parametrize(("text", "fails"), [(text, True) for text in FAILING] + [(text, False) for text in NULLS])
def test_a_failure_is_told_from_a_null(text: str, fails: bool) -> None:
    """An expression that cannot be computed has no outcome at all; one that is null has a null in it."""
    outcome = outcome_of(guard.guard(text, NAMES).sql)

    assert value(CONNECTION, outcome) == (None if fails else {"v": None})


def test_columns_that_are_read_are_told() -> None:
    """Lineage and checks learn from the guard which columns an expression reads."""
    assert guard.guard("coalesce(name, code) || 'x' || name", NAMES).columns == ("code", "name")


def test_a_refused_column_comes_with_those_that_are_there() -> None:
    """Whoever mistypes a name sees the names."""
    with pytest.raises(guard.RefusedExpressionError) as caught:
        guard.guard("nmae", NAMES)

    assert "name" in caught.value.mend


def test_only_functions_of_one_row_may_be_called() -> None:
    """DuckDB's own catalogue tells it: no aggregate, no table, and none that gives another value the next time."""
    called = {name for name in functions.CALLS if not name.isupper()}
    rows = CONNECTION.execute(
        "SELECT function_name, list(DISTINCT function_type), list(DISTINCT stability) FILTER (stability IS NOT NULL)"
        " FROM duckdb_functions() WHERE list_contains(?, function_name) GROUP BY ALL",
        [sorted(called)],
    ).fetchall()

    assert {name for name, _, _ in rows} == called
    assert not [name for name, kinds, _ in rows if not {*kinds} <= {"scalar", "macro"}]
    assert not [name for name, _, stable in rows if stable and ("CONSISTENT" not in stable or "VOLATILE" in stable)]


@settings(max_examples=500, deadline=None, derandomize=True)
@given(text=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=60))
def test_literals_pass_unchanged(text: str) -> None:
    """Whatever a text literal holds, it stays the value that it was, and ends where it ends."""
    assert value(CONNECTION, guard.guard(literal(text), NAMES).sql) == text


PIECES = (
    *BENIGN,
    *"'\";,()*|",
    "--",
    "/*",
    " FROM t",
    "SELECT 1",
    " UNION ",
    "read_text('x')",
    "||",
    " OR ",
    "sum(qty)",
)


@settings(max_examples=3_000, deadline=None, derandomize=True)
@given(
    text=st.sampled_from(list(BENIGN)), piece=st.sampled_from(PIECES), place=st.integers(0, 60), lost=st.integers(0, 3)
)
def test_mutations_of_benign_expressions_never_break_out(text: str, piece: str, place: int, lost: int) -> None:
    """What the guard lets through of broken texts is one projection over known columns, and nothing else."""
    try:
        guarded = guard.guard(text[:place] + piece + text[place + lost :], NAMES)
    except guard.RefusedExpressionError:
        return
    shape = "SELECT json_array_length(json_serialize_sql(?)->'statements'), json_serialize_sql(?)"
    printed = f"SELECT {guarded.sql}"
    row = CONNECTION.execute(shape, [printed, printed]).fetchone()

    assert set(guarded.columns) <= set(NAMES)
    assert row is not None and row[0] == 1
    assert not re.search(r'"class":"(SUBQUERY|STAR|WINDOW|PARAMETER|POSITIONAL_REFERENCE)"', str(row[1]))
    # The lambdas are ours: over one value, that is computed once.
    assert str(row[1]).count('"class":"LAMBDA"') <= guarded.sql.count("lambda v__: ")
    called = set(re.findall(r'"function_name":"([^"]+)"', str(row[1])))
    assert called <= PRINTED


def test_a_time_with_an_offset_is_utc() -> None:
    """DuckDB by itself drops the offset; a cast here does not."""
    sql = guard.guard("'2024-06-01 12:00:00+02:00'::timestamp", NAMES).sql

    assert value(CONNECTION, sql) == datetime.fromisoformat("2024-06-01T10:00")
