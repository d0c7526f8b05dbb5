"""Rows at the end of what was read: known again by their contents, as long as they are not too many."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.pipeline.reading import Reader, source
from towpath.contracts.pipeline.pipeline import Source
from towpath.policy.pipeline.watermarks import MOST_AT_WATERMARK, frontier

AT = "2026-11-01T10:00:00"


def events(folder: Path, *lines: str, header: str = "id,at,name", **told: Any) -> Source:
    (folder / "events.csv").write_text("\n".join([header, *lines]), encoding="utf-8")
    kinds = {"id": "integer", "at": "timestamp"}
    columns = [{"name": name, "type": kinds.get(name, "text")} for name in header.split(",")]
    return source(type="csv", path=str(folder / "*.csv"), columns=columns, cursor={"field": "at"}, **told)


def test_rows_at_the_watermark_are_known_again(reader: Reader, tmp_path: Path) -> None:
    """What is loaded is left out, also when the source has a new column; what changed or came is read."""
    first = reader.read(events(tmp_path, f"1,{AT},a", f"2,{AT},b", "3,2026-11-01T09:00:00,c"))
    reached, boundary = frontier(first.extracted, None)
    assert boundary is not None
    assert (reached, [one.rows for one in boundary]) == (AT, [2])

    wider = events(tmp_path, f"1,{AT},a,", f"2,{AT},B,", f"4,{AT},d,x", header="id,at,name,note")
    planned = reader.plan(wider, watermark=reached)
    again = reader.extract(wider, planned, planned.partitions[0], loaded=boundary[0])

    assert again.part is not None
    assert [row["id"] for row in reader.rows(again.part)] == ["2", "4"]
    assert again.left_out == {"loaded before": 1}


@pytest.mark.parametrize(("more", "known"), [(0, True), (1, False)])
def test_too_many_rows_at_the_watermark(reader: Reader, tmp_path: Path, more: int, known: bool) -> None:
    """Up to a limit all rows with the greatest cursor are known; beyond it none is, and that is told."""
    lines = [f"{number},{AT},a" for number in range(MOST_AT_WATERMARK + more)]

    found = reader.read(events(tmp_path, *lines, partition={"by": "file", "size_bytes": 1024**2}))

    reached, boundary = frontier(found.extracted, None)
    assert len(found.extracted) > 1
    assert reached == AT
    assert (boundary is not None) is known


@pytest.mark.parametrize("at", ["", "soon", "2999-01-01T00:00:00"], ids=["empty", "no-time", "ahead"])
def test_row_that_no_watermark_passes(reader: Reader, tmp_path: Path, at: str) -> None:
    """It would be read with every run: where rows are appended it is quarantined."""
    told = events(tmp_path, f"1,{AT},a", f"2,{at},b")
    planned = reader.plan(told)

    exact = reader.extract(told, planned, planned.partitions[0], exact=True)
    usual = reader.extract(told, planned, planned.partitions[0])

    assert exact.part is not None
    assert exact.quarantined is not None
    assert (exact.part.rows, exact.quarantined.by_rule) == (1, {"cursor": 1})
    assert exact.max_cursor == usual.max_cursor == AT
    assert usual.quarantined is None
