"""A loop over many items as one would write it by hand: parts in child workflows, each a window of activities."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from activities.functions import FunctionActivities
from towpath.contracts.core.wire import EffectKey, Wire
from towpath.contracts.declared.run import FunctionCall

PART = 500
PARTS_AT_ONCE = 2


class Part(Wire):
    first: int
    count: int
    concurrency: int


@workflow.defn(name="hand-part")
class HandPart:
    """One window over a part."""

    @workflow.run
    async def run(self, part: Part) -> list[int]:
        turns = asyncio.Semaphore(part.concurrency)

        async def one(number: int) -> int:
            async with turns:
                call = FunctionCall(
                    handler="benchTouch",
                    params={"number": number},
                    key=EffectKey(f"{workflow.info().workflow_id}/{number}"),
                )
                answer = await workflow.execute_activity_method(
                    FunctionActivities.call_function,
                    call,
                    start_to_close_timeout=timedelta(seconds=4),
                    retry_policy=RetryPolicy(maximum_attempts=3),
                )
                return int(str(answer.value))

        return list(await asyncio.gather(*(one(part.first + index) for index in range(part.count))))


@workflow.defn(name="hand-loop")
class HandLoop:
    """All parts, two at a time."""

    @workflow.run
    async def run(self, part: Part) -> int:
        turns = asyncio.Semaphore(PARTS_AT_ONCE)

        async def one(first: int) -> int:
            async with turns:
                count = min(PART, part.count - first)
                share = Part(first=first, count=count, concurrency=part.concurrency // PARTS_AT_ONCE)
                name = f"{workflow.info().workflow_id}/{first}"
                return len(await workflow.execute_child_workflow(HandPart.run, share, id=name))

        return sum(await asyncio.gather(*(one(first) for first in range(0, part.count, PART))))
