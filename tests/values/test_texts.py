"""Texts as values of each type: what the engine makes of them is what Python reads, or nothing."""

from collections.abc import Iterator

import duckdb
import pytest

from tests.unit.pipeline.tables import columns
from tests.values import drawing, reading
from towpath.contracts.pipeline.dataset import Column
from towpath.dataplane.core import macros
from towpath.dataplane.core.arrow import arrow_type, pa
from towpath.dataplane.core.columns import quoted, sql_type
from towpath.dataplane.specification.casting import exact_cast

TYPES = (
    *(
        "integer",
        "decimal(38,4)",
        "decimal(18,2)",
        "decimal(4,4)",
        "decimal(9,0)",
        "decimal(38,38)",
        "float",
        "boolean",
    ),
    *("date", "timestamp", "json"),
)
SAMPLED, ALL = 2_000, 200_000
FORMATS = {
    "%Y-%m-%d": "timestamp",
    "%d/%m/%Y": "date",
    "%Y-%m-%d %H:%M:%S": "date",
    "%d %b %Y": "date",
    "%m/%d/%y": "date",
    "%Y-%m-%dT%H:%M:%S.%f": "timestamp",
    "%Y-%m-%dT%H:%M:%S%z": "timestamp",
    "%I:%M %p, %B %d %Y": "timestamp",
}


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        macros.define(connection)
        yield connection


def read(engine: duckdb.DuckDBPyConnection, texts: list[str], kind: str, *formats: str) -> list[object]:
    """What a cast makes of each."""
    to, of = columns(f"v:{kind}")[0], columns("v")[0]
    table = pa.table({"v": pa.array(texts, pa.string())})
    rows = engine.from_arrow(table).project(exact_cast(quoted("v"), of, to, formats)).fetchall()
    return [reading.SET_ASIDE if value is None else value for (value,) in rows]


@pytest.mark.parametrize("kind", TYPES)
def test_texts_are_read_as_python_reads_them(
    engine: duckdb.DuckDBPyConnection, pytestconfig: pytest.Config, kind: str
) -> None:
    """Every text is the same value to the last digit, or set aside by both."""
    to = columns(f"v:{kind}")[0]
    dice = drawing.Dice(f"{pytestconfig.option.seed} {kind}")
    texts = drawing.texts(dice, to.type, ALL if pytestconfig.option.full else SAMPLED)

    found = dict(zip(texts, read(engine, texts, kind), strict=True))

    wanted = {text: reading.of_text(text, to) for text in texts}
    assert {text: (found[text], wanted[text]) for text in texts if found[text] != wanted[text]} == {}
    assert len([one for one in wanted.values() if one != reading.SET_ASIDE]) > 5


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind != "json"])
def test_other_readers_agree(engine: duckdb.DuckDBPyConnection, pytestconfig: pytest.Config, kind: str) -> None:
    """What is let in is the same value to DuckDB by itself and to pyarrow, where they read such a text at all."""
    to = columns(f"v:{kind}")[0]
    texts = drawing.texts(drawing.Dice(f"{pytestconfig.option.seed} others {kind}"), to.type, SAMPLED)
    # Of decimals with an exponent DuckDB makes other numbers: 0.0000026e4 is 0.0000 to it.
    texts = [text for text in texts if kind == "float" or "e" not in text.lower()]
    kept = {text: value for text in texts if (value := reading.of_text(text, to)) != reading.SET_ASIDE}
    table = pa.table({"v": pa.array(list(kept), pa.string())})
    through = "TIMESTAMPTZ" if kind == "timestamp" else sql_type(to)
    rows = engine.from_arrow(table).project(f"TRY_CAST(TRY_CAST(v AS {through}) AS {sql_type(to)})").fetchall()

    by_engine = dict(zip(kept, (value for (value,) in rows), strict=True))
    for others in (by_engine, {text: _by_arrow(text, to) for text in kept}):
        assert {text: one for text, one in others.items() if one is not None and one != kept[text]} == {}


def _by_arrow(text: str, column: Column) -> object:
    """None where pyarrow reads no such text."""
    try:
        return pa.array([text.strip()], pa.string()).cast(arrow_type(column))[0].as_py()
    except pa.ArrowInvalid:
        return None


@pytest.mark.parametrize("form", FORMATS)
def test_texts_of_a_format_are_read_as_python_reads_them(
    engine: duckdb.DuckDBPyConnection, pytestconfig: pytest.Config, form: str
) -> None:
    """A format reads what strptime does; no word stands for a time, and no time of the day is lost."""
    kind = FORMATS[form]
    dice = drawing.Dice(f"{pytestconfig.option.seed} {form}")
    texts = drawing.formatted(dice, form, ALL if pytestconfig.option.full else SAMPLED)

    found = dict(zip(texts, read(engine, texts, kind, form), strict=True))

    wanted = {text: reading.by_format(text, form, kind) for text in texts}
    assert {text: (found[text], wanted[text]) for text in texts if found[text] != wanted[text]} == {}
    assert len([one for one in wanted.values() if one != reading.SET_ASIDE]) > 5


@pytest.mark.parametrize(
    ("text", "is_kept"),
    [
        ('{"a":1,"b":{"a":1}}', True),
        ('[{"a":1},{"a":2}]', True),
        ('{"a.b":1,"a":{"b":2}}', True),
        ('{"a":1,"a":1}', False),
        (r'{"a":1,"\u0061":2}', False),
        ('{"x":[{"a":{"b":1,"b":2}}]}', False),
        ('[[{"b":1,"b":null}]]', False),
    ],
)
def test_names_twice_are_set_aside(engine: duckdb.DuckDBPyConnection, text: str, is_kept: bool) -> None:
    """However deep: PostgreSQL would keep the last, others the first."""
    assert read(engine, ["5", text], "json") == ["5", text if is_kept else reading.SET_ASIDE]
