"""Stores of contents: a file is whole or not there, and what killed writers left goes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from towpath.blobs.folder import ABANDONED
from towpath.integrations.storage.artefacts import (
    ArtefactStore,
    ArtefactStoreError,
    ContentStore,
)
from towpath.integrations.storage.payloads import PayloadStore

DIES = """
import os, pathlib, signal, sys
from towpath import private

os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
private.write(pathlib.Path(sys.argv[1]), b"half")
"""


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def killed_writer(path: Path) -> Path:
    """What a writer left that was killed before its file had its name."""
    before = files_in(path.parent)
    subprocess.run([sys.executable, "-c", DIES, str(path)], check=False)
    (left,) = files_in(path.parent) - before
    return left


@pytest.mark.parametrize("kind", [ContentStore, ArtefactStore, PayloadStore])
def test_what_a_killed_writer_left_goes_after_a_day(kind: type[ContentStore], tmp_path: Path) -> None:
    """What is younger may still be written; what was kept stays, however old it is."""
    contents = ContentStore(str(tmp_path))
    kept = tmp_path / "aa" / ("a" * 64)
    old, young = killed_writer(kept), killed_writer(kept)
    digest = contents.put(b"kept")
    long_ago = time.time() - ABANDONED.total_seconds() - 60
    archived = tmp_path / "incidents" / "20261101T120000-incident.json"
    archived.parent.mkdir()
    archived.write_text("{}")
    left = killed_writer(archived)
    for path in (old, left, archived, tmp_path / digest[:2] / digest):
        os.utime(path, (long_ago, long_ago))

    assert kind(str(tmp_path)).clean() == 2
    assert files_in(tmp_path) == {young, archived, tmp_path / digest[:2] / digest}
    assert contents.get(digest) == b"kept"
    assert kind(str(tmp_path)).clean() == 0


def test_a_write_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A full disk does not fill further: the unfinished file is taken away at once."""

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArtefactStoreError, match="no space"):
        ContentStore(str(tmp_path)).put(b"content")

    assert files_in(tmp_path) == set()


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    """The error names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtefactStoreError, match="cannot be written"):
        ContentStore(str(tmp_path / "file")).put(b"x")
