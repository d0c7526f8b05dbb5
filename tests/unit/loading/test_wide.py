"""Tables of very many columns load within the memory that a task has, whatever the strategy."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.loading.world import World
from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.dataplane.load.duckdb import WIDE

STRATEGIES = ("append", "upsert", "delete_insert")


def wide(columns: int) -> tuple[Column, ...]:
    told = (
        Column(name="id", type=ColumnType.INTEGER, nullable=False),
        Column(name="updated_at", type=ColumnType.TIMESTAMP),
    )
    return (*told, *(Column(name=f"c{number}", type=ColumnType.TEXT) for number in range(columns - len(told))))


def rows(columns: tuple[Column, ...], numbers: range, text: str, hour: int) -> list[dict[str, Any]]:
    values = {column.name: text for column in columns[2:]}
    moment = datetime(2026, 11, 1, hour, tzinfo=UTC).replace(tzinfo=None)
    return [{**values, "id": number, "updated_at": moment} for number in numbers]


@pytest.mark.parametrize("kind", ["duckdb", "parquet"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_two_thousand_columns(tmp_path: Path, kind: str, strategy: Any) -> None:
    """2,000 columns load twice with the memory that is usual: the first rows, then newer ones over some of them."""
    columns = wide(2_000)
    world = World(kind, tmp_path, "", strategy=strategy, columns=columns, partition_by="id")
    world.load(rows(columns, range(2), "a", 1))
    world.load(rows(columns, range(1, 3), "b", 2))

    older = [(1, "a", "a")] if strategy == "append" else []
    assert world.read("id", "c0", "c1997") == [(0, "a", "a"), *older, (1, "b", "b"), (2, "b", "b")]


@settings(max_examples=15, deadline=None)
@given(
    loads=st.lists(
        st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.sampled_from("abc")), min_size=1, max_size=6),
        min_size=1,
        max_size=3,
    ),
    aged=st.booleans(),
)
def test_wide_and_narrow_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, loads: list[list[tuple[int, int, str]]], *, aged: bool
) -> None:
    """Whatever comes, a wide table ends with the rows and the counts of a narrow one."""
    ends: list[object] = []
    for columns in (wide(3), wide(WIDE + 1)):
        newest = "updated_at" if aged else None
        folder = tmp_path_factory.mktemp("world")
        world = World("duckdb", folder, "", columns=columns, newest_by=newest, partition_by=None)
        told = [
            world.load([one for key, hour, text in load for one in rows(columns, range(key, key + 1), text, hour)])
            for load in loads
        ]
        counts = [(one.rows, one.inserted, one.updated, one.stale) for one in told]
        ends.append((counts, world.read("id", "c0", "updated_at")))
    assert ends[0] == ends[1]
