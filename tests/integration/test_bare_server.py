"""Commands on a Temporal that no worker of ours has seen: `temporal server start-dev`, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.service import RPCError

from tests.integration.commands import starter
from tests.integration.conftest import House
from tests.replaying import StartsSeen, Watch, watched
from towpath.local.processes import spawn
from towpath.local.server import LOOPBACK, TemporalServer, find_executable, free_port
from towpath.local.stack import RunningStandIns

DEFINITION = 'id: tried\nversion: "1.0.0"\nsteps: [{id: only, type: set, config: {a: 1}}]'


@pytest_asyncio.fixture(loop_scope="session")
async def untouched(tmp_path: Path) -> AsyncIterator[House]:
    """A fresh server without our search attributes and without stand-ins."""
    port = free_port()
    line = [str(find_executable()), "server", "start-dev", "--ip", LOOPBACK, "--port", str(port), "--headless"]
    quiet = ["--log-level", "error", "--dynamic-config-value", "frontend.enableServerVersionCheck=false"]
    async with spawn("temporal", [*line, *quiet]) as child, httpx.AsyncClient() as http:
        server = TemporalServer(f"{LOOPBACK}:{port}", "", child)
        client = await child.ready(connected(server.address), 30)
        watch = Watch(client, tmp_path / "unreplayed", StartsSeen(), str(tmp_path / "payloads"))
        async with watched(watch):
            yield House(server, RunningStandIns("", 0, child), client, http, tmp_path, watch)


async def connected(address: str) -> Client:
    while True:
        try:
            client = await Client.connect(address)
            await client.count_workflows()
        except (RuntimeError, RPCError):
            await asyncio.sleep(0.05)
        else:
            return client


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("onboarding --email kim@hanbit.example --company Hanbit --plan business", 0),
        ("run FILE", 0),
        ("review list", 0),
        ("queue list", 0),
        ("incident list", 0),
        ("emit --type test.nobody", 0),
        ("status nobody", 3),
    ],
)
async def test_the_first_command_on_a_namespace_works(
    untouched: House, command: str, code: int, tmp_path: Path
) -> None:
    """Whatever comes first registers the search attributes; nothing has to be prepared, and no worker be there."""
    file = tmp_path / "tried.yaml"
    file.write_text(DEFINITION)
    found, _, problems = await starter(untouched, *command.replace("FILE", str(file)).split())

    assert found == code, problems
    assert "search attribute" not in problems
    assert (await untouched.client.count_workflows("PendingUntil IS NULL AND DeadLetterQueue IS NULL")).count < 2
