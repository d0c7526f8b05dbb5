"""Tokens of Claude in a minute hold from outside: what is between the workers and Claude counts them itself."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.integration.conftest import House
from tests.integration.definitions import Handle, document, record, start
from tests.waiting import until
from towpath.standins.claude.app import ClaudeStandIn

PER_MINUTE = 3_000
CALLS = 4
ASKING = document(
    f"""
id: asking
version: "1.0.0"
limits: {{key: "{{{{ run.id }}}}"}}
steps:
  - id: ask
    type: claude
    for_each: {{times: {CALLS}, concurrency: {CALLS}}}
    config:
      prompt: "Say something of the number {{{{ item }}}}. {"It is a number like others. " * 30}"
      max_tokens: 400
"""
)
READ, WROTE = re.compile(rb'"input_tokens": ?(\d+)'), re.compile(rb'"output_tokens": ?(\d+)')


@dataclass
class Meter:
    """The stand-in for Claude, and the tokens of each answer with the moment of its request."""

    inner: ASGIApp
    used: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    port: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        came, body = time.monotonic(), bytearray()

        async def counted(message: Message) -> None:
            body.extend(message.get("body", b""))
            await send(message)

        await self.inner(scope, receive, counted)
        if scope["type"] == "http" and scope["path"] == "/v1/messages":
            read, wrote = READ.findall(body), WROTE.findall(body)
            self.used.append((came, int(read[0]) + int(wrote[-1])))

    def most_in_a_minute(self) -> int:
        return max(sum(tokens for at, tokens in self.used if begin <= at < begin + 60) for begin, _ in self.used)


@asynccontextmanager
async def metered() -> AsyncGenerator[Meter]:
    meter = Meter(ClaudeStandIn().app())
    config = uvicorn.Config(meter, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening := config.bind_socket()]))
    meter.port = listening.getsockname()[1]
    try:
        yield meter
    finally:
        server.should_exit = True
        await serving


async def _waiting(runs: Sequence[Handle]) -> str:
    """What a run waits for, where one does."""
    steps = [(await record(run)).steps[0] for run in runs]
    return next((step.waits_for for step in steps if step.waiting), "")


async def test_tokens_of_a_minute_hold(bare_house: House) -> None:
    """Two workers, two runs: in no minute are more tokens used than there are, and who waits says so."""
    async with metered() as claude:
        env = {
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{claude.port}",
            "TOWPATH_CLAUDE_TOKENS_PER_MINUTE": str(PER_MINUTE),
        }
        async with bare_house.worker(env), bare_house.worker(env):
            begun = time.monotonic()
            runs = [await start(bare_house, ASKING, {}) for _ in range(2)]
            waiting = await until(lambda: _waiting(runs), bool)
            await asyncio.gather(*(run.result() for run in runs))
            took = time.monotonic() - begun
    assert "quota of claude" in waiting
    assert len(claude.used) == 2 * CALLS
    assert claude.most_in_a_minute() <= PER_MINUTE
    assert took > 60
