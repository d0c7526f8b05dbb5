"""Slack's chat.postMessage, with the effect key from the message's metadata enforced and counted."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from towpath.standins.credentials import bearer
from towpath.standins.faults import Faults
from towpath.standins.ledger import Answer, EffectLedger


class SlackStandIn:
    """Errors are Slack's: HTTP 200 with `ok: false`, except 429."""

    def __init__(self, ledger: EffectLedger, faults: Faults) -> None:
        self.posts: list[dict[str, Any]] = []
        self._ledger = ledger
        self._faults = faults

    def routes(self) -> list[Route]:
        return [Route("/chat.postMessage", self._post, methods=["POST"])]

    async def _post(self, request: Request) -> Response:
        if not bearer(request):
            return JSONResponse({"ok": False, "error": "not_authed"})
        text = (await request.body()).decode()
        body: dict[str, Any] = json.loads(text)
        channel = str(body.get("channel", ""))
        key = str(body.get("metadata", {}).get("event_payload", {}).get("idempotency_key", ""))
        if reused := self._ledger.see("slack", key, text):
            return JSONResponse(reused[1], status_code=reused[0])
        fault = self._faults.take("slack", "chat.postMessage", channel)
        if fault is not None and fault.hold:
            await fault.held()
        elif fault is not None and fault.status == 429:
            headers = {"Retry-After": fault.retry_after or "1"}
            return JSONResponse({"ok": False, "error": "ratelimited"}, status_code=429, headers=headers)
        elif fault is not None:
            return JSONResponse({"ok": False, "error": fault.code}, status_code=fault.status or 200)
        if not channel.startswith("#"):
            return JSONResponse({"ok": False, "error": "channel_not_found"})
        status, answer = self._ledger.perform("slack", key, text, lambda: self._keep(channel, body))
        return JSONResponse(answer, status_code=status)

    def _keep(self, channel: str, body: dict[str, Any]) -> Answer:
        self.posts.append({"channel": channel, "text": body.get("text", "")})
        return 200, {"ok": True, "channel": channel, "ts": f"{len(self.posts)}.000000"}
