"""The watcher of the compose file, as a process beside the stand-ins and a receiver that starts later."""

import asyncio
import json
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.waiting import WAIT_SECONDS
from towpath.local.processes import spawn
from towpath.local.server import LOOPBACK, free_port
from towpath.local.stack import ROOT, stand_ins
from towpath.local.tokens import STANDINS_FILE, keep_token


@asynccontextmanager
async def receiver(port: int) -> AsyncGenerator[asyncio.Queue[str]]:
    """What is sent there, a request at a time."""
    requests = asyncio.Queue[str]()

    async def take(reader: StreamReader, writer: StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lengths = [line for line in head.lower().splitlines() if line.startswith("content-length:")]
        body = await reader.readexactly(int(lengths[0].partition(":")[2]))
        await requests.put(head + body.decode())
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(take, LOOPBACK, port):
        yield requests


async def test_alert_reaches_a_receiver_that_starts_later(tmp_path: Path) -> None:
    """The shop fails before anybody listens; the alert comes with the token as soon as somebody does."""
    port = free_port()
    keep_token(tmp_path / "alerts.token", "a-token")
    receiving = ["--webhook", f"http://{LOOPBACK}:{port}/alerts", "--token-file", str(tmp_path / "alerts.token")]
    line = [sys.executable, "-m", "towpath.local.watcher", *receiving]
    env = {"PYTHONPATH": str(ROOT)}
    shop = tmp_path / STANDINS_FILE
    async with stand_ins() as standins, httpx.AsyncClient(base_url=standins.url, headers=standins.control) as http:
        keep_token(shop, standins.token)
        watching = [*line, "--standins", standins.url, "--standins-token-file", str(shop)]
        async with spawn("watcher", watching, env=env, log=tmp_path / "watcher.log"):
            broken = await http.post("/_standins/world", json={"service": "checkout", "fault": "bad-deployment"})
            assert broken.status_code == 201, broken.text
            async with receiver(port) as requests, asyncio.timeout(WAIT_SECONDS):
                head, _, body = (await requests.get()).partition("\r\n\r\n")

    assert "authorization: bearer a-token" in head.lower()
    assert (json.loads(body)["status"], json.loads(body)["groupLabels"]) == ("firing", {"service": "checkout"})
