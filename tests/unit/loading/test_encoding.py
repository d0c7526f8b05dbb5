"""Rows become the same in PostgreSQL whether pgpq is there, as on most machines, or not, as on Linux on ARM."""

import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.loading.world import World, row
from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.dataplane.core.arrow import pa
from towpath.dataplane.core.columns import statement
from towpath.dataplane.core.errors import LoadError
from towpath.dataplane.load import encoding
from towpath.dataplane.load.encoding import Encoder, TextEncoder, encoder_of
from towpath.dataplane.load.postgresql_table import postgresql_type
from towpath.dataplane.load.reading import target_schema

ROOT = Path(__file__).resolve().parents[3]
COLUMNS = (
    Column(name="c_text", type=ColumnType.TEXT),
    Column(name="c_integer", type=ColumnType.INTEGER),
    Column(name="c_decimal", type=ColumnType.DECIMAL, precision=38, scale=10),
    Column(name="c_small", type=ColumnType.DECIMAL, precision=38, scale=38),
    Column(name="c_float", type=ColumnType.FLOAT),
    Column(name="c_boolean", type=ColumnType.BOOLEAN),
    Column(name="c_date", type=ColumnType.DATE),
    Column(name="c_timestamp", type=ColumnType.TIMESTAMP),
    Column(name="c_json", type=ColumnType.JSON),
)
FIRST_DAY, LAST_DAY = -2_440_588, 103_000_000
"""From 4714 BC; PostgreSQL's timestamps end in 294276, its dates go on."""
FIRST_TIME, LAST_TIME = -210_866_803_200_000_000, 9_223_371_331_199_999_999 - 10**16
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.sampled_from(
    ["", "\\.", "\\N", "\\", "a\tb", "\r\n", "\n\\.\n", '"', "''", "NULL", "\\x41", "\\101", "가", "\u2028"]
)
fixed = st.integers(-(10**38) + 1, 10**38 - 1)
values = st.integers() | st.none() | st.booleans() | texts
documents = st.recursive(values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
rows_of_all = st.lists(
    st.tuples(
        st.none() | texts,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | fixed.map(lambda number: Decimal(f"{number}e-10")),
        st.none() | fixed.map(lambda number: Decimal(f"{number}e-38")),
        st.none() | st.floats(),
        st.none() | st.booleans(),
        st.none() | st.integers(FIRST_DAY, LAST_DAY),
        st.none() | st.integers(FIRST_TIME, LAST_TIME),
        st.none() | documents.map(json.dumps),
    ),
    max_size=8,
)
Make = Callable[[], Encoder]


def made(rows: Sequence[tuple[Any, ...]]) -> Any:
    schema = target_schema(COLUMNS)
    columns = [pa.array([given[place] for given in rows], field.type) for place, field in enumerate(schema)]
    return pa.record_batch(columns, schema=schema)


def stored(connection: psycopg.Connection[Any], make: Make, batches: Sequence[Any], json_type: str) -> list[Any]:
    """What a table of all types has afterwards, as text; nothing of it stays."""
    types = [json_type if one.type is ColumnType.JSON else postgresql_type(one) for one in COLUMNS]
    columns = ", ".join(f"{one.name} {kind}" for one, kind in zip(COLUMNS, types, strict=True))
    encoder = make()
    with connection.transaction(force_rollback=True), connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE taken ({columns})".encode())
        with cursor.copy(f"COPY taken FROM STDIN WITH (FORMAT {encoder.format})".encode()) as copy:
            for piece in (encoder.begin(), *map(encoder.batch, batches), encoder.end()):
                copy.write(piece)
        shown = ", ".join(f"{one.name}::text" for one in COLUMNS)
        told = statement("SELECT {shown} FROM taken ORDER BY ctid", shown=shown)
        return cursor.execute(told.encode()).fetchall()


@pytest.fixture
def connection(postgresql: World) -> Any:
    with psycopg.connect(postgresql.url, autocommit=True) as opened:
        opened.execute("SET TIME ZONE 'UTC'")
        yield opened


@pytest.mark.parametrize("json_type", ["jsonb", "text"])
def test_both_ways_store_the_same(connection: psycopg.Connection[Any], json_type: str) -> None:
    """Every type and every value that it can hold, in batches of any size, over the whole range of times."""
    jsonb = frozenset({"c_json"} if json_type == "jsonb" else ())

    @given(rows=rows_of_all, more=rows_of_all)
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    def same(rows: list[tuple[Any, ...]], more: list[tuple[Any, ...]]) -> None:
        batches = [made(rows), made(more), made([*more, *rows]).slice(len(more))]
        quick = stored(connection, lambda: encoder_of(COLUMNS, jsonb), batches, json_type)
        assert stored(connection, lambda: TextEncoder(COLUMNS), batches, json_type) == quick
        assert len(quick) == 2 * len(rows) + len(more)

    assert encoding.QUICK
    same()


def test_ends_of_what_there_is(connection: psycopg.Connection[Any]) -> None:
    """The first and the last of each type."""
    numbers = [None, -(2**63), 2**63 - 1, 0]
    floats = [math.nan, math.inf, -math.inf, -0.0]
    wide = [None, Decimal(f"{10**38 - 1}e-10"), Decimal("1e-10"), Decimal(0)]
    small = [None, Decimal(f"{10**38 - 1}e-38"), Decimal("-1e-38"), Decimal(0)]
    days = [FIRST_DAY, -719_163, LAST_DAY, 0]
    times = [FIRST_TIME, -62_135_596_800_000_001, LAST_TIME, -1]
    flags = [True, False, None, True]
    words = ["", None, "\\.", "\\N"]
    shapes = ["{}", None, '"\\\\."', "[1e400, 0.10]"]
    batch = made(list(zip(words, numbers, wide, small, floats, flags, days, times, shapes, strict=True)))
    quick = stored(connection, lambda: encoder_of(COLUMNS, frozenset({"c_json"})), [batch], "jsonb")

    assert stored(connection, lambda: TextEncoder(COLUMNS), [batch], "jsonb") == quick
    assert [found[7] for found in quick][:2] == ["4714-11-24 00:00:00+00 BC", "0001-12-31 23:59:59.999999+00 BC"]


@pytest.mark.parametrize("quick", [True, False], ids=["binary", "text"])
def test_what_postgresql_refuses(postgresql: World, quick: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same failure either way, final and without the value."""
    monkeypatch.setattr(encoding, "QUICK", quick)
    with pytest.raises(LoadError, match="22021") as caught:
        postgresql.load([row(1, "hush\0")])
    assert "hush" not in str(caught.value)


def test_a_load_without_pgpq(postgresql: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Straight into the table, and by staging."""
    monkeypatch.setattr(encoding, "QUICK", False)
    postgresql.load([row(1, "a\tb"), row(2, "\\N")])
    postgresql.load([row(2, "c\\\n", hours=1), row(3)])

    assert postgresql.read("id", "name") == [(1, "a\tb"), (2, "c\\\n"), (3, "a")]


def test_the_data_plane_is_loaded_without_pgpq() -> None:
    """Its process starts, and would write text."""
    code = (
        "import sys; sys.modules['pgpq'] = None; import towpath.dataplane.__main__;"
        "from towpath.dataplane.load.postgresql import encoder_of; print(encoder_of((), frozenset()).format)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.stdout.strip(), ended.returncode) == ("text", 0), ended.stderr
