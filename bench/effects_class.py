"""The common work as a workflow class of the house: steps with their records, calls through the guarded client."""

import asyncio
from typing import Final

from pydantic import JsonValue
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.http import HttpActivities
from towpath.contracts.core.process import PROCESS, RUNNING, STATUS
from towpath.contracts.core.run import RunRecord
from towpath.contracts.core.wire import JsonObject, Wire
from towpath.contracts.declared.http_call import HttpAnswer, HttpRequest
from towpath.contracts.onboarding.customer import Customer
from towpath.policy.onboarding.plans import kit_facts
from towpath.policy.onboarding.risk import assess_customer_risk
from workflows.kit.failing import StepFailedError
from workflows.kit.options import EFFECT
from workflows.kit.steps import Steps

with workflow.unsafe.imports_passed_through():
    from bench.effects_work import FIRST, SECOND, THIRD

NAME: Final = "bench-effects"
FUNCTIONS = ("risk", "facts")
TITLES = {step: step.replace("-", " ").capitalize() for step in (*FIRST, *SECOND, *THIRD, *FUNCTIONS)}


class EffectsRequest(Wire):
    customer: Customer
    receiver: str


class EffectsResult(Wire):
    account: str


@workflow.defn(name=NAME)
class EffectsWorkflow:
    @workflow.init
    def __init__(self, request: EffectsRequest) -> None:
        self._request = request
        self._steps = Steps(NAME, TITLES, redrive_of=None)

    @workflow.query(name="status")
    def status(self) -> RunRecord:
        return self._steps.record()

    @workflow.run
    async def run(self, request: EffectsRequest) -> EffectsResult:
        self._steps.introduce({PROCESS: NAME, STATUS: RUNNING})
        try:
            account = await self._provision(request.customer)
        except StepFailedError as error:
            self._steps.end("failed")
            raise ApplicationError(str(error), type=error.failure.code, non_retryable=True) from error
        self._steps.end("completed")
        return EffectsResult(account=account)

    async def _provision(self, customer: Customer) -> str:
        body: JsonObject = {
            "reference": customer.customer_id,
            "email": customer.email,
            "company": customer.company,
        }
        _, company = await self._together(FIRST, body)
        risk = assess_customer_risk(customer)
        self._steps.complete("risk", note=f"score {risk.score:.2f}")
        made, _, _ = await self._together(SECOND, {**body, "plan": customer.plan, "score": risk.score})
        facts = kit_facts(customer, _text(company, "industry"))
        self._steps.complete("facts")
        account, features = _text(made, "id"), list[JsonValue](facts.features)
        await self._together(THIRD, {**body, "account": account, "features": features})
        return account

    async def _together(self, steps: tuple[str, ...], body: JsonObject) -> list[HttpAnswer]:
        return await asyncio.gather(*(self._post(step, body) for step in steps))

    async def _post(self, step: str, body: JsonObject) -> HttpAnswer:
        url = f"{self._request.receiver}/{step}"
        request = HttpRequest(url=url, method="POST", body=body, key=self._steps.key(step))
        return await self._steps.perform(step, HttpActivities.http_request, request, EFFECT)


def _text(answer: HttpAnswer, name: str) -> str:
    value = answer.body.get(name) if isinstance(answer.body, dict) else None
    return value if isinstance(value, str) else ""
