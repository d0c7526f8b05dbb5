"""Which Pythons a worker runs with."""

import sys
from pathlib import Path

import pytest

from towpath.config.python import OLDEST, python_problem

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("version", [(3, 11, 14), (3, 12, 12), (3, 13, 11), (3, 13, 0), (3, 11, 7, "final", 0)])
def test_an_older_python_is_told_with_those_that_serve(version: tuple[int, ...]) -> None:
    """Its release, what is wrong with it, and what to use."""
    problem = python_problem(version)
    assert problem.startswith("Python " + ".".join(map(str, version[:3])))
    assert problem.endswith("use 3.11.15, 3.12.13, 3.13.12 or later")


@pytest.mark.parametrize("version", [(3, 11, 15), (3, 11, 16), (3, 12, 13), (3, 13, 12), (3, 14, 0), (4, 0, 0)])
def test_a_python_with_the_fixes_is_not_told(version: tuple[int, ...]) -> None:
    """The oldest that serves, and all after it."""
    assert python_problem(version) == ""


def test_documents_name_the_same_pythons() -> None:
    """And the image is built on one that serves."""
    wanted = [f"{first}.{second}.{patch}" for (first, second), patch in OLDEST.items()]
    for name in ("README.md", "README.ko.md", "docs/operations.md", "pyproject.toml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert all(release in text for release in wanted), name
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8").partition("PYTHON_IMAGE=python:")[2].partition("-")[0]
    assert python_problem([int(part) for part in image.split(".")]) == ""
    assert sys.version_info[:2] in OLDEST
