"""Rooms that stand without Temporal: a fresh interpreter imports them and has nothing of it loaded."""

import subprocess
import sys

import pytest

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
