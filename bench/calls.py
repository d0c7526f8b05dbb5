"""The outside calls of one onboarding, written plainly: what lanes a and b do. Clients are pooled, as in lane c."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import anthropic
import httpx

from towpath.contracts.onboarding.customer import Customer
from towpath.integrations.claude.client import prepare
from towpath.policy.onboarding.plans import kit_facts

MODEL = "claude-sonnet-5-5"


class Calls:
    """Idempotency keys are the customer's id and the step, so that the stand-ins accept them."""

    def __init__(self, http: httpx.AsyncClient, claude: anthropic.AsyncAnthropic, smtp_port: int) -> None:
        self._http = http
        self._claude = claude
        self._smtp_port = smtp_port

    @classmethod
    @asynccontextmanager
    async def open(cls, standins: str, smtp_port: int) -> AsyncGenerator["Calls"]:
        async with (
            httpx.AsyncClient(base_url=standins, headers={"Authorization": "Bearer bench"}) as http,
            anthropic.AsyncAnthropic(api_key="bench", base_url=f"{standins}/claude") as claude,
        ):
            yield cls(http, claude, smtp_port)

    async def all(self, customer: dict[str, Any]) -> str:
        """Lane a: the same groups, together where the process has them together."""
        await asyncio.gather(self.check_email(customer), self.research(customer))
        account, _, kit = await asyncio.gather(
            self.create_account(customer), self.set_up_billing(customer), self.write_kit(customer)
        )
        await asyncio.gather(self.send_email(customer, kit), self.post_slack(customer), self.update_crm(customer))
        return account

    async def check_email(self, customer: dict[str, Any]) -> str:
        answer = await self._send("POST", "/email-check/checks", customer, "verify", {"email": customer["email"]})
        return str(answer["verdict"])

    async def research(self, customer: dict[str, Any]) -> dict[str, Any]:
        names = ("company", "website", "country", "employees", "industry")
        return await self._ask("research-company", {name: customer.get(name) for name in names})

    async def create_account(self, customer: dict[str, Any]) -> str:
        body = {name: customer[name] for name in ("company", "email", "plan")} | {"reference": customer["customer_id"]}
        answer = await self._send("POST", "/accounts/accounts", customer, "account", body)
        return str(answer["account_id"])

    async def set_up_billing(self, customer: dict[str, Any]) -> str:
        body = {name: customer[name] for name in ("email", "plan")} | {"reference": customer["customer_id"]}
        answer = await self._send("POST", "/billing/subscriptions", customer, "billing", body)
        return str(answer["subscription_id"])

    async def write_kit(self, customer: dict[str, Any]) -> dict[str, Any]:
        facts = kit_facts(Customer.model_validate(customer), "logistics").model_dump(mode="json")
        return await self._ask("welcome-kit", facts)

    async def send_email(self, customer: dict[str, Any], kit: dict[str, Any]) -> None:
        message = EmailMessage()
        message["From"], message["To"] = "welcome@towpath.example", customer["email"]
        message["Subject"] = kit["email_subject"]
        message["Message-ID"] = f"<{hashlib.sha256(customer['customer_id'].encode()).hexdigest()[:32]}@bench>"
        message.set_content(kit["email_body"])
        await aiosmtplib.send(message, hostname="127.0.0.1", port=self._smtp_port, start_tls=False)

    async def post_slack(self, customer: dict[str, Any]) -> None:
        key = {"event_type": "bench", "event_payload": {"idempotency_key": f"{customer['customer_id']}/slack"}}
        body = {"channel": "#new-customers", "text": f"New customer: {customer['company']}", "metadata": key}
        (await self._http.post("/slack/api/chat.postMessage", json=body)).raise_for_status()

    async def update_crm(self, customer: dict[str, Any]) -> None:
        path = f"/crm/customers/{customer['customer_id']}/status"
        await self._send("PUT", path, customer, "crm", {"status": "onboarded"})

    async def _send(
        self, method: str, path: str, customer: dict[str, Any], step: str, body: dict[str, Any]
    ) -> dict[str, Any]:
        headers = {"Idempotency-Key": f"{customer['customer_id']}/{step}"}
        response = await self._http.request(method, path, json=body, headers=headers)
        response.raise_for_status()
        return response.json()

    async def _ask(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        prepared = prepare(name)
        message = await self._claude.messages.create(
            model=MODEL,
            max_tokens=prepared.max_tokens,
            system=prepared.system,
            messages=[{"role": "user", "content": f"<input>\n{json.dumps(given, ensure_ascii=False)}\n</input>"}],
            output_config={"effort": "low", "format": {"type": "json_schema", "schema": prepared.schema or {}}},
        )
        return json.loads("".join(block.text for block in message.content if block.type == "text"))
