"""Faults of the stand-ins on the local stack: which there are, and ordering and lifting them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from towpath.local.tokens import bearer
from towpath.outside.blocking import blocking_client
from towpath.outside.bounds import MAX_ANSWER_BYTES

SECONDS = 5.0
UNKNOWN = 422
OPERATIONS: Mapping[str, Sequence[str]] = {
    "email-check": ("checkEmail",),
    "accounts": ("createAccount", "closeAccount"),
    "billing": ("setUpSubscription", "cancelSubscription"),
    "crm": ("updateStatus",),
    "orders": ("reserveStock", "releaseStock", "chargePayment", "refundPayment", "findCharge", "shipOrder"),
    "slack": ("chat.postMessage",),
    "pagerduty": ("enqueue",),
    "prometheus": ("query",),
    "loki": ("query_range",),
    "x": ("publish", "find", "remove", "me"),
    "linkedin": ("publish", "find", "remove"),
    "wordpress": ("publish", "find", "remove", "tag", "me"),
}
"""By service, what can go wrong there."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the service does, and what a run makes of it."""

    fault: Mapping[str, Any]
    meaning: str


KINDS: Mapping[str, Kind] = {
    "unavailable": Kind({"status": 503, "code": "unavailable"}, "answers 503: tried again, then the step fails"),
    "declined": Kind({"status": 402, "code": "declined"}, "answers 402: the step fails at once"),
    "limited": Kind({"status": 429, "code": "limited", "retry_after": "2"}, "answers 429 with Retry-After: 2"),
    "dropped": Kind({"drop": True}, "cuts the connection before anything happens"),
    "answer-lost": Kind({"drop": True, "after_effect": True}, "does what it is asked, and cuts the connection"),
    "held": Kind({"hold": True}, "does not answer until the fault is cleared, two minutes at most"),
}


class UnknownFaultError(Exception):
    """There is no such service, operation or kind; the text names those that there are."""


def fault_of(service: str, operation: str, kind: str) -> dict[str, Any]:
    """The order as the stand-ins take it, capital letters and hyphens apart. Raises UnknownFaultError."""
    operations = {_plain(name): name for name in OPERATIONS.get(service, ())}
    if not operations:
        raise UnknownFaultError(f"no service {service!r} among the stand-ins; there are: {', '.join(OPERATIONS)}")
    if _plain(operation) not in operations:
        raise UnknownFaultError(f"{service} has no operation {operation!r}; it has: {', '.join(operations.values())}")
    if kind not in KINDS:
        raise UnknownFaultError(f"no fault {kind!r}; there are: {', '.join(KINDS)}")
    return {"service": service, "operation": operations[_plain(operation)], **KINDS[kind].fault}


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


class FaultDoor:
    """The door of the stand-ins, which its token opens. Raises httpx.HTTPError when they do not answer."""

    def __init__(self, url: str, token: str = "", transport: httpx.BaseTransport | None = None) -> None:
        headers = bearer(token)
        self._http = blocking_client(SECONDS, MAX_ANSWER_BYTES, base_url=url, headers=headers, transport=transport)

    def close(self) -> None:
        self._http.close()

    def order(self, fault: Mapping[str, Any]) -> int:
        """Its number."""
        return self._asked("POST", json=dict(fault))["id"]

    def lift(self, number: int | None = None) -> None:
        """One, or all."""
        self._asked("DELETE", params={} if number is None else {"id": number})

    def ordered(self) -> Sequence[Mapping[str, Any]]:
        """Those that were ordered and not lifted, the oldest first."""
        return self._asked("GET")["faults"]

    def break_shop(self, service: str, fault: str) -> str:
        """The instance in which it shows. Raises UnknownFaultError."""
        answer = self._http.post("/_standins/world", json={"service": service, "fault": fault})
        if answer.status_code == UNKNOWN:
            known = answer.json()
            services, faults = ", ".join(known["services"]), ", ".join(known["faults"])
            text = f"no fault {fault!r} in a service {service!r} of the shop; services: {services}; faults: {faults}"
            raise UnknownFaultError(text)
        answer.raise_for_status()
        return answer.json()["instance"]

    def _asked(self, method: str, **options: Any) -> Any:
        answer = self._http.request(method, "/_standins/faults", **options)
        answer.raise_for_status()
        return answer.json()
