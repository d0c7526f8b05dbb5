"""CPU of one Claude call through `ask`, against the same call by the SDK alone."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from temporalio.testing import ActivityEnvironment

from activities.claude import ClaudeActivities
from bench.calls import Calls
from bench.lanes import House, customer
from bench.measure import median
from towpath.contracts.core.claude import AskRequest, Budget
from towpath.contracts.core.wire import JsonObject
from towpath.integrations.claude.client import DEFAULT_MODELS, ClaudeClient, ClaudeClientConfig
from towpath.integrations.claude.prices import Prices

CALLS = 50
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class CallFigures:
    """Milliseconds of CPU a call, in this process."""

    ask_ms: float
    sdk_ms: float


async def claude_call(house: House) -> CallFigures:
    given: JsonObject = {"company": "Hanbit Logistics", "website": None, "country": "KR", "employees": 120}
    given["industry"] = None
    client = ClaudeClient(ClaudeClientConfig("bench", DEFAULT_MODELS, f"{house.standins.url}/claude"))
    activities = ClaudeActivities(client, Prices())
    request = AskRequest(prompt="research-company", input=given, budget_left=Budget())
    plain = customer()

    async def through_ask() -> object:
        return await ActivityEnvironment().run(activities.ask, request)

    async with Calls.open(house.standins.url, house.standins.smtp_port) as calls:

        async def through_sdk() -> object:
            return await calls.research(plain)

        ask: list[float] = []
        sdk: list[float] = []
        for _ in range(ROUNDS):
            ask.append(await _cpu_ms(through_ask))
            sdk.append(await _cpu_ms(through_sdk))
    await client.close()
    return CallFigures(median(ask), median(sdk))


async def _cpu_ms(call: Callable[[], Awaitable[object]]) -> float:
    await call()
    begun = time.process_time()
    for _ in range(CALLS):
        await call()
    return (time.process_time() - begun) * 1000 / CALLS
