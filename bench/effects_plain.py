"""Lane b0: the shortest hand-written workflow for the common work, and its worker, with nothing tuned anywhere.

Each call is an activity, the functions run inside the workflow. A second one, by the book, has the functions as
activities too: the published figures of other systems were held against such a one.
`python -m bench.effects_plain TEMPORAL RECEIVER` serves both.
"""

import asyncio
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    import httpx

    from bench.effects_work import FIRST, READY, SECOND, THIRD
    from towpath.contracts.onboarding.customer import Customer
    from towpath.policy.onboarding.plans import kit_facts
    from towpath.policy.onboarding.risk import assess_customer_risk

QUEUE = "effects-plain"


@dataclass
class Post:
    path: str
    key: str
    body: dict[str, Any]


class Activities:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    @activity.defn
    async def post(self, call: Post) -> dict[str, Any]:
        response = await self._http.post(call.path, json=call.body, headers={"Idempotency-Key": call.key})
        response.raise_for_status()
        return response.json()


@activity.defn
async def risk_of(given: dict[str, Any]) -> float:
    return assess_customer_risk(Customer.model_validate(given)).score


@activity.defn
async def features_of(given: dict[str, Any], industry: str) -> list[str]:
    return list(kit_facts(Customer.model_validate(given), industry).features)


async def together(steps: tuple[str, ...], body: dict[str, Any]) -> list[dict[str, Any]]:
    run = workflow.info().workflow_id
    calls = [Post(f"/{step}", f"{run}/{step}", body) for step in steps]
    limit = timedelta(seconds=10)
    return await asyncio.gather(
        *(workflow.execute_activity_method(Activities.post, call, start_to_close_timeout=limit) for call in calls)
    )


@workflow.defn
class Shortest:
    @workflow.run
    async def run(self, given: dict[str, Any]) -> str:
        customer = Customer.model_validate(given)
        body = {"reference": customer.customer_id, "email": customer.email, "company": customer.company}
        _, company = await together(FIRST, body)
        risk = assess_customer_risk(customer)
        account, _, _ = await together(SECOND, {**body, "plan": customer.plan, "score": risk.score})
        facts = kit_facts(customer, company["industry"])
        await together(THIRD, {**body, "account": account["id"], "features": facts.features})
        return account["id"]


@workflow.defn
class ByTheBook:
    @workflow.run
    async def run(self, given: dict[str, Any]) -> str:
        customer = Customer.model_validate(given)
        body = {"reference": customer.customer_id, "email": customer.email, "company": customer.company}
        limit = timedelta(seconds=10)
        (_, company), score = await asyncio.gather(
            together(FIRST, body), workflow.execute_activity(risk_of, given, start_to_close_timeout=limit)
        )
        asked = [given, company["industry"]]
        (account, _, _), features = await asyncio.gather(
            together(SECOND, {**body, "plan": customer.plan, "score": score}),
            workflow.execute_activity(features_of, args=asked, start_to_close_timeout=limit),
        )
        await together(THIRD, {**body, "account": account["id"], "features": features})
        return account["id"]


async def main(temporal: str, receiver: str) -> None:
    client = await Client.connect(temporal)
    async with httpx.AsyncClient(base_url=receiver) as http:
        activities = [Activities(http).post, risk_of, features_of]
        worker = Worker(client, task_queue=QUEUE, workflows=[Shortest, ByTheBook], activities=activities)
        async with worker:
            sys.stdout.write(READY + "\n")
            sys.stdout.flush()
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
