"""A stand-in on a free loopback port, and the official SDK as its client, which validates every answer strictly."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx
import pytest_asyncio
import uvicorn
from anthropic.lib.streaming import AsyncMessageStreamManager
from anthropic.types import Message
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.routing import Mount

from towpath.standins.claude.app import ClaudeStandIn

MODEL = "claude-sonnet-5-5"


@dataclass(frozen=True)
class StandIn:
    """`http` sends what the SDK cannot be made to send, and reaches the control paths."""

    sdk: anthropic.AsyncAnthropic
    http: httpx.AsyncClient

    async def post(self, body: Mapping[str, Any], path: str = "/v1/messages") -> Message:
        """A body as it stands, through the SDK."""
        return await self.sdk.post(path, body=dict(body), cast_to=Message)

    async def create(self, asked: Mapping[str, Any]) -> Message:
        # The parameters decide between the overloads of `create`, and in a mapping no checker can see them.
        create: Any = self.sdk.messages.create
        return await create(**asked)

    async def streamed(self, asked: Mapping[str, Any]) -> Message:
        async with self.stream(asked) as stream:
            return await stream.get_final_message()

    def stream(self, asked: Mapping[str, Any]) -> AsyncMessageStreamManager[None]:
        stream: Any = self.sdk.messages.stream
        return stream(**asked)

    async def fault(self, **order: Any) -> int:
        response = await self.http.post("/_faults", json=order)
        assert response.status_code == 201, response.text
        return response.json()["id"]

    async def lift(self) -> None:
        await self.http.delete("/_faults")


def question(given: Mapping[str, Any], output: type[BaseModel] | None = None, **changes: Any) -> dict[str, Any]:
    """The parameters of a request as the product sends it. A change to None leaves a parameter out."""
    text = f"<input>\n{json.dumps(given, ensure_ascii=False)}\n</input>"
    body: dict[str, Any] = {
        "model": MODEL,
        "max_tokens": 4096,
        "system": "Answer.",
        "messages": [{"role": "user", "content": text}],
    }
    if output is not None:
        schema = anthropic.transform_schema(output)
        body["output_config"] = {"effort": "low", "format": {"type": "json_schema", "schema": schema}}
    return {name: value for name, value in (body | changes).items() if value is not None}


def text_of(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def standin_url() -> AsyncIterator[str]:
    """Mounted below a path, as the product has it."""
    app = Starlette(routes=[Mount("/claude", app=ClaudeStandIn(control=True).app())])
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/claude"
    server.should_exit = True
    await serving


@pytest_asyncio.fixture(loop_scope="session")
async def standin(standin_url: str) -> AsyncIterator[StandIn]:
    sdk = anthropic.AsyncAnthropic(
        api_key="any", base_url=standin_url, max_retries=0, timeout=20, _strict_response_validation=True
    )
    async with sdk, httpx.AsyncClient(base_url=standin_url, timeout=20) as http:
        opened = StandIn(sdk, http)
        yield opened
        await opened.lift()
