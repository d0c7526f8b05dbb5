"""Whatever a path is made of, nothing outside of its root is opened or made: held against two oracles."""

import ctypes
import os
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.security.test_paths import state
from towpath.config.roots import roots_of
from towpath.config.settings import ClientSettings, SettingsError
from towpath.private import NotAFileError
from towpath.roots import PathRefusedError, Root, Roots, StoreNameError, inside, root_of, store_name

OPENAT2, AT_BENEATH, AT_NO_LINKS = 437, 0x08 | 0x02, 0x04
SECRET, GOOD = b"secret", b"good"
NAMES = ["a", "b", "Sub", "link", "loop", "out", "out.csv", ".env", "..", ".", "", "é", "é", "x" * 300, "a\0b", "~"]
ODD = ["%2e%2e", "..%2f", "%00", "file:", "/", "\\", "\u202e", "\ud800", "*", "?", "[a]", "%Y", "‥", "．．"]
PARTS = st.one_of(st.sampled_from([*NAMES, *ODD]), st.text(max_size=6))
PATHS = st.lists(PARTS, max_size=7).map("/".join)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A root with links of each kind, and what is outside of it."""
    root, out = tmp_path / "root", tmp_path / "out"
    (root / "a" / "Sub").mkdir(parents=True)
    (root / "b").mkdir()
    out.mkdir()
    for folder in (root, root / "a", root / "a" / "Sub", root / "b"):
        (folder / "x.csv").write_bytes(GOOD)
        (folder / ".env").write_bytes(SECRET)
    for folder in (out, tmp_path):
        (folder / "x.csv").write_bytes(SECRET)
        (folder / "out.csv").write_bytes(SECRET)
    (root / "b" / "link").symlink_to(root / "a")
    (root / "a" / "link").symlink_to("../b")
    (root / "loop").symlink_to("loop")
    (root / "out").symlink_to(out)
    (root / "a" / "out").symlink_to("../../out")
    (root / "b" / "out").symlink_to("/")
    (root / "out.csv").symlink_to(out / "out.csv")
    (root / "a" / "out.csv").symlink_to("../../out/out.csv")
    return root


def beneath(root: Path, inner: Path) -> int | None:
    """The inode of a file as the kernel finds it, which leaves the root by nothing; None where it has no openat2."""
    if not sys.platform.startswith("linux"):
        return None
    how = ctypes.create_string_buffer(struct.pack("QQQ", os.O_RDONLY | os.O_CLOEXEC, 0, AT_BENEATH | AT_NO_LINKS))
    folder = os.open(root, os.O_RDONLY)
    try:
        found = ctypes.CDLL(None, use_errno=True).syscall(OPENAT2, folder, os.fsencode(inner), how, 24)
    finally:
        os.close(folder)
    if found < 0:
        return None if ctypes.get_errno() == 38 else -1
    inode = os.fstat(found).st_ino
    os.close(found)
    return inode


def refused_or_missing(do: Callable[[], object]) -> None:
    with suppress(PathRefusedError, OSError):
        do()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=600)
@given(path=PATHS, is_whole=st.booleans())
def test_nothing_outside_is_opened(path: str, is_whole: bool, tree: Path) -> None:
    """Oracles: `realpath` with `commonpath`, and openat2 with RESOLVE_BENEATH where the kernel has it."""
    root = root_of("TEST", [tree])
    written = f"{tree}/{path}" if is_whole else path
    before = Path.cwd()
    os.chdir(tree)
    try:
        with root.open(written) as opened:
            content, inode = opened.read(), os.fstat(opened.fileno()).st_ino
        real = os.path.realpath(written)
    except (PathRefusedError, OSError):
        return
    finally:
        os.chdir(before)
    assert content == GOOD
    assert os.path.commonpath([real, os.path.realpath(tree)]) == os.path.realpath(tree)
    assert beneath(tree, Path(real).relative_to(os.path.realpath(tree))) in {None, inode}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(pattern=PATHS)
def test_nothing_outside_is_found(pattern: str, tree: Path) -> None:
    """By a pattern: each file that it finds is below the root, links followed."""
    root = root_of("TEST", [tree])
    try:
        found = root.matching(f"{tree}/{pattern}")
    except (PathRefusedError, OSError, ValueError):
        return
    for path in found:
        real = os.path.realpath(path)
        assert os.path.commonpath([real, os.path.realpath(tree)]) == os.path.realpath(tree)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(path=PATHS)
def test_nothing_outside_is_made(path: str, tree: Path) -> None:
    """Files that are added to, locks and folders: what is outside stays as it was."""
    root = root_of("TEST", [tree])
    outside = {name: kept for name, kept in state(tree.parent).items() if not name.startswith(f"{tree}/")}
    folders = sorted((tree.parent / "out").iterdir())

    def add() -> None:
        with root.open_append(f"{tree}/{path}/new") as opened:
            opened.write(b"x")

    for do in (add, lambda: root.make_folder(f"{tree}/{path}"), lambda: os.close(root.open_lock(f"{tree}/{path}.l"))):
        refused_or_missing(do)
    assert outside.items() <= state(tree.parent).items()
    assert sorted((tree.parent / "out").iterdir()) == folders


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(name=PATHS)
def test_a_name_in_a_store_leads_nowhere_else(name: str, tree: Path) -> None:
    """A name that passes lies in the folder of the store, and no link is on the way."""
    try:
        path = inside(tree, name)
    except StoreNameError:
        return
    assert store_name(name) == name
    assert os.path.realpath(path.parent) == str(Path(os.path.realpath(tree)) / Path(name).parent)


def test_a_link_that_comes_later_is_not_followed(tree: Path) -> None:
    """What was a folder when the path was resolved is opened as one, or not at all."""

    class Swapping(Root):
        """Between looking and opening, somebody puts a link in place of a folder."""

        def _place(self, path: str | Path) -> tuple[Path, Path]:
            found = super()._place(path)
            (tree / "a").rename(tree / "was")
            (tree / "a").symlink_to(tree.parent / "out")
            return found

    swapping = Swapping("TEST", (Path(os.path.realpath(tree)),))
    with pytest.raises(OSError, match=r"link|directory"):
        swapping.open(tree / "a" / "x.csv")


def test_a_link_as_the_last_name_is_not_followed(tree: Path) -> None:
    """The same for the file itself."""

    class Swapping(Root):
        def _place(self, path: str | Path) -> tuple[Path, Path]:
            found = super()._place(path)
            (tree / "x.csv").unlink()
            (tree / "x.csv").symlink_to(tree.parent / "out.csv")
            return found

    swapping = Swapping("TEST", (Path(os.path.realpath(tree)),))
    with pytest.raises(NotAFileError):
        swapping.open(tree / "x.csv")


@pytest.mark.parametrize("path", ["artefacts", "Artefacts", "ARTEFACTS/a", "artefacts/../artefacts/a"])
def test_a_place_of_our_own_is_shut(path: str, tree: Path) -> None:
    """Whatever the case: there are file systems that do not tell them apart."""
    (tree / "artefacts").mkdir()
    root = root_of("TEST", [tree], [tree / "artefacts"])
    with pytest.raises(PathRefusedError):
        root.resolve(tree / path)


def test_settings_narrow_the_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are named alone count, and stores and keys are shut in them; production has no temporary files."""
    monkeypatch.chdir(tmp_path)
    outside = tmp_path.parent / "elsewhere.csv"
    for name in ("data", "definitions", "keep", "other"):
        (tmp_path / name).mkdir()
    local = roots_of(ClientSettings(profile="local"))
    production = roots_of(ClientSettings(profile="production"))
    given = ClientSettings(
        source_roots="data",
        destination_roots=" data , keep",
        file_roots="keep",
        artefact_store="data/kept",
        decision_key_file=Path("data/key"),
    )
    named = roots_of(given)
    assert allowed(local, "sources", "other/a", "definitions/a", str(outside)) == [True, True, True]
    assert allowed(production, "sources", "other/a", "definitions/a", str(outside)) == [False, True, False]
    assert allowed(named, "sources", "data/a", "keep/a", "data/kept/a", "data/key") == [True, False, False, False]
    assert allowed(named, "destinations", "data/a", "keep/a", "other/a") == [True, True, False]
    assert allowed(named, "files", "keep/a", "data/a", "/etc/passwd") == [True, False, False]
    for wrong in ("", ",", "a/../b"):
        with pytest.raises(SettingsError, match="SOURCE_ROOTS"):
            roots_of(ClientSettings(source_roots=wrong))


def allowed(roots: Roots, name: str, *paths: str) -> list[bool]:
    root: Root = getattr(roots, name)
    found: list[bool] = []
    for path in paths:
        try:
            root.resolve(path)
        except PathRefusedError:
            found.append(False)
        else:
            found.append(True)
    return found


def test_the_deepest_root_counts(tree: Path) -> None:
    """A hidden folder may be named by itself, and only what is hidden in it stays so."""
    (tree / ".state").mkdir()
    (tree / ".state" / "x.csv").write_bytes(GOOD)
    wide, named = root_of("TEST", [tree]), root_of("TEST", [tree, tree / ".state"])
    with pytest.raises(PathRefusedError, match="hidden"):
        wide.resolve(tree / ".state" / "x.csv")
    with named.open(tree / ".state" / "x.csv") as opened:
        assert opened.read() == GOOD
