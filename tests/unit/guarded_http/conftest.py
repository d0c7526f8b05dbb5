"""The loopback server, started for each test and stopped after it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.unit.guarded_http.loopback import Loopback


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Loopback]:
    server = Loopback()
    await server.start()
    yield server
    await server.stop()
