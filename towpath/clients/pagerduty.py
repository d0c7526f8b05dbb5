"""PagerDuty's Events API v2: https://developer.pagerduty.com/docs/events-api-v2-overview"""

import httpx

from towpath.clients.web import Web, WebAnswer
from towpath.contracts.failure import FailureCode
from towpath.contracts.incident import PageChange, PageRequest
from towpath.contracts.wire import JsonObject, clip

SUMMARY_CHARACTERS = 1024
"""PagerDuty's limit."""


class PagerDuty:
    """One integration per level of the on-call chain: its routing key decides whom PagerDuty calls.

    Events carry our effect key as `dedup_key`, so one that is sent twice is one alert to the receiver.
    """

    def __init__(self, http: httpx.AsyncClient, base_url: str, routing_keys: tuple[str, ...]) -> None:
        self._web = Web(http, "pagerduty", base_url)
        self._keys = routing_keys

    @property
    def levels(self) -> int:
        return len(self._keys)

    async def trigger(self, page: PageRequest) -> str:
        """The receiver's dedup key. Raises ServiceError."""
        event: JsonObject = {
            "payload": {
                "summary": clip(page.summary, SUMMARY_CHARACTERS),
                "source": page.source,
                "severity": page.severity,
                "component": page.source,
                "custom_details": page.details,
            },
            "client": "Towpath",
        }
        if page.link:
            event["links"] = [{"href": page.link, "text": "the incident's run"}]
            event["client_url"] = page.link
        return await self._send(page.level, "trigger", page.key, event)

    async def change(self, change: PageChange) -> str:
        """Acknowledge or resolve what was triggered with the same key. Raises ServiceError."""
        return await self._send(change.level, change.action, change.key, {})

    async def _send(self, level: int, action: str, key: str, event: JsonObject) -> str:
        if not self._keys:
            raise self._web.failed(FailureCode.SERVICE_BAD_REQUEST, "no routing key: set TOWPATH_PAGERDUTY_KEYS")
        routing_key = self._keys[min(level, len(self._keys)) - 1]
        body: JsonObject = {"routing_key": routing_key, "event_action": action, "dedup_key": key, **event}
        answer = await self._web.ask("POST", "/v2/enqueue", json=body)
        if answer.status != 202:
            raise self._web.refused(answer, _why(answer))
        accepted = None if answer.body is None else answer.body.get("dedup_key")
        return str(accepted or key)


def _why(answer: WebAnswer) -> str:
    """PagerDuty's own status word: its list of errors may repeat what was sent."""
    status = None if answer.body is None else answer.body.get("status")
    return clip(str(status), 40) if isinstance(status, str) else ""
