"""An object store that speaks S3, as the place of datasets and of sources."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import obstore
import pytest
from obstore.store import S3Store
from pydantic import ValidationError

from tests.fakes.seaweed import s3_server
from tests.unit.pipeline.reading import Reader, source
from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.dataplane.core.arrow import pa, parquet
from towpath.dataplane.core.connections import S3Connection
from towpath.dataplane.core.errors import (
    ConnectionNameError,
    DatasetStoreError,
    SourceChangedError,
    SourceError,
    SourceMissingError,
)
from towpath.dataplane.core.objects import open_bucket
from towpath.dataplane.core.store import DatasetStore
from towpath.dataplane.core.workspace import Workspace

COLUMNS = (Column(name="id", type=ColumnType.INTEGER),)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Connection]:
    with s3_server() as connection:
        yield connection


@dataclass(frozen=True)
class Corner:
    """A prefix of this test alone in the only bucket: the server keeps few buckets."""

    bucket: S3Store
    prefix: str

    @property
    def url(self) -> str:
        return f"s3://test/{self.prefix}"

    def put(self, key: str, content: bytes) -> None:
        obstore.put(self.bucket, f"{self.prefix}/{key}", content)


@pytest.fixture
def corner(s3: S3Connection, reader: Reader) -> Corner:
    reader.connections = {"lake": s3}
    return Corner(open_bucket("test", s3), uuid4().hex)


def test_store(s3: S3Connection, corner: Corner, tmp_path: Path) -> None:
    """Parts are kept under their digest, read into the task's folder, checked, and cleaned up by age."""
    work = Workspace(store=DatasetStore(f"{corner.url}/datasets/etl", s3), folder=tmp_path)
    (tmp_path / "new.parquet").write_bytes(b"rows" * 3_000_000)

    part = work.keep(tmp_path / "new.parquet", rows=1, columns=COLUMNS)

    kept = [one["path"] for chunk in obstore.list(corner.bucket, corner.prefix) for one in chunk]
    assert kept == [f"{corner.prefix}/datasets/etl/{part.uri}"]
    assert hashlib.sha256(work.local(part).read_bytes()).hexdigest() == part.sha256
    assert work.store.forget(datetime.now(UTC) - timedelta(days=1)) == (0, 0)
    assert work.store.forget(datetime.now(UTC) + timedelta(days=1)) == (1, 12_000_000)
    work.local(part).unlink()
    with pytest.raises(DatasetStoreError, match="cleaned up"):
        work.local(part)


def test_altered_object(s3: S3Connection, corner: Corner, tmp_path: Path) -> None:
    """An object that somebody wrote over is not read."""
    work = Workspace(store=DatasetStore(corner.url, s3), folder=tmp_path)
    (tmp_path / "new.parquet").write_bytes(b"rows")
    part = work.keep(tmp_path / "new.parquet", rows=1, columns=COLUMNS)
    corner.put(part.uri, b"ROWS")

    with pytest.raises(DatasetStoreError, match="altered"):
        work.local(part)


def test_csv(reader: Reader, corner: Corner) -> None:
    """Objects below a prefix are listed by pattern, cut by ranges of bytes, and read range by range."""
    for day in ("01", "02"):
        content = "id,text\n" + "".join(f'{day}{number},"a,\n{number}"\n' for number in range(20_000))
        corner.put(f"orders/{day}/part.csv", content.encode())
    corner.put("orders/readme.txt", b"not a row")
    orders = source(
        type="csv",
        path=f"{corner.url}/orders/*/*.csv",
        connection="lake",
        partition={"by": "file", "size_bytes": 100_000},
    )

    found = reader.read(orders)

    assert len(found.planned.partitions) > 4
    assert len(found.rows) == len({row["id"] for row in found.rows}) == 40_000
    assert found.bad == []
    assert found.extracted[0].part is not None
    assert found.extracted[0].part.origin == f"{corner.url}/orders/01/part.csv"


def test_parquet(reader: Reader, corner: Corner, tmp_path: Path) -> None:
    """Of a Parquet object only the row groups of the partition are fetched."""
    parquet.write_table(pa.table({"id": range(10_000)}), tmp_path / "a.parquet", row_group_size=1_000)
    corner.put("a.parquet", (tmp_path / "a.parquet").read_bytes())
    orders = source(
        type="parquet", path=f"{corner.url}/a.parquet", connection="lake", partition={"by": "file", "size_bytes": 5_000}
    )

    found = reader.read(orders)

    assert len(found.planned.partitions) > 1
    assert [row["id"] for row in found.rows] == list(range(10_000))


def test_object_that_changes_or_goes(reader: Reader, corner: Corner) -> None:
    """An object that is not the planned one any more is not read."""
    corner.put("a.csv", b"id\n1\n")
    orders = source(type="csv", path=f"{corner.url}/a.csv", connection="lake")
    planned = reader.plan(orders)
    corner.put("a.csv", b"id\n2\n")

    with pytest.raises(SourceChangedError):
        reader.extract(orders, planned, planned.partitions[0])
    obstore.delete(corner.bucket, f"{corner.prefix}/a.csv")
    with pytest.raises(SourceMissingError):
        reader.extract(orders, planned, planned.partitions[0])


def test_missing_bucket(reader: Reader, corner: Corner) -> None:
    """A bucket that is not there is told as that, and not tried again."""
    del corner

    with pytest.raises(SourceMissingError, match="bucket nowhere cannot be listed: it is not there"):
        reader.plan(source(type="csv", path="s3://nowhere/*.csv", connection="lake"))


def test_no_connection(reader: Reader, corner: Corner) -> None:
    """Keys are looked for nowhere: a bucket without a connection is refused, and says where to name one."""
    with pytest.raises(ConnectionNameError, match="name one of type s3"):
        reader.plan(source(type="csv", path=f"{corner.url}/*.csv"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param({}, "access_key and secret_key are wanted", id="nothing"),
        pytest.param({"access_key": "k"}, "access_key and secret_key are wanted", id="half"),
        pytest.param({"access_key": "k", "secret_key": "s", "anonymous": True}, "anonymous goes without", id="both"),
    ],
)
def test_connection_that_is_not_whole(given: dict[str, Any], told: str) -> None:
    """It carries all that it takes, or says that nothing is needed."""
    with pytest.raises(ValidationError, match=told):
        S3Connection.model_validate(given)


def test_public_bucket(reader: Reader, s3: S3Connection, corner: Corner) -> None:
    """Without keys requests are not signed: a server that wants them refuses, and one that does not answers."""
    corner.put("a.csv", b"id\n1\n")
    reader.connections = {"lake": S3Connection(endpoint=s3.endpoint, anonymous=True)}

    with pytest.raises(SourceError, match="not allowed") as caught:
        reader.plan(source(type="csv", path=f"{corner.url}/a.csv", connection="lake"))

    assert not caught.value.retryable


def test_wrong_key(reader: Reader, s3: S3Connection, corner: Corner) -> None:
    """A refused key is final, and is not told."""
    wrong = S3Connection.model_validate({"endpoint": s3.endpoint, "access_key": "test-key", "secret_key": "hunter2"})
    reader.connections = {"lake": wrong}

    with pytest.raises(SourceError) as caught:
        reader.plan(source(type="csv", path=f"{corner.url}/*.csv", connection="lake"))

    assert not caught.value.retryable
    assert "hunter2" not in str(caught.value)
