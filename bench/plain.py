"""Lane b: the shortest hand-written Temporal workflow for the same calls, with the SDK's defaults, and its worker.

Addresses come as arguments: `python -m bench.plain TEMPORAL STANDINS SMTP_PORT`.
"""

import asyncio
import sys
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from bench.calls import Calls

QUEUE = "plain-onboarding"
LIMIT = timedelta(seconds=30)
READY = "plain worker ready"


class Activities:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @activity.defn
    async def check_email(self, customer: dict[str, Any]) -> str:
        return await self._calls.check_email(customer)

    @activity.defn
    async def research(self, customer: dict[str, Any]) -> dict[str, Any]:
        return await self._calls.research(customer)

    @activity.defn
    async def create_account(self, customer: dict[str, Any]) -> str:
        return await self._calls.create_account(customer)

    @activity.defn
    async def set_up_billing(self, customer: dict[str, Any]) -> str:
        return await self._calls.set_up_billing(customer)

    @activity.defn
    async def write_kit(self, customer: dict[str, Any]) -> dict[str, Any]:
        return await self._calls.write_kit(customer)

    @activity.defn
    async def send_email(self, customer: dict[str, Any], kit: dict[str, Any]) -> None:
        await self._calls.send_email(customer, kit)

    @activity.defn
    async def post_slack(self, customer: dict[str, Any]) -> None:
        await self._calls.post_slack(customer)

    @activity.defn
    async def update_crm(self, customer: dict[str, Any]) -> None:
        await self._calls.update_crm(customer)


async def do(method: Any, *args: Any) -> Any:
    return await workflow.execute_activity_method(method, args=args, start_to_close_timeout=LIMIT)


@workflow.defn
class PlainOnboarding:
    @workflow.run
    async def run(self, customer: dict[str, Any]) -> str:
        await asyncio.gather(do(Activities.check_email, customer), do(Activities.research, customer))
        account, _, kit = await asyncio.gather(
            do(Activities.create_account, customer),
            do(Activities.set_up_billing, customer),
            do(Activities.write_kit, customer),
        )
        await asyncio.gather(
            do(Activities.send_email, customer, kit),
            do(Activities.post_slack, customer),
            do(Activities.update_crm, customer),
        )
        return str(account)


async def main(temporal: str, standins: str, smtp_port: int) -> None:
    client = await Client.connect(temporal)
    async with Calls.open(standins, smtp_port) as calls:
        doing = Activities(calls)
        worker = Worker(
            client,
            task_queue=QUEUE,
            workflows=[PlainOnboarding],
            activities=[
                doing.check_email,
                doing.research,
                doing.create_account,
                doing.set_up_billing,
                doing.write_kit,
                doing.send_email,
                doing.post_slack,
                doing.update_crm,
            ],
        )
        async with worker:
            sys.stdout.write(READY + "\n")
            sys.stdout.flush()
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
