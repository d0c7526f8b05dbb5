"""A file that somebody put into a store stopped whoever kept or read that content, for ever, or was taken for it."""

import asyncio
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import obstore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.seaweed import s3_server
from towpath.contracts.incident.incident import IncidentRecord
from towpath.contracts.pipeline.retention import FindSpecification, ForgetTask, HoldTask, KeepSpecification
from towpath.contracts.pipeline.transformation import FrozenSpecification
from towpath.dataplane.core.connections import S3Connection
from towpath.dataplane.core.errors import DatasetStoreError
from towpath.dataplane.core.objects import open_bucket
from towpath.dataplane.core.retention import find_specification, forget_datasets, hold_datasets, keep_specification
from towpath.dataplane.core.store import DatasetStore
from towpath.dataplane.core.workspace import Workspace
from towpath.integrations.observe.incident_archive import IncidentArchive
from towpath.integrations.storage.artefacts import ArtefactStoreError, ContentStore

CONTENT, OTHER = b"what was kept" * 50, b"what was kepT" * 50
AT = datetime(2026, 11, 1, tzinfo=UTC)


def cut(path: Path) -> None:
    path.write_bytes(CONTENT[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def swapped(path: Path) -> None:
    path.write_bytes(OTHER)


def linked(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


def linked_to_the_same(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def linked_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "nothing")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def full_folder(path: Path) -> None:
    folder(path)
    (path / "inner").write_text("whose?")


def gone(path: Path) -> None:
    path.unlink()


def backdated(path: Path) -> None:
    """The same length and the old times: only its content tells."""
    known = path.stat()
    with path.open("r+b") as opened:
        opened.write(OTHER)
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))


HEALED = (cut, empty, swapped, linked, linked_to_the_same, linked_to_nothing, folder, pipe, gone, backdated)
Plant = Callable[[Path], None]


def record(number: int = 1) -> IncidentRecord:
    return IncidentRecord(
        incident_id=f"incident-response/abc/run-{number}",
        fingerprint="f" * 32,
        service="checkout",
        at=AT,
        ended_at=AT + timedelta(minutes=9),
        level=4,
        summary=f"connections to database {number} were refused",
    )


def keep_part(store: DatasetStore, task: Path, content: bytes = CONTENT) -> tuple[str, str]:
    (task / "new.parquet").write_bytes(content)
    name, digest, _ = store.put(task / "new.parquet")
    return name, digest


@pytest.mark.parametrize("plant", HEALED)
def test_contents_heal(plant: Plant, tmp_path: Path) -> None:
    """Payloads and artefacts: what is planted is refused in words, and the next keeper of the content mends it."""
    store = ContentStore(str(tmp_path))
    digest = store.put(CONTENT)
    plant(tmp_path / digest[:2] / digest)

    with pytest.raises(ArtefactStoreError, match=digest):
        store.get(digest)
    assert store.put(CONTENT) == digest
    assert store.get(digest) == CONTENT
    assert not (tmp_path / digest[:2] / digest).is_symlink()


@pytest.mark.parametrize("plant", HEALED)
def test_datasets_heal(plant: Plant, tmp_path: Path) -> None:
    """The same of a part, also in the process that kept and read it before."""
    store, tasks = DatasetStore(str(tmp_path / "store")), [tmp_path / name for name in ("first", "second", "third")]
    for task in tasks:
        task.mkdir()
    name, digest = keep_part(store, tasks[0])
    assert store.read(name, digest, tasks[0]).read_bytes() == CONTENT
    (tasks[0] / f"{digest}.parquet").unlink()
    plant(tmp_path / "store" / name)

    with pytest.raises(DatasetStoreError, match=name):
        store.read(name, digest, tasks[1])
    keep_part(store, tasks[1])
    assert store.read(name, digest, tasks[2]).read_bytes() == CONTENT


def test_a_folder_with_something_in_it_is_told(tmp_path: Path) -> None:
    """Nothing of somebody else's is removed: keeping says what lies there, and goes on when it is gone."""
    contents, datasets = ContentStore(str(tmp_path / "contents")), DatasetStore(str(tmp_path / "datasets"))
    digest, (name, _) = contents.put(CONTENT), keep_part(datasets, tmp_path)
    places = (tmp_path / "contents" / digest[:2] / digest, tmp_path / "datasets" / name)
    for place in places:
        full_folder(place)

    with pytest.raises(ArtefactStoreError, match="there is a folder in place of a file; move it away"):
        contents.put(CONTENT)
    with pytest.raises(DatasetStoreError, match="there is a folder in place of a file; move it away"):
        keep_part(datasets, tmp_path)
    for place in places:
        place.rename(tmp_path / f"away-{place.name}")
    assert contents.get(contents.put(CONTENT)) == CONTENT
    assert keep_part(datasets, tmp_path)[0] == name


def test_only_digests_are_read(tmp_path: Path) -> None:
    """A reference comes from a payload, and is no path."""
    (tmp_path / "secret.env").write_text("secret")
    with pytest.raises(ArtefactStoreError, match="is no digest"):
        ContentStore(str(tmp_path / "store")).get("../secret.env")


@given(data=st.data(), content=st.binary(max_size=2_000))
@settings(max_examples=60, deadline=None)
def test_whatever_is_planted(data: st.DataObject, content: bytes) -> None:
    """Any bytes in place of any content: never taken for it, and gone once the content is kept again."""
    planted = data.draw(st.binary(max_size=2_000) | st.integers(0, len(content)).map(lambda size: content[:size]))
    with TemporaryDirectory() as named:
        root = Path(named)
        contents, datasets = ContentStore(str(root / "contents")), DatasetStore(str(root / "datasets"))
        digest, (name, _) = contents.put(content), keep_part(datasets, root, content)
        (root / "contents" / digest[:2] / digest).write_bytes(planted)
        (root / "datasets" / name).write_bytes(planted)
        (root / "reading").mkdir()

        with suppress(ArtefactStoreError):
            assert contents.get(digest) == content
        with suppress(DatasetStoreError):
            assert datasets.read(name, digest, root / "reading").read_bytes() == content
            (root / "reading" / f"{digest}.parquet").unlink()
        contents.put(content)
        keep_part(datasets, root, content)
        assert contents.get(digest) == content
        assert datasets.read(name, digest, root / "reading").read_bytes() == content


def test_specifications_and_holds_heal(tmp_path: Path) -> None:
    """A frozen specification that is cut, or is another's, is frozen anew; a hold that is cut stops all clean-up."""
    specification = FrozenSpecification.model_validate(
        {
            "digest": "d",
            "specification": {"source": "orders"},
            "source_schema": "s",
            "target_schema": "t",
            "origin": "written",
        }
    )
    work = Workspace(store=DatasetStore(str(tmp_path / "store")), folder=tmp_path)
    wanted = FindSpecification(pipeline="orders", source_schema="s", target_schema="t")
    other = specification.model_copy(update={"source_schema": "other"})
    file = tmp_path / "store/specifications/orders/s-t.json"
    for planted in (b"", b'{"digest": "d"', other.model_dump_json().encode()):
        keep_specification(KeepSpecification(pipeline="orders", frozen=specification), work)
        file.write_bytes(planted)
        assert find_specification(wanted, work).frozen is None
        kept = keep_specification(KeepSpecification(pipeline="orders", frozen=specification), work)
        assert kept.frozen == find_specification(wanted, work).frozen == specification

    hold = HoldTask(run="r", until=AT, uris=("aa/a.parquet",))
    hold_datasets(hold, work)
    (held,) = (tmp_path / "store/holds").iterdir()
    held.write_bytes(b"{")
    with pytest.raises(DatasetStoreError, match=f"hold holds/{held.name} in the dataset store is not what was kept"):
        forget_datasets(ForgetTask(before=AT), work)
    hold_datasets(hold, work)
    assert forget_datasets(ForgetTask(before=AT), work).files == 0


async def test_the_archive_tells_what_was_altered(tmp_path: Path) -> None:
    """A record with other words, another's name, or a link is passed over, until the incident is archived again."""
    for number in (1, 2, 3):
        await IncidentArchive(str(tmp_path)).keep(record(number))
    first, second, third = sorted((tmp_path / "incidents").iterdir())
    first.write_text(first.read_text().replace("database 1", "database 9"))
    second.write_bytes(third.read_bytes())
    linked_to_the_same(third)
    archive = IncidentArchive(str(tmp_path))
    (tmp_path / "incidents" / "20261101T000000-planted.json").mkdir()

    assert await archive.records() == []
    for number in (1, 2, 3):
        await archive.keep(record(number))
    assert list(await archive.records()) == [record(1), record(2), record(3)]


async def test_records_of_earlier_versions_are_read(tmp_path: Path) -> None:
    """They have no digest, but a name that must be theirs."""
    (tmp_path / "incidents").mkdir()
    text = record().model_dump_json()
    (tmp_path / "incidents" / "20261101T000000-incident-response-abc-run-1.json").write_text(text)
    (tmp_path / "incidents" / "20261101T000000-incident-response-abc-run-2.json").write_text(text)

    assert list(await IncidentArchive(str(tmp_path)).records()) == [record()]


def test_files_are_for_their_owner(tmp_path: Path) -> None:
    """0600 in folders of 0700, whatever the umask lets through; a folder that was there keeps its mode."""
    before = os.umask(0)
    try:
        ContentStore(str(tmp_path / "a" / "contents")).put(CONTENT)
        asyncio.run(IncidentArchive(str(tmp_path / "a" / "contents")).keep(record()))
        keep_part(DatasetStore(str(tmp_path / "b" / "datasets")), tmp_path)
        DatasetStore(str(tmp_path / "b" / "datasets")).put_first("holds/a.json", b"{}")
    finally:
        os.umask(before)
    made = [path for path in tmp_path.rglob("*") if path != tmp_path / "new.parquet"]
    modes = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in made}
    assert modes == {(True, 0o700), (False, 0o600)}


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Connection]:
    with s3_server() as connection:
        yield connection


@pytest.mark.parametrize("planted", [b"", CONTENT[:-1], OTHER], ids=["empty", "cut", "swapped"])
def test_a_bucket_heals(s3: S3Connection, planted: bytes, tmp_path: Path) -> None:
    """A part in a bucket is compared when it is read, and written over when it is kept again."""
    store, bucket = DatasetStore("s3://test/heal", s3), open_bucket("test", s3)
    name, digest = keep_part(store, tmp_path)
    obstore.put(bucket, f"heal/{name}", planted)

    with pytest.raises(DatasetStoreError, match="was altered"):
        store.read(name, digest, tmp_path)
    keep_part(store, tmp_path)
    assert store.read(name, digest, tmp_path).read_bytes() == CONTENT
    assert store.put_first("holds/a.json", b"first") == store.put_first("holds/a.json", b"second")
