"""Parts of datasets are kept once, whole, unaltered, and for as long as they are wanted."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from towpath.contracts.core.failure import FailureCode
from towpath.contracts.pipeline.dataset import Column, ColumnType, DatasetPart
from towpath.dataplane.core.connections import HttpConnection, S3Connection
from towpath.dataplane.core.errors import ConnectionNameError, DatasetStoreError
from towpath.dataplane.core.store import DatasetStore
from towpath.dataplane.core.workspace import Workspace

COLUMNS = (Column(name="id", type=ColumnType.INTEGER),)
NOW = datetime.now(UTC)


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    folder = tmp_path / "task"
    folder.mkdir()
    return Workspace(store=DatasetStore(str(tmp_path / "store")), folder=folder)


def keep(work: Workspace, content: bytes = b"rows") -> DatasetPart:
    file = work.folder / "result.parquet"
    file.write_bytes(content)
    return work.keep(file, rows=4, columns=COLUMNS, partition="p1", origin="orders.csv")


def stored(work: Workspace, part: DatasetPart) -> Path:
    return Path(work.store.url) / part.uri


def test_what_is_kept_is_read_again(work: Workspace) -> None:
    """A part is a file below the task's folder, with the content that was kept."""
    part = keep(work)

    local = work.local(part)

    assert local.read_bytes() == b"rows"
    assert local.parent == work.folder
    assert (part.size_bytes, part.rows, part.origin) == (4, 4, "orders.csv")
    assert part.uri == f"{part.sha256[:2]}/{part.sha256}.parquet"


def test_same_content_is_kept_once(work: Workspace) -> None:
    """A retry that makes the same rows again finds them; nothing unfinished stays behind."""
    first, second = keep(work), keep(work)
    again = work.keep(work.local(first), rows=4, columns=COLUMNS, partition="p1", origin="orders.csv")

    assert first == second == again
    assert [path.name for path in Path(work.store.url).rglob("*") if path.is_file()] == [f"{first.sha256}.parquet"]


def test_altered_part_is_not_read(work: Workspace) -> None:
    """A part that is no longer what was kept is refused, and so is one that is gone."""
    part = keep(work)
    stored(work, part).write_bytes(b"ROWS")

    with pytest.raises(DatasetStoreError, match="altered") as altered:
        work.local(part)
    stored(work, part).unlink()
    with pytest.raises(DatasetStoreError, match="cleaned up") as gone:
        work.local(part)

    assert altered.value.code is gone.value.code is FailureCode.PIPELINE_STORE


def test_retention(work: Workspace) -> None:
    """Clean-up removes what was last kept before a moment, remains of killed tasks among it, and nothing else."""
    old, young = keep(work, b"old"), keep(work, b"young")
    remains = stored(work, old).with_name("x.parquet.1.unfinished")
    remains.write_bytes(b"half")
    month = (NOW - timedelta(days=30)).timestamp()
    for path in (stored(work, old), remains):
        os.utime(path, (month, month))

    assert work.store.forget(NOW - timedelta(days=14)) == (2, 7)

    assert not stored(work, old).exists()
    assert work.local(young).read_bytes() == b"young"


@pytest.mark.parametrize("folder", ["ab", "holds", "specifications/orders"])
def test_what_a_killed_task_left(work: Workspace, folder: str) -> None:
    """What is unfinished for a day goes, however long the retention is; what is being written now does not."""
    place = Path(work.store.url) / folder
    place.mkdir(parents=True)
    remains, young = place / "x.1.unfinished", place / "x.2.unfinished"
    for file in (remains, young):
        file.write_bytes(b"half")
    moment = (NOW - timedelta(hours=25)).timestamp()
    os.utime(remains, (moment, moment))

    assert work.store.forget(NOW - timedelta(days=14)) == (1, 4)

    assert list(place.iterdir()) == [young]


def test_part_in_use_again_is_not_forgotten(work: Workspace) -> None:
    """A part that a run made long ago and another one makes again today is today's."""
    part = keep(work)
    month = (NOW - timedelta(days=30)).timestamp()
    os.utime(stored(work, part), (month, month))
    keep(work)

    assert work.store.forget(NOW - timedelta(days=14)) == (0, 0)


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix"])
def test_address_that_is_none(url: str) -> None:
    """A bucket has a name."""
    with pytest.raises(DatasetStoreError, match="s3://bucket/prefix"):
        DatasetStore(url)


def test_connections_by_name(work: Workspace) -> None:
    """A connection that is not set is named, and so are those that are; their secrets are not."""
    http = HttpConnection.model_validate({"base_url": "https://api.example", "headers": {"authorization": "s3cret"}})
    connected = Workspace(store=work.store, folder=work.folder, connections={"shop": http})

    assert connected.connection("shop", HttpConnection) is http
    with pytest.raises(ConnectionNameError, match=r"'shopp' is not set for this kind of use \(set: shop\)"):
        connected.connection("shopp", HttpConnection)
    with pytest.raises(ConnectionNameError, match="set: none"):
        connected.connection("shop", S3Connection)
    assert "s3cret" not in repr(connected)
