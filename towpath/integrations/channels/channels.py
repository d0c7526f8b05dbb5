"""Slack, which carries messages to people, as `mail` does."""

import httpx

from towpath.contracts.core.delivery import PostSlack
from towpath.contracts.core.failure import DeliveryError, FailureCode
from towpath.contracts.core.text import clean_lines
from towpath.contracts.core.wire import json_object
from towpath.outside.bounded import LIMIT
from towpath.outside.transport import never_sent
from towpath.policy.core.retry_after import retry_after

MAX_ANSWER_BYTES = 1024 * 1024
SLACK_AUTH_ERRORS = frozenset({"not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired"})
SLACK_PASSING_ERRORS = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})


class Slack:
    """Posts to Slack's Web API. The effect key travels in the message's metadata, where a receiver can see it."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, token: str) -> None:
        self._http = http
        self._url = f"{base_url.rstrip('/')}/chat.postMessage"
        self._headers = {"Authorization": f"Bearer {token}"}

    async def post(self, request: PostSlack) -> str:
        """The message's `ts`. Raises DeliveryError."""
        body = {
            "channel": request.channel,
            "text": escape(clean_lines(request.text)),
            "metadata": {"event_type": "towpath_effect", "event_payload": {"idempotency_key": request.key}},
        }
        try:
            response = await self._http.post(
                self._url, json=body, headers=self._headers, extensions={LIMIT: MAX_ANSWER_BYTES}
            )
        except httpx.RequestError as error:
            sent = not never_sent(error)
            raise DeliveryError(FailureCode.DELIVERY_UNAVAILABLE, "Slack could not be reached", sent=sent) from error
        if response.status_code == 429:
            wait = retry_after(response.headers)
            raise DeliveryError(FailureCode.DELIVERY_RATE_LIMITED, "Slack asks to wait", retry_after=wait)
        if not response.is_success:
            raise DeliveryError(
                FailureCode.DELIVERY_UNAVAILABLE if response.status_code >= 500 else FailureCode.DELIVERY_REFUSED,
                f"Slack answered {response.status_code}",
            )
        return _posted(response)


def _posted(response: httpx.Response) -> str:
    answer = json_object(response.content)
    if answer is None:
        raise DeliveryError(FailureCode.DELIVERY_UNAVAILABLE, "Slack's answer is not JSON")
    if answer.get("ok") is True:
        return str(answer.get("ts", ""))
    error = str(answer.get("error", ""))
    name = error if error.replace("_", "").isalnum() and len(error) <= 64 else "unknown"
    code = FailureCode.DELIVERY_REFUSED
    if name in SLACK_AUTH_ERRORS:
        code = FailureCode.DELIVERY_AUTH
    elif name in SLACK_PASSING_ERRORS:
        code = FailureCode.DELIVERY_UNAVAILABLE
    elif name == "ratelimited":
        code = FailureCode.DELIVERY_RATE_LIMITED
    raise DeliveryError(code, f"Slack refused the message: {name}", evidence={"slack_error": name})


def escape(text: str) -> str:
    """Slack's control characters made plain, so that a customer's text cannot mention or link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
