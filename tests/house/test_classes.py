"""A class that is cut in two by inheritance is measured as one."""

from pathlib import Path

import pytest

from tests.house.classes import stretched

LONG = "        pass\n" * 130
BASE = f"class Base:\n    def __init__(self) -> None:\n        self._state = 1\n        self.open = 2\n{LONG}"


@pytest.mark.parametrize(
    ("use", "found"),
    [
        pytest.param("self._state", 1, id="private-state"),
        pytest.param("self._state += 1", 1, id="private-state-changed"),
        pytest.param("self.open", 0, id="public-state"),
        pytest.param("self._own = 1", 0, id="state-of-its-own"),
    ],
)
def test_a_class_in_two_modules_is_one(tmp_path: Path, use: str, found: int) -> None:
    """130 lines on each side of an inheritance are 260 when both sides use the same private state."""
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "base.py").write_text(BASE)
    sub = f"from room.base import Base as Half\n\n\nclass Whole(Half):\n    def f(self) -> None:\n        {use}\n{LONG}"
    (tmp_path / "room" / "whole.py").write_text(sub)

    assert len(stretched(tmp_path)) == found


def test_a_grandparent_counts(tmp_path: Path) -> None:
    """A class between the two, which uses nothing, hides nothing."""
    last = f"class Last(Middle):\n    def f(self) -> None:\n        self._state = 2\n{LONG}"
    (tmp_path / "all.py").write_text(f"{BASE}\n\nclass Middle(Base):\n    pass\n\n\n{last}")

    assert stretched(tmp_path) == ["all.Last has 267 lines with all.Base"]


def test_a_short_pair_is_no_breach(tmp_path: Path) -> None:
    """Inheritance itself is allowed: only what is too long together is told."""
    (tmp_path / "all.py").write_text(
        f"{BASE}\n\nclass Last(Base):\n    def f(self) -> None:\n        self._state = 2\n"
    )

    assert stretched(tmp_path) == []
