"""The offline stand-in for Claude: the Messages API over HTTP, strict as the real one, and labelled everywhere.

Answers derive from the request's input (`answers`). The model of every answer is `offline-stand-in`, ids begin with
`msg_offline_`, and each response carries `x-offline-stand-in: 1`. Token counts are estimates: four characters a token.
"""

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from towpath.standins.claude import answers, models, rules
from towpath.standins.claude.rules import RefusedError
from towpath.standins.claude.stream import error_event, events
from towpath.standins.faults import Fault, Faults

Json = dict[str, Any]
NAME = "offline-stand-in"
CHARACTERS_PER_TOKEN = 4
STATUS_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}
UNSUPPORTED = " Save 4711 hours, see https://elsewhere.example/offer."
"""What the fault `unsupported_claims` adds: a number and an address that nobody gave."""


class ClaudeStandIn:
    """Counts its calls by output schema, for tests."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self.calls: Counter[str] = Counter()

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/messages", self._messages, methods=["POST"]),
                Route("/v1/messages/count_tokens", self._count, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/v1/models/{model}", self._model),
            ],
            exception_handlers={RefusedError: _refused},
        )

    async def _messages(self, request: Request) -> Response:
        _authenticate(request)
        body = await _body(request)
        rules.check_message_request(body)
        schema = rules.output_schema(body)
        title = "" if schema is None else str(schema.get("title", ""))
        self.calls[title] += 1
        fault = self._faults.take("claude", title, "")
        if fault is not None and fault.status is not None:
            raise RefusedError(
                fault.status, STATUS_KINDS.get(fault.status, "api_error"), "ordered fault", fault.retry_after
            )
        if fault is not None and fault.code == "html":
            return Response("<html><body>gateway</body></html>", media_type="text/html")
        message = _message(body, schema, fault)
        headers = _labels(message["id"])
        if not body.get("stream"):
            return JSONResponse(message, headers=headers)
        return StreamingResponse(_stream(message, fault), media_type="text/event-stream", headers=headers)

    async def _count(self, request: Request) -> Response:
        _authenticate(request)
        body = await _body(request)
        rules.check_message_request(body, counting=True)
        return JSONResponse({"input_tokens": _tokens(body)}, headers=_labels("count"))

    async def _models(self, request: Request) -> Response:
        _authenticate(request)
        listed = models.listing()
        page = {"data": listed, "has_more": False, "first_id": listed[0]["id"], "last_id": listed[-1]["id"]}
        return JSONResponse(page, headers=_labels("models"))

    async def _model(self, request: Request) -> Response:
        _authenticate(request)
        found = models.describe(request.path_params["model"])
        if found is None:
            raise RefusedError(404, "not_found_error", f"model: {request.path_params['model']}")
        return JSONResponse(found, headers=_labels("model"))


def _message(body: Json, schema: Json | None, fault: Fault | None) -> Json:
    given = answers.given_input(_text(body["messages"][0]["content"]))
    text = answers.answer(schema, given) if schema is not None else f"{answers.MARKS['en']} {_text(body['messages'])}"
    stop, details = "end_turn", None
    if fault is not None and fault.code == "refusal":
        stop, details, text = "refusal", {"type": "refusal", "category": None, "explanation": None}, "No."
    elif fault is not None and fault.code == "max_tokens":
        stop, text = "max_tokens", text[: len(text) // 2]
    elif fault is not None and fault.code == "bad_output":
        text = '{"unexpected": true}'
    elif fault is not None and fault.code == "unsupported_claims":
        text = text.replace('"email_body": "', f'"email_body": "{UNSUPPORTED} ', 1)
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:24]
    return {
        "id": f"msg_offline_{digest}",
        "type": "message",
        "role": "assistant",
        "model": NAME,
        "content": [{"type": "text", "text": text}],
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": details,
        "usage": {"input_tokens": _tokens(body), "output_tokens": max(1, len(text) // CHARACTERS_PER_TOKEN)},
    }


async def _stream(message: Json, fault: Fault | None) -> AsyncIterator[bytes]:
    for number, part in enumerate(events(message)):
        if number == 4 and fault is not None:
            if fault.hold:
                await fault.held()
            elif fault.code == "truncated":
                return
            elif fault.code == "overloaded_midstream":
                yield error_event("overloaded_error", "Overloaded")
                return
        yield part


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return " ".join(_text(part.get("text") or part.get("content") or "") for part in content)


def _tokens(body: Json) -> int:
    sent = json.dumps([body.get("system"), body["messages"], body.get("tools")], ensure_ascii=False)
    return max(1, len(sent) // CHARACTERS_PER_TOKEN)


async def _body(request: Request) -> Json:
    raw = await request.body()
    if len(raw) > rules.MAX_BODY_BYTES:
        raise RefusedError(413, "invalid_request_error", "request exceeds the maximum size")
    try:
        body = json.loads(raw)
    except ValueError:
        raise rules.invalid("the request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise rules.invalid("the request body must be an object")
    return cast("Json", body)


def _authenticate(request: Request) -> None:
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    if not bearer and not request.headers.get("x-api-key"):
        raise RefusedError(401, "authentication_error", "credentials are needed")
    if not request.headers.get("anthropic-version"):
        raise rules.invalid("anthropic-version: header is required")


def _labels(seed: str) -> dict[str, str]:
    return {"request-id": f"req_offline_{seed.removeprefix('msg_offline_')}", "x-offline-stand-in": "1"}


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, RefusedError):
        raise error
    headers = _labels("refused")
    if error.retry_after is not None:
        headers["Retry-After"] = error.retry_after
    body = {
        "type": "error",
        "error": {"type": error.kind, "message": error.message},
        "request_id": headers["request-id"],
    }
    return JSONResponse(body, status_code=error.status, headers=headers)
