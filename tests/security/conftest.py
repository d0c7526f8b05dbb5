"""A stack with one worker for what outsiders try."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.conftest import House, open_house


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A server, stand-ins and a worker."""
    folder = tmp_path_factory.mktemp("security")
    async with open_house(folder) as opened, opened.worker(log=folder / "worker.log"):
        yield opened
