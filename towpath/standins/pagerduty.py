"""PagerDuty's Events API v2: events are taken by dedup key, and the state of each alert can be read."""

import hashlib
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from towpath.standins.faults import Faults
from towpath.standins.ledger import Answer, EffectLedger

ACTIONS = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}
SEVERITIES = frozenset({"critical", "error", "warning", "info"})


class PagerDutyStandIn:
    """One alert for each routing key and dedup key; sent again, it is the same alert."""

    def __init__(self, ledger: EffectLedger, faults: Faults) -> None:
        self.alerts: dict[str, dict[str, Any]] = {}
        self._ledger = ledger
        self._faults = faults

    def routes(self) -> list[Mount]:
        return [Mount("/pagerduty", routes=[Route("/v2/enqueue", self._enqueue, methods=["POST"])])]

    async def _enqueue(self, request: Request) -> Response:
        text = (await request.body()).decode()
        event: dict[str, Any] = await request.json()
        fault = self._faults.take("pagerduty", "enqueue", str(event.get("dedup_key", "")))
        if fault is not None and fault.hold:
            await fault.held()
        elif fault is not None:
            headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
            return JSONResponse({"status": "throttle event creation"}, status_code=fault.status or 500, headers=headers)
        errors = _errors(event)
        if errors:
            return JSONResponse(
                {"status": "invalid event", "message": "Event object is invalid", "errors": errors}, status_code=400
            )
        action = str(event["event_action"])
        key = str(event.get("dedup_key") or f"generated-{len(self.alerts) + 1}")
        # With the same dedup key, another action and other words are effects of their own on the same alert.
        name = f"{event['routing_key']}/{key}/{action}/{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        status, answer = self._ledger.perform("pagerduty", name, text, lambda: self._keep(event, key, action))
        return JSONResponse(answer, status_code=status)

    def _keep(self, event: dict[str, Any], key: str, action: str) -> Answer:
        name = f"{event['routing_key']}/{key}"
        alert = self.alerts.setdefault(name, {"routing_key": event["routing_key"], "dedup_key": key, "summary": ""})
        alert["state"] = ACTIONS[action]
        if action == "trigger":
            payload = event["payload"]
            alert |= {"summary": payload["summary"], "severity": payload["severity"], "source": payload["source"]}
        return 202, {"status": "success", "message": "Event processed", "dedup_key": key}


def _errors(event: dict[str, Any]) -> list[str]:
    errors: list[str] = []
    if not event.get("routing_key"):
        errors.append("'routing_key' is missing or blank")
    if event.get("event_action") not in ACTIONS:
        errors.append("'event_action' must be trigger, acknowledge or resolve")
        return errors
    if event["event_action"] != "trigger":
        return errors if event.get("dedup_key") else [*errors, "'dedup_key' is missing or blank"]
    if not isinstance(event.get("payload"), dict):
        return [*errors, "'payload' is missing or blank"]
    payload: dict[str, Any] = event["payload"]
    errors += [f"'payload.{name}' is missing or blank" for name in ("summary", "source") if not payload.get(name)]
    if payload.get("severity") not in SEVERITIES:
        errors.append("'payload.severity' must be critical, error, warning or info")
    if len(str(payload.get("summary", ""))) > 1024:
        errors.append("'payload.summary' is longer than 1024 characters")
    return errors
