"""Every kind of client that we have, each with its secret, and a server that answers what it is told to."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
from pydantic import SecretStr

from tests.unit.guarded_http.loopback import INNER, Names, asked, connections
from towpath.config.masking import Masker
from towpath.config.secrets import Secrets
from towpath.contracts.core.claude import AskRequest
from towpath.contracts.core.delivery import PostSlack
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.declared.run import CloudEvent
from towpath.contracts.incident.incident import PageRequest
from towpath.dataplane.core.connections import HttpConnection
from towpath.dataplane.extract.api_client import ApiClient
from towpath.integrations.channels.channels import Slack
from towpath.integrations.channels.pagerduty import PagerDuty
from towpath.integrations.channels.sinks import Sinks
from towpath.integrations.claude.client import DEFAULT_MODELS, ClaudeClient, ClaudeClientConfig
from towpath.integrations.http.guarded_http import GuardedHttp
from towpath.integrations.http.services import ServiceClient, ServiceEndpoint
from towpath.integrations.observe.logs import Loki
from towpath.integrations.observe.prometheus import Prometheus
from towpath.integrations.publishing.calls import PlatformCalls, PlatformOperation
from towpath.local.faults import FaultDoor
from towpath.outside.tls import tls_context

LOOPBACK = "127.0.0.1"
SECRET = "secret-token"
KEY = EffectKey("run/step")
BEARER = {"Authorization": f"Bearer {SECRET}"}
TLS = tls_context()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENT = CloudEvent(id="run:1", type="workflow.started", time=NOON)
PAGE = PageRequest(summary="down", severity="critical", source="shop", level=1, key=KEY)
BLOCK_BYTES = 16 * 1024**2
MIB = 1024**2
Ask = Callable[[httpx.AsyncClient, str], Awaitable[object]]


async def by_step(_: httpx.AsyncClient, url: str, seconds: float = 20.0) -> object:
    inner = INNER.model_copy(update={"headers": {"Authorization": (f"Bearer {SECRET}",)}})
    http = GuardedHttp(connections(inner), Secrets({}), resolver=Names({LOOPBACK: [[LOOPBACK]]}), tls=TLS)
    try:
        return await http.send(asked(url, method="GET", timeout_seconds=seconds))
    finally:
        await http.close()


async def by_claude(_: httpx.AsyncClient, url: str, seconds: float = 20.0) -> object:
    client = ClaudeClient(ClaudeClientConfig(SECRET, DEFAULT_MODELS, url))
    try:
        request = AskRequest(prompt="research-company", input={"company": "Hanbit"})
        return await client.ask(request, attempt=1, progress=lambda _: None, seconds=seconds)
    finally:
        await client.close()


async def by_pipeline(_: httpx.AsyncClient, url: str, seconds: float = 20.0) -> object:
    connection = HttpConnection(
        base_url=url, headers={name: SecretStr(value) for name, value in BEARER.items()}, timeout_seconds=seconds
    )

    def get() -> object:
        with ApiClient("api", connection, 1000) as client:
            return client.get("rows", {})

    return await asyncio.to_thread(get)


async def by_door(_: httpx.AsyncClient, url: str) -> object:
    door = FaultDoor(url)
    try:
        return await asyncio.to_thread(door.ordered)
    finally:
        door.close()


KINDS: dict[str, Ask] = {
    "service": lambda http, url: ServiceClient(http, {"accounts": ServiceEndpoint(url, SECRET)}).call(
        "accounts", "closeAccount", {"reference": "r1"}, KEY
    ),
    "slack": lambda http, url: Slack(http, url, SECRET).post(PostSlack(channel="c", text="t", key=KEY)),
    "pager": lambda http, url: PagerDuty(http, url, (SECRET,)).page(PAGE),
    "sink": lambda http, url: Sinks(http, {"audit": f"{url}/{SECRET}"}).deliver(["audit"], [EVENT]),
    "platform": lambda http, url: PlatformCalls("x", http, Masker([])).send(
        PlatformOperation("post", "POST", f"{url}/post", kind="effect", headers=BEARER)
    ),
    "prometheus": lambda http, url: Prometheus(http, url, SECRET).query("up"),
    "loki": lambda http, url: Loki(http, url, SECRET).lines("shop", NOON - timedelta(hours=1), NOON, 10),
    "http step": by_step,
    "claude": by_claude,
    "pipeline": by_pipeline,
    "door": by_door,
}


def bomb(coding: str, blocks: int = 64) -> bytes:
    """16 KiB for each 16 MiB of noughts: 1 GiB from 1 MiB."""
    begins = {"gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\xff", "deflate": b"\x78\x9c"}[coding]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return begins + (packer.compress(bytes(BLOCK_BYTES)) + packer.flush(zlib.Z_FULL_FLUSH)) * blocks


@asynccontextmanager
async def site(*answers: bytes) -> AsyncGenerator[tuple[str, list[bytes]]]:
    """Its address, and the heads of requests so far. The last answer stays; connections are kept."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                heads.append(head)
                told = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                await reader.readexactly(int(told[0].partition(b":")[2]) if told else 0)
                writer.write(answers[min(len(heads), len(answers)) - 1])
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with listening(serve) as url:
        yield url, heads


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncGenerator[str]:
    """The address of a raw server on loopback."""
    server = await asyncio.start_server(serve, LOOPBACK, 0)
    try:
        yield f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


def answer(body: bytes = b"{}", status: int = 200, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
