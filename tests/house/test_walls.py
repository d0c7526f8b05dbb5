"""Rooms that stand without Temporal: a fresh interpreter imports them and has nothing of it loaded."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LOAD_ALL = """
import importlib, pkgutil, sys

room = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
    importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def loaded_by(room: str) -> set[str]:
    """Packages that are in memory when every module of a room was imported."""
    command = [sys.executable, "-c", LOAD_ALL, room]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize("room", ["contracts", "engine", "policy", "functions", "dataplane", "standins"])
def test_no_temporal_is_loaded(room: str) -> None:
    """Importing all of a room loads no module of Temporal, so it could leave as a package of its own."""
    loaded = loaded_by(f"towpath.{room}")

    assert "pydantic" in loaded or room == "standins"
    assert "temporalio" not in loaded


def test_temporal_would_be_seen() -> None:
    """The check above sees Temporal behind a room that has it."""
    assert "temporalio" in loaded_by("towpath.temporal")


def test_the_data_plane_loads_no_templates() -> None:
    """A child process that writes no page does not pay for Jinja."""
    assert "jinja2" not in loaded_by("towpath.dataplane")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the rooms and their contracts, to plant in."""
    copied = tmp_path_factory.mktemp("checkout")
    for room in ("workflows", "activities", "towpath"):
        shutil.copytree(ROOT / room, copied / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copied)
    return copied


def test_a_way_round_is_refused(checkout: Path) -> None:
    """An import of Temporal behind another module breaks the contracts of all rooms that reach it."""
    (checkout / "towpath/contracts/planted.py").write_text('"""Planted."""\n\nimport temporalio.common\n')
    (checkout / "towpath/engine/planted.py").write_text('"""Planted."""\n\nimport towpath.contracts.planted\n')
    lint = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run([lint, "--no-cache"], cwd=checkout, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert "Rooms stand on each other in one order KEPT" in ended.stdout
    assert "No Temporal is loaded by importing them, by no way round either BROKEN" in ended.stdout
    for room in ("towpath.contracts", "towpath.engine"):
        assert f"{room} is not allowed to import temporalio" in ended.stdout
