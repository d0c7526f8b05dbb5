"""A small HTTP receiver for Alertmanager's webhook. It answers 200 when Temporal has the alerts, and not before."""

from collections.abc import Collection

import structlog
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from temporalio.service import RPCError

from towpath.contracts.incident.alerts import AlertmanagerWebhook
from towpath.control.intake import AlertIntake
from towpath.doors import LOOPBACK_NAMES, Door, Rules
from towpath.engine.language.mistakes import mistakes

MAX_BODY_BYTES = 8 * 1024**2
MOST_TOLD = 10
PATH = "/api/webhooks/alertmanager"
log = structlog.stdlib.get_logger("receiver")


class Receiver:
    """`token` is the bearer token that Alertmanager's `http_config.authorization` sends, as in TOWPATH_ALERTS_TOKEN.
    `names` are the hosts that it may be asked for, None for any.
    """

    def __init__(self, intake: AlertIntake, token: str, names: Collection[str] | None = LOOPBACK_NAMES) -> None:
        self._intake = intake
        self._rules = Rules(names, token=token, token_below=(PATH,))

    def app(self) -> ASGIApp:
        routes = [Route(PATH, self._alerts, methods=["POST"]), Route("/health", _health, methods=["GET"])]
        return Door(Starlette(routes=routes), self._rules)

    async def _alerts(self, request: Request) -> Response:
        body = await _bounded(request)
        if body is None:
            return _problem(413, f"a delivery may have {MAX_BODY_BYTES} bytes")
        try:
            webhook = AlertmanagerWebhook.model_validate_json(body)
        except ValidationError as error:
            return _problem(400, "not a webhook body of Alertmanager, version 4", mistakes(error)[:MOST_TOLD])
        try:
            taken = await self._intake.take(webhook)
        except RPCError as error:
            # Alertmanager sends it again.
            log.warning("Temporal did not take alerts", status=error.status.name)
            return _problem(503, "Temporal does not answer: send it again")
        return JSONResponse({"workflow_id": taken.workflow_id, "alerts": taken.alerts, "known": taken.known})


async def _bounded(request: Request) -> bytes | None:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _problem(status: int, title: str, errors: list[str] | None = None) -> Response:
    body = {"title": title, "status": status, "errors": errors or []}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})
