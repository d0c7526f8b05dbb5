"""Profiles: what is told of each column, and which rows a sample has."""

from pathlib import Path
from typing import Any

from tests.unit.pipeline.tables import Row, Table, columns
from towpath.contracts.pipeline.dataset import Dataset
from towpath.contracts.pipeline.stages import Profiled, ProfileTask
from towpath.dataplane.core.arrow import pa, parquet
from towpath.dataplane.specification import profile as profiling
from towpath.dataplane.specification.profile import profile_dataset

PEOPLE = columns("id:integer name born:date height:float")


def profiled(root: Path, *parts: list[Row], **task: Any) -> Profiled:
    table = Table(root, PEOPLE, PEOPLE)
    for rows in parts:
        table.add(*rows)
    dataset = Dataset(name="people", parts=tuple(table.parts), columns=PEOPLE)
    return profile_dataset(ProfileTask(dataset=dataset, **task), table.work())


def test_columns_are_counted(tmp_path: Path) -> None:
    """Nulls, distinct values, extremes, frequent values and shapes; infinite numbers are in no histogram."""
    rows: list[Row] = [(number, "Ann-12" if number % 2 else "Ö 7", None, float(number)) for number in range(40)]
    rows += [(40, None, "2026-01-31", float("inf"))]
    number, name, born, height = profiled(tmp_path, rows).profile.columns
    assert (number.nulls, number.distinct, number.minimum, number.maximum, number.mean) == (0, 41, "0", "40", 20.0)
    assert sum(number.histogram) == 41
    assert number.histogram[-1] == 3, "the greatest value is in the last step"
    assert name.top == (("Ann-12", 20), ("Ö 7", 20))
    assert name.formats == (("A 9", 20), ("AAA-99", 20))
    assert (name.nulls, born.nulls, born.maximum, born.histogram[0]) == (1, 40, "2026-01-31", 1)
    assert (sum(height.histogram), height.mean) == (40, None)


def test_duplicates_of_the_key_are_counted_over_all_parts(tmp_path: Path) -> None:
    """A key without a value equals no other."""
    rows: list[list[Row]] = [[(1, "a", None, None), (None, "b", None, None)], [(1, "c", None, None)] * 2]
    assert profiled(tmp_path, *rows, key=("id",)).profile.duplicates == 2


def test_a_sample_is_spread_over_the_parts(tmp_path: Path) -> None:
    """Rows at equal distances, without their place, and with long texts cut."""
    parts: list[list[Row]] = [[(10 * part + row, "x" * 9000, None, 0.5) for row in range(10)] for part in range(3)]
    sample = profiled(tmp_path, *parts, sample=6).sample
    assert [row["id"] for row in sample] == [0, 5, 10, 15, 20, 25]
    assert set(sample[0]) == {"id", "name", "born", "height"}
    assert len(str(sample[0]["name"])) == profiling.LONGEST_IN_SAMPLE
    assert len(profiled(tmp_path / "few", parts[0], sample=50).sample) == 10


def test_of_a_large_dataset_rows_are_looked_at_evenly(tmp_path: Path) -> None:
    """The profile says how many rows it looked at, and how many there are."""
    rows = profiling.MOST_ROWS + 1
    table = Table(tmp_path, columns("id:integer"), columns("id:integer"))
    work = table.work()
    file = work.folder / "many.parquet"
    parquet.write_table(pa.table({"id": range(rows)}), file)
    dataset = Dataset(name="many", parts=(work.keep(file, rows, table.source),), columns=table.source)
    found = profile_dataset(ProfileTask(dataset=dataset), table.work()).profile
    assert (found.rows, found.total) == (rows // 2 + 1, rows)


def test_a_dataset_without_rows_has_its_columns(tmp_path: Path) -> None:
    """Nothing is in them."""
    empty = profiled(tmp_path)
    assert (empty.profile.columns[0].name, empty.profile.columns[0].rows) == ("id", 0)
    assert empty.sample == ()
