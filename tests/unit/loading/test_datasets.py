"""Parquet datasets: a load becomes current as a whole, replaced files go after a while, folders and S3 behave alike."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from tests.fakes.seaweed import s3_server
from tests.unit.loading.world import World, row
from towpath.contracts.pipeline.loading import CleanDestination, DestinationCleaned, Strategy
from towpath.contracts.pipeline.stages import Watermark
from towpath.dataplane.core.connections import S3Connection
from towpath.dataplane.core.errors import DestinationError, LoadError
from towpath.dataplane.load.folder import Folder
from towpath.dataplane.load.parts import clean_destination, load_part


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Connection]:
    with s3_server() as connection:
        yield connection


@pytest.fixture(params=["folder", "s3"])
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """A dataset in each kind of place in turn."""
    world = World("parquet", tmp_path, "postgresql://nowhere")
    if request.param == "s3":
        world.s3 = request.getfixturevalue("s3")
        world.bucket = f"s3://datasets/{uuid4().hex}/orders"
    return world


def names(folder: Folder) -> set[str]:
    return {name for name, _ in folder.old(datetime.now(UTC) + timedelta(days=1))}


def cleaned(world: World, before: datetime) -> DestinationCleaned:
    return clean_destination(CleanDestination(destination=world.destination(), before=before), world.work())


@pytest.mark.parametrize("strategy", ["append", "upsert", "delete_insert", "scd2"])
def test_load_becomes_current_at_once(dataset: World, strategy: Strategy) -> None:
    """Readers see the load before until the last part is in, and then all of the new one."""
    dataset.strategy = strategy
    dataset.load([row(1), row(2)], watermark="1")
    first = dataset.request(dataset.part([row(2, "b", hours=1), row(3)]), "second", 1, 2)
    second = dataset.request(dataset.part([row(4)]), "second", 2, 2, watermark="2")

    load_part(first, dataset.work())
    assert dataset.read("id", "name") == [(1, "a"), (2, "a")]
    assert dataset.watermark() == Watermark(value="1", rows=(2,))

    done = load_part(second, dataset.work())
    rows = dataset.read("id", "name")
    assert {(2, "b"), (3, "a"), (4, "a")} <= set(rows)
    assert dataset.watermark() == Watermark(value="2", rows=(2, 3))
    assert done.inserted + done.updated == (4 if strategy == "scd2" else 3)
    assert (load_part(first, dataset.work()).skipped, load_part(second, dataset.work()).skipped) == (True, True)
    assert dataset.read("id", "name") == rows


def test_loads_side_by_side(dataset: World) -> None:
    """Two loads that end at the same time are both in: whoever comes second merges with what the first left."""
    requests = [
        dataset.request(dataset.part([row(number), row(100, f"from {number}", hours=number)]), f"run-{number}")
        for number in range(1, 4)
    ]

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(load_part, requests, [dataset.work() for _ in requests]))

    assert not any(one.skipped for one in done)
    assert dataset.read("id", "name") == sorted([(1, "a"), (2, "a"), (3, "a"), (100, "from 3")], key=repr)


def test_untouched_buckets_stay(dataset: World) -> None:
    """A load writes the buckets anew that it has rows for, and no others; the same rows write none."""
    dataset.load([row(number) for number in range(100)])
    before = {file.bucket: file.name for file in dataset.manifest().files}
    dataset.load([row(7, "b", hours=1)])
    after = {file.bucket: file.name for file in dataset.manifest().files}
    dataset.load([row(7, "b", hours=1), row(8)])

    assert len(before) == 4
    assert len([bucket for bucket in before if before[bucket] != after[bucket]]) == 1
    assert after == {file.bucket: file.name for file in dataset.manifest().files}


def test_replaced_files_are_removed_later(dataset: World) -> None:
    """What the manifest stopped naming stays for readers that are under way, until its time is over."""
    dataset.load([row(1)])
    dataset.load([row(1, "b", hours=1)])
    kept = {file.name for file in dataset.manifest().files}

    assert cleaned(dataset, datetime.now(UTC) - timedelta(days=1)) == DestinationCleaned()
    found = cleaned(dataset, datetime.now(UTC) + timedelta(days=1))

    assert found.files >= 2
    assert found.size_bytes > 0
    assert names(dataset.dataset()) == kept
    assert dataset.read("id", "name") == [(1, "b")]


def test_load_that_never_ended_is_given_up(dataset: World) -> None:
    """Parts of a load that was abandoned are removed with their load; the load can be started again."""
    dataset.load([row(1)])
    request = dataset.request(dataset.part([row(2)]), "abandoned", 1, 2)
    load_part(request, dataset.work())
    assert set(dataset.manifest().open) == {"orders/abandoned"}

    cleaned(dataset, datetime.now(UTC) + timedelta(days=1))

    assert dataset.manifest().open == {}
    assert names(dataset.dataset()) == {file.name for file in dataset.manifest().files}
    assert not load_part(request, dataset.work()).skipped


def test_partition_that_is_empty_now(dataset: World) -> None:
    """A bucket whose last row moved away has no file any more."""
    dataset.strategy, dataset.key = "delete_insert", ()
    dataset.load([row(1, day=1)])
    dataset.load([row(2, day=1)])

    assert dataset.read("id") == [(2,)]
    assert len(dataset.manifest().files) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": "append"}, "made with another strategy, key or partition column"),
        ({"key": ("id", "name")}, "made with another strategy, key or partition column"),
        ({"columns": 4}, "columns that the target lacks: updated_at"),
    ],
    ids=["strategy", "key", "columns"],
)
def test_dataset_of_another_kind(dataset: World, changes: dict[str, object], message: str) -> None:
    """A dataset stays what it was made as."""
    dataset.load([row(1)])
    if "columns" in changes:
        dataset.columns, dataset.newest_by = dataset.columns[:4], None
    else:
        for name, value in changes.items():
            setattr(dataset, name, value)

    with pytest.raises(LoadError, match=message):
        dataset.load([row(2)])


def test_manifest_of_something_else(tmp_path: Path) -> None:
    """A file of that name that is no manifest is not written over."""
    world = World("parquet", tmp_path, "postgresql://nowhere")
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "manifest.json").write_text("{}")

    with pytest.raises(LoadError, match=r"manifest\.json is not a manifest of this version"):
        world.load([row(1)])

    assert (tmp_path / "orders" / "manifest.json").read_text() == "{}"


def test_manifest_is_swapped_by_one(dataset: World) -> None:
    """Of two that replace the same manifest, one does."""
    dataset.load([row(1)])
    folder = dataset.dataset()
    found = folder.manifest()
    assert found is not None

    assert folder.swap(found[0] + b"\n", found[1])
    assert not folder.swap(found[0] + b"\n\n", found[1])
    assert not folder.swap(found[0], None)
    assert dataset.read("id") == [(1,)]


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A place that is no folder may be mended, and is tried again."""
    (tmp_path / "orders").write_text("a file")

    with pytest.raises(DestinationError, match="folder cannot be used") as raised:
        World("parquet", tmp_path, "postgresql://nowhere").load([row(1)])

    assert raised.value.retryable
