"""The offline stand-in for Claude: the Messages API over HTTP, strict as the real one, and labelled everywhere.

Answers derive from the request's input (`answer`). The model of every answer is `offline-stand-in`, ids begin with
`msg_offline_`, and each response carries `x-offline-stand-in: 1`. Token counts are estimates.
"""

import asyncio
import hashlib
import json
import re
from collections import Counter

from pydantic import JsonValue, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from towpath.standins.claude import identity, models, stream
from towpath.standins.claude.answer import given_input
from towpath.standins.claude.errors import RefusedError, invalid
from towpath.standins.claude.faults import ClaudeFaults, Disturbance, FaultOrder
from towpath.standins.claude.message import Message, input_tokens, message_for
from towpath.standins.claude.rules import MAX_BODY_BYTES, check_question, check_request
from towpath.standins.claude.wire import parse_question, parse_request
from towpath.standins.faults import Faults

JsonObject = dict[str, JsonValue]
BROKEN_STREAMS = frozenset({"truncated", "not_json", "overloaded_midstream", "slow", "stall"})
EVENTS = "text/event-stream"
PAGE, MAX_PAGE = 20, 1000
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}")


class ClaudeStandIn:
    """Counts its calls by output schema and by input, for tests. `shared` are the orders of all stand-ins together."""

    def __init__(self, shared: Faults | None = None, *, control: bool = False) -> None:
        self._faults = ClaudeFaults(shared)
        self._control = control
        self._paused: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.inputs: Counter[str] = Counter()

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/messages", self._messages, methods=["POST"]),
                Route("/v1/messages/count_tokens", self._count_tokens, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/v1/models/{model}", self._model),
                Route("/_calls", self._counts),
                *([Route("/_faults", self._fault, methods=["GET", "POST", "DELETE"])] if self._control else []),
            ],
            exception_handlers={RefusedError: _refused, HTTPException: _no_route},
        )

    async def _messages(self, request: Request) -> Response:
        raw = await _body(request)
        asked = parse_request(raw)
        schema = check_request(asked, self._paused)
        text = asked.user_text()
        given = given_input(text)
        title = "" if schema is None else schema.title
        self._count(title, given)
        fault = self._faults.take(title, text)
        if fault is not None and fault.kind == "status":
            raise RefusedError(fault.status, "ordered fault", fault.retry_after)
        message = message_for(asked, schema, given, identity.digest(raw), fault)
        if message.stop_reason == "pause_turn" and message.text:
            self._paused.add(asked.paused_text() + message.text)
        if fault is None:
            return _answer(message, streamed=asked.stream)
        return await _disturbed(request, message, fault, streamed=asked.stream)

    def _count(self, title: str, given: JsonObject) -> None:
        self.calls[title] += 1
        canonical = json.dumps(given, sort_keys=True, separators=(",", ":"))
        self.inputs[hashlib.sha256(canonical.encode()).hexdigest()] += 1

    async def _count_tokens(self, request: Request) -> Response:
        raw = await _body(request)
        question = parse_question(raw)
        check_question(question, self._paused)
        headers = identity.headers(identity.digest(raw))
        return JSONResponse({"input_tokens": input_tokens(question)}, headers=headers)

    async def _models(self, request: Request) -> Response:
        _authenticate(request)
        return JSONResponse(_page(request), headers=identity.headers("models"))

    async def _model(self, request: Request) -> Response:
        _authenticate(request)
        name = request.path_params["model"]
        found = models.describe(name)
        if found is None:
            raise RefusedError(404, f"model: {name}")
        return JSONResponse(found, headers=identity.headers(identity.digest(name.encode())))

    async def _counts(self, _: Request) -> Response:
        counts = {"by_title": dict(self.calls), "by_input": dict(self.inputs), "total": self.calls.total()}
        return JSONResponse(counts, headers={identity.LABEL: "1"})

    async def _fault(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                number = self._faults.order(FaultOrder.model_validate_json(await request.body()))
            except ValidationError as error:
                return JSONResponse({"error": str(error)}, status_code=422, headers={identity.LABEL: "1"})
            return JSONResponse({"id": number}, status_code=201, headers={identity.LABEL: "1"})
        if request.method == "DELETE":
            self._faults.lift(_whole_number(request.query_params.get("id")))
        return JSONResponse({"hits": self._faults.hits()}, headers={identity.LABEL: "1"})


def _answer(message: Message, *, streamed: bool) -> Response:
    headers = _headers_of(message)
    if streamed:
        return Response(stream.whole(message), media_type=EVENTS, headers=headers)
    return JSONResponse(message.as_json(), headers=headers)


async def _disturbed(request: Request, message: Message, fault: Disturbance, *, streamed: bool) -> Response:
    """An answer where the transport, not the text, goes wrong; a broken stream begins well and has status 200."""
    headers = _headers_of(message)
    if fault.kind == "html":
        return Response("<html><body>gateway</body></html>", media_type="text/html", headers=headers)
    if streamed and fault.kind in BROKEN_STREAMS:
        return StreamingResponse(stream.disturbed(message, fault), media_type=EVENTS, headers=headers)
    if fault.kind == "overloaded_midstream":
        raise RefusedError(529, "Overloaded", fault.retry_after)
    await _pause(request, fault)
    answer = _answer(message, streamed=streamed)
    if fault.kind in {"truncated", "not_json"}:
        half = bytes(answer.body)[: len(answer.body) // 2]
        return Response(half, media_type="application/json", headers=headers)
    return answer


async def _pause(request: Request, fault: Disturbance) -> None:
    """Wait as the fault says, but not for a caller who has left."""
    waits = [asyncio.create_task(fault.pause()), asyncio.create_task(_left(request))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _headers_of(message: Message) -> dict[str, str]:
    return identity.headers(message.id.removeprefix(identity.message_id("")))


async def _body(request: Request) -> bytes:
    """The body of an authenticated request. All of a body that is too large is read: else nobody reads the answer."""
    _authenticate(request)
    raw = await request.body()
    if len(raw) > MAX_BODY_BYTES:
        raise RefusedError(413, "Request exceeds the maximum size")
    return raw


def _authenticate(request: Request) -> None:
    """Any credential will do, but there has to be one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    is_bearer = scheme.lower() == "bearer" and token.strip()
    if not is_bearer and not request.headers.get("x-api-key", "").strip():
        raise RefusedError(401, "credentials are needed: Authorization: Bearer, or x-api-key")
    if not _VERSION.fullmatch(request.headers.get("anthropic-version", "")):
        raise invalid("anthropic-version: header is required, as a date")


def _page(request: Request) -> JsonObject:
    query = request.query_params
    wanted = query.getlist("lifecycle[]") or query.getlist("lifecycle") or models.LISTED
    listed = models.listing(wanted)
    names = [str(model["id"]) for model in listed]
    limit = min(max(_whole_number(query.get("limit")) or PAGE, 1), MAX_PAGE)
    after, before = query.get("after_id"), query.get("before_id")
    for name in (after, before):
        if name is not None and name not in names:
            raise invalid(f"no model {name} to page from")
    first = names.index(after) + 1 if after is not None else 0
    last = names.index(before) if before is not None else len(names)
    chosen = slice(max(last - limit, first), last) if before is not None else slice(first, min(first + limit, last))
    shown = names[chosen]
    return {
        "data": [*listed[chosen]],
        "has_more": chosen.start > 0 if before is not None else chosen.stop < len(names),
        "first_id": shown[0] if shown else None,
        "last_id": shown[-1] if shown else None,
    }


def _whole_number(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal():
        raise invalid(f"{text!r} is not a whole number")
    return int(text)


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, RefusedError):
        raise error
    seed = identity.digest(f"{request.url.path} {error.status} {error.message}".encode())
    headers = identity.headers(seed)
    if error.retry_after is not None:
        headers["Retry-After"] = error.retry_after
    body = {
        "type": "error",
        "error": {"type": error.kind, "message": error.message},
        "request_id": headers["request-id"],
    }
    return JSONResponse(body, status_code=error.status, headers=headers)


async def _no_route(request: Request, error: Exception) -> Response:
    """A path or method that the API does not have is refused in its words, too."""
    if not isinstance(error, HTTPException):
        raise error
    return await _refused(request, RefusedError(error.status_code, error.detail))
