"""PagerDuty's Events API v2: https://developer.pagerduty.com/docs/events-api-v2-overview"""

import httpx

from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.text import clean, clean_values
from towpath.contracts.core.wire import JsonObject, clip
from towpath.contracts.incident.incident import PageChange, Paged, PageRequest
from towpath.integrations.http.web import Web, WebAnswer

SUMMARY_CHARACTERS = 1024
"""PagerDuty's limit."""


class PagerDuty:
    """PagerDuty: one integration per level of the on-call chain: its routing key decides whom PagerDuty calls.

    Events carry our effect key as `dedup_key`, so one that is sent twice is one alert to the receiver.
    """

    def __init__(self, http: httpx.AsyncClient, base_url: str, routing_keys: tuple[str, ...]) -> None:
        self._web = Web(http, "pagerduty", base_url)
        self._keys = routing_keys

    async def page(self, request: PageRequest) -> Paged:
        """Raises ServiceError."""
        event: JsonObject = {
            "payload": {
                "summary": clip(clean(request.summary), SUMMARY_CHARACTERS),
                "source": clean(request.source),
                "severity": request.severity,
                "component": clean(request.source),
                "custom_details": clean_values(request.details),
            },
            "client": "Towpath",
        }
        if request.link:
            event["links"] = [{"href": request.link, "text": "the incident's run"}]
            event["client_url"] = request.link
        return await self._send(request.level, "trigger", request.key, event)

    async def change(self, request: PageChange) -> Paged:
        """Acknowledge or resolve what was triggered with the same key. Raises ServiceError."""
        return await self._send(request.level, request.action, request.key, {})

    async def _send(self, level: int, action: str, key: str, event: JsonObject) -> Paged:
        if not self._keys:
            raise self._web.failed(FailureCode.SERVICE_BAD_REQUEST, "no routing key: set TOWPATH_PAGERDUTY_KEYS")
        routing_key = self._keys[min(level, len(self._keys)) - 1]
        body: JsonObject = {"routing_key": routing_key, "event_action": action, "dedup_key": key, **event}
        answer = await self._web.ask("POST", "/v2/enqueue", json=body)
        if answer.status != 202:
            raise self._web.refused(answer, _why(answer))
        accepted = None if answer.body is None else answer.body.get("dedup_key")
        return Paged(dedup_key=str(accepted or key))


def _why(answer: WebAnswer) -> str:
    """PagerDuty's own status word: its list of errors may repeat what was sent."""
    status = None if answer.body is None else answer.body.get("status")
    return clip(str(status), 40) if isinstance(status, str) else ""
