"""The shop's stand-ins in this process, and a client of them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest_asyncio

from towpath.standins.app import StandIns


@dataclass(frozen=True)
class Shop:
    standins: StandIns
    http: httpx.AsyncClient


@pytest_asyncio.fixture(loop_scope="session")
async def shop() -> AsyncIterator[Shop]:
    standins = StandIns(faults_allowed=True)
    transport = httpx.ASGITransport(standins.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://standin") as http:
        yield Shop(standins, http)
