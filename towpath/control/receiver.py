"""A small HTTP receiver for webhooks of Alertmanager and Grafana. It answers 200 when Temporal has the alerts, and not
before; no body with the right token is refused, for a sender drops for good what is.
"""

import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from temporalio.service import RPCError, RPCStatusCode

from towpath.contracts.incident.alerts import AlertmanagerWebhook
from towpath.control.intake import AlertIntake, Taken
from towpath.doors import LOOPBACK_NAMES, Door, Rules
from towpath.engine.language.mistakes import mistakes
from towpath.policy.incident.deliveries import unreadable

MAX_BODY_BYTES = 8 * 1024**2
MOST_TOLD = 3
PATH = "/api/webhooks/alertmanager"
AGAIN = timedelta(seconds=5)
"""When a sender that minds Retry-After comes again."""
TOO_LARGE = frozenset({RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.OUT_OF_RANGE})
"""What Temporal says of a message that it will never take."""
log = structlog.stdlib.get_logger("receiver")


class NotAlertsError(Exception):
    """A body is no webhook body; the text says why."""


class Receiver:
    """`token` is the bearer token that Alertmanager's `http_config.authorization` sends, as in TOWPATH_ALERTS_TOKEN.
    `names` are the hosts that it may be asked for, None for any.
    """

    def __init__(self, intake: AlertIntake, token: str, names: Collection[str] | None = LOOPBACK_NAMES) -> None:
        self._intake = intake
        self._rules = Rules(names, token=token, token_below=(PATH,))

    def app(self) -> ASGIApp:
        alerts = Route(PATH + "{rest:path}", self._alerts, methods=["POST", "PUT"])
        return Door(Starlette(routes=[alerts, Route("/health", _health, methods=["GET"])]), self._rules)

    async def _alerts(self, request: Request) -> Response:
        body, size = await _first_part(request)
        told = ""
        try:
            try:
                taken = await self._intake.take(_webhook(body, size))
            except NotAlertsError as error:
                told = str(error)
                taken = await self._page_for(body, told)
            except RPCError as error:
                if error.status not in TOO_LARGE:
                    raise
                told = "Temporal takes no message like this"
                taken = await self._page_for(body, told)
        except RPCError as error:
            # The sender sends it again.
            log.warning("Temporal did not take alerts", status=error.status.name)
            return _again()
        answer: dict[str, Any] = {"workflow_id": taken.workflow_id, "alerts": taken.alerts, "known": taken.known}
        if taken.others:
            answer["others"] = list(taken.others)
        if told:
            answer["unreadable"] = told
        return JSONResponse(answer)

    async def _page_for(self, body: bytes, why: str) -> Taken:
        log.warning("alerts could not be read", problem=why)
        return await self._intake.take(unreadable(body, why, datetime.now(UTC)))


def _webhook(body: bytes, size: int) -> AlertmanagerWebhook:
    """Raises NotAlertsError."""
    if size > MAX_BODY_BYTES:
        raise NotAlertsError(f"a delivery may have {MAX_BODY_BYTES} bytes, this one has {size}")
    try:
        return AlertmanagerWebhook.model_validate(json.loads(body.decode("utf-8", "replace")))
    except ValidationError as error:
        raise NotAlertsError("; ".join(mistakes(error)[:MOST_TOLD])) from error
    except (ValueError, RecursionError) as error:
        raise NotAlertsError("it is not JSON") from error


async def _first_part(request: Request) -> tuple[bytes, int]:
    """The body as far as it may be long, and its whole size: the rest is read and dropped, so that the sender hears."""
    body, size = bytearray(), 0
    async for part in request.stream():
        size += len(part)
        body += part[: max(0, MAX_BODY_BYTES + 1 - len(body))]
    return bytes(body), size


def _again() -> Response:
    body: dict[str, Any] = {"title": "Temporal does not answer: send it again", "status": 503, "errors": []}
    headers = {"Retry-After": f"{AGAIN.total_seconds():.0f}"}
    return JSONResponse(body, status_code=503, headers=headers, media_type="application/problem+json")


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})
