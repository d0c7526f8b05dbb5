"""The store of large payloads: written once, checked when read, and clear about what is missing."""

from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import StorageDriverRetrieveContext, StorageDriverStoreContext

from towpath.integrations.storage.payloads import PayloadStore, PayloadStoreError

PAYLOAD = Payload(metadata={"encoding": b"json/plain"}, data=b'"' + b"x" * 200_000 + b'"')
WRITING, READING = StorageDriverStoreContext(target=None), StorageDriverRetrieveContext()


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_the_same_payload_is_kept_once(tmp_path: Path) -> None:
    """Replays store again: the reference stays the same, and so does the file."""
    store = PayloadStore(str(tmp_path / "kept"))
    first, second = await store.store(WRITING, [PAYLOAD]), await store.store(WRITING, [PAYLOAD])

    assert first == second and len(files_in(tmp_path)) == 1
    assert await store.retrieve(READING, first) == [PAYLOAD]


async def test_what_cannot_be_trusted_is_refused(tmp_path: Path) -> None:
    """An altered file and a missing one are errors that say which, and what to mend."""
    store = PayloadStore(str(tmp_path))
    claims = await store.store(WRITING, [PAYLOAD])
    (file,) = files_in(tmp_path)
    file.write_bytes(b"altered")
    with pytest.raises(PayloadStoreError, match="was altered"):
        await store.retrieve(READING, claims)
    file.unlink()
    with pytest.raises(PayloadStoreError, match="must share TOWPATH_PAYLOAD_STORE"):
        await store.retrieve(READING, claims)


async def test_other_places(tmp_path: Path) -> None:
    """A folder may be written as an address; one of an unknown kind is refused with its name."""
    store = PayloadStore(f"file://{tmp_path}/payloads")
    store.check()
    assert await store.retrieve(READING, await store.store(WRITING, [PAYLOAD])) == [PAYLOAD]
    assert len(files_in(tmp_path / "payloads")) == 2
    with pytest.raises(PayloadStoreError, match="nowhere://"):
        PayloadStore("nowhere://bucket")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PayloadStoreError, match="cannot be written"):
        PayloadStore(str(tmp_path / "file")).check()
