"""One server for all tests of a process, a database and folders for each test."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.fakes.postgresql import new_database, postgresql_server
from tests.unit.loading.world import KINDS, World


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    with postgresql_server() as url:
        yield url


@pytest.fixture
def postgresql(server_url: str, tmp_path: Path) -> World:
    return World("postgresql", tmp_path, new_database(server_url, f"test_{uuid4().hex}"))


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """A destination of each kind in turn."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql")
    return World(request.param, tmp_path, "postgresql://nowhere")
