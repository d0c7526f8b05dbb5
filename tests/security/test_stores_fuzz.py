"""Any course of keeping, reading and spoiling: what a store gives is what was kept, or an error of its own words."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.converter import StorageDriverClaim, StorageDriverRetrieveContext, StorageDriverStoreContext

from towpath.contracts.incident.incident import IncidentRecord
from towpath.integrations.observe.incident_archive import IncidentArchive
from towpath.integrations.storage.artefacts import ArtefactStore, ArtefactStoreError
from towpath.integrations.storage.payloads import PayloadStore, PayloadStoreError

AT = datetime(2026, 3, 1, tzinfo=UTC)
CONTENTS = [b"", b"a", b"b" * 5_000, b'{"a": 1}']
SPOIL = ("cut", "other", "bit", "gone", "link", "folder", "pipe")
STEPS = st.lists(
    st.tuples(st.sampled_from(["keep", "read", *SPOIL]), st.integers(0, len(CONTENTS) - 1)), min_size=1, max_size=25
)


def spoil(path: Path, how: str) -> None:
    """Do to a file what somebody else may; its old time stays."""
    if not path.exists() or path.is_symlink() or not path.is_file():
        return
    kept, before = path.read_bytes(), path.stat()
    path.unlink()
    if how == "cut":
        path.write_bytes(kept[: len(kept) // 2])
    elif how == "other":
        path.write_bytes(b"of somebody else")
    elif how == "bit":
        path.write_bytes(bytes([kept[0] ^ 1]) + kept[1:] if kept else b"x")
    elif how == "link":
        path.symlink_to("/etc/hostname")
    elif how == "folder":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)
    if path.is_file() and not path.is_symlink():
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def play(root: Path, steps: list[tuple[str, int]], keep: Callable[[int], object], read: Callable[[int], bool]) -> None:
    """`read` is whether the content came back; it raises nothing when it is told in the store's own words."""
    whole: set[int] = set()
    for how, number in steps:
        if how == "keep":
            keep(number)
            whole.add(number)
            assert read(number), "what was just kept is not there"
        elif how == "read":
            assert read(number) or number not in whole
        else:
            for path in sorted(path for path in root.rglob("*") if path.is_file()):
                spoil(path, how)
            whole.clear()


@given(steps=STEPS)
@settings(max_examples=60, deadline=None)
def test_artefacts(steps: list[tuple[str, int]]) -> None:
    """By their digests."""
    with TemporaryDirectory() as named:
        store = ArtefactStore(named)
        known = [asyncio.run(store.keep(content)) for content in CONTENTS]

        def read(number: int) -> bool:
            try:
                found = asyncio.run(store.read(known[number]))
            except ArtefactStoreError:
                return False
            assert found == CONTENTS[number]
            return True

        play(Path(named), steps, lambda number: asyncio.run(store.keep(CONTENTS[number])), read)


@given(steps=STEPS)
@settings(max_examples=60, deadline=None)
def test_payloads(steps: list[tuple[str, int]]) -> None:
    """By what a history says of them."""
    with TemporaryDirectory() as named:
        store = PayloadStore(named)
        payloads = [Payload(data=content) for content in CONTENTS]

        def keep(number: int) -> list[StorageDriverClaim]:
            return asyncio.run(store.store(StorageDriverStoreContext(), [payloads[number]]))

        claims = [keep(number)[0] for number in range(len(CONTENTS))]

        def read(number: int) -> bool:
            try:
                found = asyncio.run(store.retrieve(StorageDriverRetrieveContext(), [claims[number]]))
            except PayloadStoreError:
                return False
            assert found == [payloads[number]]
            return True

        play(Path(named), steps, keep, read)


@given(steps=STEPS)
@settings(max_examples=40, deadline=None)
def test_archive(steps: list[tuple[str, int]]) -> None:
    """A record that is spoiled is passed over, and there again when its incident is archived again."""
    records = [
        IncidentRecord(
            incident_id=f"incident-response/abc/run-{number}",
            fingerprint="f" * 32,
            service="checkout",
            at=AT + timedelta(minutes=number),
            ended_at=AT + timedelta(hours=1),
            level=4,
            summary=f"summary {number}",
        )
        for number in range(len(CONTENTS))
    ]
    with TemporaryDirectory() as named:

        def read(number: int) -> bool:
            found = asyncio.run(IncidentArchive(named).records())
            assert all(record in records for record in found)
            return records[number] in found

        play(Path(named), steps, lambda number: asyncio.run(IncidentArchive(named).keep(records[number])), read)


@pytest.mark.parametrize("name", ["../secret", "a/../../b", "/etc/passwd", "x" * 64, "", "\0", "A" * 64])
def test_no_reference_leads_elsewhere(name: str, tmp_path: Path) -> None:
    """A digest of a payload from outside is none."""
    claim = StorageDriverClaim(claim_data={"key": name, "sha256": name})
    with pytest.raises(PayloadStoreError):
        asyncio.run(PayloadStore(str(tmp_path)).retrieve(StorageDriverRetrieveContext(), [claim]))
