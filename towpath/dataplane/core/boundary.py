"""Rows at a watermark, by the digests of their contents: what tells those that are loaded from those that came later.

A cursor's value may be that of many rows, of which some are there when it is read and others are not yet. The next run
reads all of them again, and leaves out those whose digest stands beside the watermark.
"""

import base64
import struct
from collections.abc import Iterable

import duckdb

from towpath.contracts.pipeline.dataset import Column, ColumnType, DatasetPart
from towpath.dataplane.core.arrow import ArrowTable, pa, parquet
from towpath.dataplane.core.columns import literal, quoted
from towpath.dataplane.core.workspace import Workspace

DIGEST = "digest"
_COLUMNS = (Column(name=DIGEST, type=ColumnType.INTEGER),)
Digests = frozenset[int]
NONE: Digests = frozenset()


def digests(engine: duckdb.DuckDBPyConnection, table: ArrowTable, names: Iterable[str]) -> list[int]:
    """One for each row, in their order: 64 bits over the values that it has, under their names."""
    told = ", ".join(
        f"{literal(name + '=')} || length(CAST({quoted(name)} AS VARCHAR)) || ':' || CAST({quoted(name)} AS VARCHAR)"
        for name in sorted(names)
    )
    found = engine.from_arrow(table).project(f"md5_number_lower(concat_ws('|', {told or 'NULL'})) AS {DIGEST}")
    numbers: list[int] = found.to_arrow_table()[DIGEST].to_pylist()
    return numbers


def keep(work: Workspace, found: Digests) -> DatasetPart | None:
    """As a part of the store, the same for the same digests. Raises DatasetStoreError."""
    if not found:
        return None
    file = work.folder / "boundary.parquet"
    parquet.write_table(pa.table({DIGEST: pa.array(sorted(found), pa.uint64())}), file)
    return work.keep(file, len(found), _COLUMNS)


def read(work: Workspace, parts: Iterable[DatasetPart]) -> Digests:
    """Those of all parts together. Raises DatasetStoreError."""
    return frozenset(number for part in parts for number in parquet.read_table(work.local(part))[DIGEST].to_pylist())


def written(found: Digests) -> str:
    """As a watermark carries them: eight bytes each, in Base64."""
    return base64.b64encode(struct.pack(f"<{len(found)}Q", *sorted(found))).decode()


def parsed(text: str) -> Digests:
    content = base64.b64decode(text)
    return frozenset(struct.unpack(f"<{len(content) // 8}Q", content))
