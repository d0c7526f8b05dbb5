"""One bad byte in a gigabyte: its row is set aside with its line, every other row is read, and memory stays bounded."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.unit.pipeline.reading import SOURCE, Reader
from towpath.contracts.pipeline.plane import MIB, Setup
from towpath.contracts.pipeline.stages import Extracted, ExtractionPlanTask, ExtractTask, Partition, Planned
from towpath.dataplane.core.arrow import parquet
from towpath.pool.dataplane import Dataplane

HEADER, LINE_BYTES, LINES = b"id,note\n", 1_000, 1_074_000
BAD = {400_000: ("encoding", 500, b"\xfe"), 600_001: ("encoding", 700, b"\x00"), 900_002: ("quotes", 9, b'"')}
"""By the index of the line: the rule that it breaks, and which byte of it is which."""
MOST_BYTES = 700 * MIB


@pytest.fixture
def gigabyte(tmp_path: Path) -> Iterator[Path]:
    """Lines of equal length, a block of them over and over: two seconds to write."""
    block = b"".join(b"%08d," % number + b"text " * 198 + b"\n" for number in range(1_000))
    assert len(block) == 1_000 * LINE_BYTES
    path = tmp_path / "orders.csv"
    with path.open("wb") as opened:
        opened.write(HEADER)
        for _ in range(LINES // 1_000):
            opened.write(block)
        for line, (_, position, byte) in BAD.items():
            opened.seek(len(HEADER) + line * LINE_BYTES + position)
            opened.write(byte)
    assert path.stat().st_size > 1024 * MIB
    yield path
    path.unlink()


@pytest_asyncio.fixture(loop_scope="session")
async def plane(reader: Reader) -> AsyncIterator[Dataplane]:
    """Two processes, as a worker has them."""
    opened = Dataplane(Setup(store=str(reader.folder / "store"), scratch=str(reader.folder / "scratch")), 2)
    yield opened
    await opened.close()


async def test_bad_bytes_in_a_gigabyte(plane: Dataplane, reader: Reader, gigabyte: Path) -> None:
    """No text, a zero byte, and a quote that is never closed: three rows, with file and line."""
    source = SOURCE.validate_python({"name": "orders", "type": "csv", "path": str(gigabyte)})
    planned = await plane.run("plan_partitions", ExtractionPlanTask(source=source), Planned, lambda _: None)

    async def extract(partition: Partition) -> Extracted:
        task = ExtractTask(source=source, partition=partition, columns=planned.columns)
        return await plane.run("extract_partition", task, Extracted, lambda _: None)

    done = await asyncio.gather(*map(extract, planned.partitions))

    bad = [one.quarantined.part for one in done if one.quarantined is not None]
    rows = [row for part in bad for row in parquet.read_table(reader.work().local(part)).to_pylist()]
    assert [(row["rule"], row["position"]) for row in rows] == [
        (rule, f"{gigabyte}:{line + 2}") for line, (rule, _, _) in BAD.items()
    ]
    assert sum(one.part.rows for one in done if one.part is not None) == LINES - len(BAD)
    assert len(done) > 2
    assert max(one.metrics.peak_rss_bytes for one in done) < MOST_BYTES
