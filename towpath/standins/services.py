"""The business services: e-mail check, accounts, billing, CRM. In memory; their contracts are the OpenAPI documents."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from towpath.standins.credentials import unknown_sender, with_token
from towpath.standins.faults import Fault, Faults
from towpath.standins.ledger import Answer, EffectLedger, problem
from towpath.standins.orders import Orders
from towpath.standins.platform import PlatformStandIn
from towpath.standins.world import World

Handler = Callable[[dict[str, Any], str], Answer]
"""Body and reference to answer."""


class DroppedConnectionError(Exception):
    """The request ends without an answer."""


class Register:
    """Things that a reference has one of: opened, closed, and opened again under the same id."""

    def __init__(self, name: str, id_prefix: str, id_field: str, closed: str) -> None:
        self._name = name
        self._prefix = id_prefix
        self._field = id_field
        self._closed = closed
        self._things: dict[str, dict[str, Any]] = {}

    def open(self, reference: str) -> Answer:
        thing = self._things.get(reference)
        if thing is None:
            thing = {self._field: f"{self._prefix}-{len(self._things) + 1:06d}"}
            self._things[reference] = thing
        thing["status"] = "active"
        return 201, dict(thing)

    def close(self, reference: str) -> Answer:
        thing = self._things.get(reference)
        if thing is None or thing["status"] != "active":
            return 200, {"found": False}
        thing["status"] = self._closed
        return 200, {"found": True}

    def read(self, reference: str) -> Answer:
        thing = self._things.get(reference)
        return problem(404, "not_found", f"no {self._name}") if thing is None else (200, dict(thing))

    def is_open(self, reference: str) -> bool:
        return self._things.get(reference, {}).get("status") == "active"

    def as_json(self) -> dict[str, dict[str, Any]]:
        return self._things


class Services:
    """All four services over one ledger and one list of faults."""

    def __init__(self, ledger: EffectLedger, faults: Faults) -> None:
        self.accounts = Register("account", "acc", "account_id", "closed")
        self.subscriptions = Register("subscription", "sub", "subscription_id", "cancelled")
        self.statuses: dict[str, str] = {}
        self.orders = Orders()
        self.world = World(time.time)
        self.platform = PlatformStandIn(self.world)
        self._ledger = ledger
        self._faults = faults

    def routes(self) -> Sequence[Mount]:
        return (
            Mount(
                "/email-check",
                routes=[
                    self._post("/checks", "email-check", "checkEmail", _verdict),
                    self._post("/check", "email-check", "checkEmail", _verdict),
                ],
            ),
            Mount("/accounts", routes=self._register("/accounts", "accounts", "Account", self.accounts)),
            Mount("/billing", routes=self._register("/subscriptions", "billing", "Subscription", self.subscriptions)),
            Mount(
                "/crm",
                routes=[
                    self._put("/customers/{reference}/status", "crm", "updateStatus", self._status),
                    Route("/customers", with_token(_new_customers), methods=["GET"]),
                ],
            ),
            *self.orders.routes(self._post),
            *self.platform.routes(self._post),
        )

    def _register(self, path: str, service: str, noun: str, register: Register) -> list[Route]:
        create, close = (
            ("createAccount", "closeAccount")
            if noun == "Account"
            else (
                "setUpSubscription",
                "cancelSubscription",
            )
        )
        one = f"{path}/{{reference}}"
        return [
            Route(
                path,
                self._keyed(service, create, lambda _, reference: register.open(reference), register),
                methods=["POST"],
            ),
            Route(one, self._keyed(service, close, lambda _, reference: register.close(reference)), methods=["DELETE"]),
            Route(one, _readable(register), methods=["GET"]),
        ]

    def _post(self, path: str, service: str, operation: str, handler: Handler) -> Route:
        return Route(path, self._keyed(service, operation, handler), methods=["POST"])

    def _put(self, path: str, service: str, operation: str, handler: Handler) -> Route:
        return Route(path, self._keyed(service, operation, handler), methods=["PUT"])

    def _keyed(
        self, service: str, operation: str, handler: Handler, register: Register | None = None
    ) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            key = request.headers.get("idempotency-key")
            if refusal := _refuse(request, key):
                return respond(refusal)
            text = (await request.body()).decode() or "{}"
            body: dict[str, Any] = json.loads(text)
            reference = str(request.path_params.get("reference") or body.get("reference", ""))
            if reused := self._ledger.see(service, key or "", reference + text):
                return respond(reused)
            fault = self._faults.take(service, operation, reference)
            if fault is not None and not fault.after_effect and (broken := await _break(fault)):
                return broken
            answer = self._ledger.perform(service, key or "", reference + text, lambda: handler(body, reference))
            if register is not None and answer[0] < 400 and not register.is_open(reference):
                answer = register.open(reference)
            if fault is not None and fault.after_effect and (broken := await _break(fault)):
                return broken
            return respond(answer)

        return endpoint

    def _status(self, body: dict[str, Any], reference: str) -> Answer:
        self.statuses[reference] = body["status"]
        return 200, {"update_id": f"upd-{len(self.statuses):06d}"}


def _readable(register: Register) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        return respond(_refuse(request, "none needed") or register.read(request.path_params["reference"]))

    return endpoint


async def _new_customers(_: Request) -> Response:
    """Two who were won over the weekend."""
    won = [
        {"customer_id": f"won-{number}", "email": f"won-{number}@hanbit.example", "company": company, "plan": "starter"}
        for number, company in enumerate(("Hanbit Freight", "Narae Foods"), 1)
    ]
    return JSONResponse({"customers": won})


def respond(answer: Answer) -> Response:
    status, body = answer
    media_type = "application/problem+json" if status >= 400 else "application/json"
    return JSONResponse(body, status_code=status, media_type=media_type)


async def _break(fault: Fault) -> Response | None:
    if fault.hold:
        await fault.held()
        return None
    if fault.drop:
        raise DroppedConnectionError
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    status, body = problem(fault.status or 500, fault.code, "ordered fault")
    return JSONResponse(body, status_code=status, headers=headers, media_type="application/problem+json")


def _refuse(request: Request, key: str | None) -> Answer | None:
    if refusal := unknown_sender(request):
        return refusal
    if not key:
        return problem(400, "no_key", "the header Idempotency-Key is needed")
    return None


def _verdict(body: dict[str, Any], _: str) -> Answer:
    """By the local part, so that a test can order a verdict: `bounce` and `risky` anywhere in it."""
    local = str(body.get("email", "")).partition("@")[0]
    if "bounce" in local:
        return 200, {"verdict": "undeliverable", "reason": "mailbox does not exist"}
    if "risky" in local:
        return 200, {"verdict": "risky", "reason": "catch-all domain"}
    return 200, {"verdict": "deliverable", "reason": ""}
