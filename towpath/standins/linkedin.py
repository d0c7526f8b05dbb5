"""LinkedIn's Posts API: create, list and delete posts of an author. The same text twice is refused, and text behind a
reserved character that is not escaped is lost, as it is there.
"""

import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from towpath.standins.credentials import bearer
from towpath.standins.faults import Fault, Faults
from towpath.standins.ledger import Answer, EffectLedger
from towpath.standins.timelines import LAG, Timeline, TimelinePost, broken

AUTHORS = {"stand-in": "urn:li:organization:100001", "stand-in-2": "urn:li:organization:100002"}
"""Token to the author that it may post for."""
OLDEST_VERSION = "202511"
MAX_COMMENTARY = 3000

_TEMPLATE = re.compile(r"\{hashtag\|\\#\|((?:\\.|[^{}|\\])+)\}")
_LOST = re.compile(r"(?<!\\)[()\[\]{}<>|@*~].*", re.DOTALL)


class LinkedInStandIn:
    """The operations that faults name are `publish`, `find` and `remove`; the reference is the author's URN."""

    def __init__(self, ledger: EffectLedger, faults: Faults) -> None:
        self.timeline = Timeline()
        self._ledger = ledger
        self._faults = faults

    def routes(self) -> list[Route]:
        return [
            Route("/rest/posts", self._publish, methods=["POST"]),
            Route("/rest/posts", self._list, methods=["GET"]),
            Route("/rest/posts/{post_id}", self._remove, methods=["DELETE"]),
        ]

    async def _publish(self, request: Request) -> Response:
        author = AUTHORS.get(bearer(request))
        if author is None:
            return _unknown()
        body: dict[str, Any] = json.loads(await request.body() or b"{}")
        if stopped := _refused(request, author, str(body.get("author", ""))):
            return stopped
        fault = self._faults.take("linkedin", "publish", author or "")
        if stopped := await broken(fault, _refuse, after=False):
            return stopped
        status, answer = self._ledger.attempt(
            "linkedin", f"{author}/{body.get('commentary', '')[:60]}", lambda: self._post(str(author), body)
        )
        if stopped := await broken(fault, _refuse, after=True):
            return stopped
        if status >= 400:
            return JSONResponse(answer, status_code=status)
        return Response(status_code=201, headers={"x-restli-id": answer["id"], "x-linkedin-id": answer["id"]})

    def _post(self, author: str, body: dict[str, Any]) -> Answer:
        commentary = str(body.get("commentary", ""))
        missing = {"commentary", "visibility", "distribution", "lifecycleState"} - body.keys()
        if missing:
            field = min(missing)
            return _input_error(422, "MISSING_FIELD", f"/{field} :: field is required but not found")
        if len(commentary) > MAX_COMMENTARY:
            return _input_error(422, "FIELD_LENGTH_TOO_LONG", "/commentary :: is too long")
        kept = _kept(commentary)
        twin = self.timeline.duplicate(author, kept)
        if twin is not None:
            return _input_error(
                422, "DUPLICATE_POST", f"Content is a duplicate of {twin.id}", "Duplicate post is detected"
            )
        post_id = f"urn:li:share:{7_200_000_000_000_000_000 + len(self.timeline.messages)}"
        shown = re.sub(r"\\(.)", r"\1", _TEMPLATE.sub(r"#\1", kept))
        self.timeline.add(TimelinePost(id=post_id, account=author, text=kept, shown=shown))
        return 201, {"id": post_id}

    async def _list(self, request: Request) -> Response:
        author = AUTHORS.get(bearer(request))
        query = request.query_params
        if stopped := _refused(request, author, query.get("author", "")):
            return stopped
        if query.get("q") != "author":
            return _problem(400, "ILLEGAL_ARGUMENT", "a finder is needed")
        fault = self._faults.take("linkedin", "find", author or "")
        if stopped := await broken(fault, _refuse, after=False):
            return stopped
        start, count = int(query.get("start", "0")), int(query.get("count", "10"))
        found = [] if fault is not None and fault.code == LAG else self.timeline.of(author or "")
        elements = [_element(message) for message in found[start : start + count]]
        return JSONResponse({"paging": {"start": start, "count": count, "links": []}, "elements": elements})

    async def _remove(self, request: Request) -> Response:
        author = AUTHORS.get(bearer(request))
        if stopped := _refused(request, author, author or ""):
            return stopped
        fault = self._faults.take("linkedin", "remove", author or "")
        if stopped := await broken(fault, _refuse, after=False):
            return stopped
        self.timeline.remove(author or "", request.path_params["post_id"])
        return Response(status_code=204)


def _refused(request: Request, author: str | None, wanted: str) -> Response | None:
    if author is None:
        return _unknown()
    version = request.headers.get("linkedin-version", "")
    if not version:
        return _problem(400, "VERSION_MISSING", "A version must be present: add the LinkedIn-Version header")
    if not version.isdigit() or version < OLDEST_VERSION:
        return _problem(426, "NONEXISTENT_VERSION", f"Requested version {version} is not active")
    if request.headers.get("x-restli-protocol-version") != "2.0.0":
        return _problem(400, "PARAM_INVALID", "X-Restli-Protocol-Version must be 2.0.0")
    if wanted != author:
        return _problem(403, "ACCESS_DENIED", "Not enough permissions to access: posts", service_code=100)
    return None


def _unknown() -> Response:
    return _problem(401, "INVALID_ACCESS_TOKEN", "Invalid access token", service_code=65600)


def _kept(commentary: str) -> str:
    """What LinkedIn keeps: hashtag templates and escaped characters, up to a reserved character that is neither."""
    templates = _TEMPLATE.findall(commentary)
    kept = _LOST.sub("", _TEMPLATE.sub("\0", commentary))
    for tag in templates:
        kept = kept.replace("\0", f"{{hashtag|\\#|{tag}}}", 1)
    return kept


def _element(message: TimelinePost) -> dict[str, Any]:
    moment = int(message.at.timestamp() * 1000)
    return {
        "id": message.id,
        "author": message.account,
        "commentary": message.text,
        "createdAt": moment,
        "publishedAt": moment,
        "lastModifiedAt": moment,
        "lifecycleState": "PUBLISHED",
        "visibility": "PUBLIC",
        "distribution": {"feedDistribution": "MAIN_FEED", "thirdPartyDistributionChannels": []},
        "isReshareDisabledByAuthor": False,
    }


def _refuse(fault: Fault) -> Response:
    status = fault.status or 500
    if status == 429:
        text = "Resource level throttle APPLICATION DAY limit for calls to this resource is reached."
        headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
        return _problem(429, "TOO_MANY_REQUESTS", text, service_code=101, headers=headers)
    return _problem(status, fault.code.upper(), "Internal Server Error")


def _problem(
    status: int, code: str, message: str, *, service_code: int | None = None, headers: dict[str, str] | None = None
) -> Response:
    body: dict[str, Any] = {"status": status, "code": code, "message": message}
    if service_code is not None:
        body["serviceErrorCode"] = service_code
    return JSONResponse(body, status_code=status, headers=headers)


def _input_error(status: int, code: str, message: str, description: str | None = None) -> Answer:
    return status, {
        "errorDetailType": "com.linkedin.common.error.BadRequest",
        "message": message,
        "errorDetails": {"inputErrors": [{"description": description or message, "input": {}, "code": code}]},
        "status": status,
    }
