"""One reader for each test."""

from pathlib import Path

import pytest

from tests.unit.pipeline.reading import Reader


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path / "worker")
