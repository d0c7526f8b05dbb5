"""The profile of a source: read as it is, typed as its values are, and kept nowhere."""

from pathlib import Path
from typing import Any

from tests.unit.pipeline.reading import SOURCE, Reader
from towpath.contracts.pipeline.dataset import ColumnProfile, ColumnType
from towpath.contracts.pipeline.inspection import SourceProfiled, SourceProfileTask
from towpath.dataplane import source_profile
from towpath.dataplane.source_profile import profile_source

LINES = """id,code,price,born,seen,open,note
1,007,1.50,2026-01-02,2026-01-02 10:00:00,true,<b>
2,010,2.50,2026-01-03,2026-01-03 11:00:00,FALSE,
2,1,n/a,,2026-01-03 11:00:01,true,x
3,1,1,2,3
"""


def profiled(reader: Reader, text: str, folder: Path, **task: Any) -> SourceProfiled:
    folder.mkdir(exist_ok=True)
    (folder / "people.csv").write_text(text)
    given = {"name": "people", "type": "csv", "path": str(folder / "people.csv"), **task.pop("source", {})}
    return profile_source(SourceProfileTask(source=SOURCE.validate_python(given), **task), reader.work())


def column(found: SourceProfiled, name: str) -> ColumnProfile:
    return next(one for one in found.profile.columns if one.name == name)


def test_text_is_profiled_as_what_all_its_values_are(reader: Reader, tmp_path: Path) -> None:
    """One value of another type keeps the column text; numbers that begin with a zero are codes."""
    found = profiled(reader, LINES, tmp_path, key=("id",))

    types = {one.name: one.type for one in found.profile.columns}
    assert types == {
        "id": ColumnType.INTEGER,
        "code": ColumnType.TEXT,
        "price": ColumnType.TEXT,
        "born": ColumnType.DATE,
        "seen": ColumnType.TIMESTAMP,
        "open": ColumnType.BOOLEAN,
        "note": ColumnType.TEXT,
    }
    assert {one.type for one in found.declared} == {ColumnType.TEXT}
    assert (column(found, "id").mean, column(found, "born").nulls) == (5 / 3, 1)
    assert (found.profile.rows, found.profile.duplicates, found.unreadable) == (3, 1, 1)
    assert "<b>" not in found.page
    assert "&lt;b&gt;" in found.page


def test_profile_says_what_a_cast_would_take(reader: Reader, tmp_path: Path) -> None:
    """Numbers with a fraction are no integers, though the engine would round them."""
    found = profiled(reader, "lat,rate\n38.7,1e3\n-90,0.5\n", tmp_path)

    assert [one.type for one in found.profile.columns] == [ColumnType.FLOAT, ColumnType.FLOAT]
    assert (column(found, "lat").minimum, column(found, "lat").maximum) == ("-90.0", "38.7")


def test_rules_and_watermark_of_a_run_leave_nothing_out(reader: Reader, tmp_path: Path) -> None:
    """The profile is of the source, not of what a run takes; what differs from the declaration is told."""
    source = {
        "columns": [{"name": "id", "type": "text"}, {"name": "gone", "type": "text"}],
        "validation": [{"rule": "pattern", "column": "id", "value": "1"}],
        "cursor": {"field": "id", "initial": "3"},
    }
    found = profiled(reader, LINES, tmp_path, source=source)

    assert found.profile.rows == 3
    assert any("column gone is declared and not there" in change for change in found.changes)
    assert not list(reader.folder.rglob("store/*"))


def test_shares_are_read_from_everywhere(reader: Reader, tmp_path: Path) -> None:
    """Of a source larger than asked for, shares that are spread over it are read until there are enough rows."""
    lines = "id,pad\n" + "".join(f"{number},{'x' * 1000}\n" for number in range(50_000))
    found = profiled(reader, lines, tmp_path, rows=10_000)

    assert found.partitions == -(-len(lines) // source_profile.SHARE_BYTES)
    assert found.partitions_read < found.partitions
    assert 10_000 <= found.profile.rows == found.profile.total < 50_000
    assert int(column(found, "id").maximum or 0) > 25_000


def test_a_source_without_rows_has_no_profile(reader: Reader, tmp_path: Path) -> None:
    """Its columns are there, and empty."""
    found = profiled(reader, "id,name\n", tmp_path)

    assert found.profile.rows == 0
    assert [one.name for one in found.profile.columns] == ["id", "name"]
