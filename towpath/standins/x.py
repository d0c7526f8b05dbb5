"""X API v2: create, list and delete posts. Links become t.co links, the same text twice is refused, long texts too.

Its users are those of `USERS`, by token; a token that is none of theirs is refused.
"""

import hashlib
import html
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from towpath.standins.credentials import bearer
from towpath.standins.faults import Fault, Faults
from towpath.standins.ledger import Answer, EffectLedger
from towpath.standins.timelines import LAG, Timeline, TimelinePost, broken, snowflake
from towpath.standins.x_counting import links, weight

USERS = {
    "stand-in": ("1700000000000000001", "towpath_demo"),
    "stand-in-2": ("1700000000000000002", "towpath_second"),
}
"""Token to id and name."""
MAX_WEIGHT = 280
MAX_LETTERS = 20_000
PROBLEMS = "https://api.twitter.com/2/problems"
TITLES = {400: "Invalid Request", 401: "Unauthorized", 403: "Forbidden", 429: "Too Many Requests"}


class XStandIn:
    """The operations that faults name are `publish`, `find`, `remove` and `me`; the reference is the user's name."""

    def __init__(self, ledger: EffectLedger, faults: Faults) -> None:
        self.timeline = Timeline()
        self._ledger = ledger
        self._faults = faults

    def routes(self) -> list[Route]:
        return [
            Route("/2/tweets", self._publish, methods=["POST"]),
            Route("/2/tweets/{post_id}", self._remove, methods=["DELETE"]),
            Route("/2/users/me", self._me, methods=["GET"]),
            Route("/2/users/{user_id}/tweets", self._list, methods=["GET"]),
        ]

    async def _publish(self, request: Request) -> Response:
        user = USERS.get(bearer(request))
        if user is None:
            return _problem(401, "Unauthorized")
        try:
            body: dict[str, Any] = json.loads(await request.body())
        except json.JSONDecodeError:
            body = {}
        fault = self._faults.take("x", "publish", user[1])
        if stopped := await broken(fault, _refuse, after=False):
            return stopped
        status, answer = self._perform(user[1], body)
        if stopped := await broken(fault, _refuse, after=True):
            return stopped
        return JSONResponse(answer, status_code=status)

    def _perform(self, username: str, body: dict[str, Any]) -> Answer:
        text = body.get("text")
        reply: dict[str, Any] = body.get("reply", {})
        if not isinstance(text, str) or not text.strip():
            return _invalid("text", "one of [text, media, poll] is required")
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return self._ledger.attempt("x", f"{username}/{digest}", lambda: self._post(username, text, reply))

    def _post(self, username: str, text: str, reply: dict[str, Any]) -> Answer:
        reply_to = reply.get("in_reply_to_tweet_id")
        known = {message.id for message in self.timeline.messages if not message.removed}
        if reply_to is not None and reply_to not in known:
            return _body(403, "You attempted to reply to a Tweet that is deleted or not visible to you.")
        if len(text) > MAX_LETTERS or weight(text) > MAX_WEIGHT:
            return _body(403, "Your Tweet text is too long.")
        if self.timeline.duplicate(username, text) is not None:
            return _body(403, "You are not allowed to create a Tweet with duplicate content.")
        post_id = snowflake(datetime.now(UTC), (message.id for message in self.timeline.messages))
        message = TimelinePost(id=post_id, account=username, text=text, shown=text, reply_to=reply_to)
        self.timeline.add(message)
        shown = _tweet(message)
        return 201, {"data": {name: shown[name] for name in ("id", "text", "edit_history_tweet_ids")}}

    async def _list(self, request: Request) -> Response:
        user = USERS.get(bearer(request))
        if user is None:
            return _problem(401, "Unauthorized")
        fault = self._faults.take("x", "find", user[1])
        if stopped := await broken(fault, _refuse, after=False):
            return stopped
        names = dict(USERS.values())
        username = names.get(request.path_params["user_id"], "")
        found = [] if fault is not None and fault.code == LAG else self.timeline.of(username)
        since = request.query_params.get("start_time")
        if since is not None:
            found = [message for message in found if message.at >= datetime.fromisoformat(since)]
        size = int(request.query_params.get("max_results", "10"))
        if not 5 <= size <= 100:
            status, body = _invalid("max_results", f"The `max_results` query parameter value [{size}] is not in 5..100")
            return JSONResponse(body, status_code=status)
        return JSONResponse(_page(found, int(request.query_params.get("pagination_token", "0")), size))

    async def _remove(self, request: Request) -> Response:
        user = USERS.get(bearer(request))
        if user is None:
            return _problem(401, "Unauthorized")
        fault = self._faults.take("x", "remove", user[1])
        if stopped := await broken(fault, _refuse, after=False):
            return stopped
        return JSONResponse({"data": {"deleted": self.timeline.remove(user[1], request.path_params["post_id"])}})

    async def _me(self, request: Request) -> Response:
        user = USERS.get(bearer(request))
        if user is None:
            return _problem(401, "Unauthorized")
        if stopped := await broken(self._faults.take("x", "me", user[1]), _refuse, after=False):
            return stopped
        return JSONResponse({"data": {"id": user[0], "name": "Towpath", "username": user[1]}})


def _page(found: list[TimelinePost], start: int, size: int) -> dict[str, Any]:
    """A token is the place to go on at."""
    page = found[start : start + size]
    meta: dict[str, Any] = {"result_count": len(page)}
    if not page:
        return {"meta": meta}
    meta |= {"newest_id": page[0].id, "oldest_id": page[-1].id}
    if start + size < len(found):
        meta["next_token"] = str(start + size)
    return {"data": [_tweet(message) for message in page], "meta": meta}


def _tweet(message: TimelinePost) -> dict[str, Any]:
    urls: list[dict[str, Any]] = []
    shown: list[str] = []
    position = 0
    for start, end in links(message.text):
        link = message.text[start:end]
        short = f"https://t.co/{hashlib.sha256(link.encode()).hexdigest()[:10]}"
        whole = link if "://" in link else f"http://{link}"
        urls.append({"url": short, "expanded_url": whole, "display_url": whole.partition("://")[2][:26]})
        shown += [message.text[position:start], short]
        position = end
    text = html.escape("".join([*shown, message.text[position:]]), quote=False)
    at = message.at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{message.at.microsecond // 1000:03d}Z"
    tweet: dict[str, Any] = {"id": message.id, "text": text, "created_at": at, "edit_history_tweet_ids": [message.id]}
    if message.reply_to is not None:
        tweet["referenced_tweets"] = [{"type": "replied_to", "id": message.reply_to}]
    return tweet | ({"entities": {"urls": urls}} if urls else {})


def _refuse(fault: Fault) -> Response:
    status = fault.status or 503
    headers: dict[str, str] = {}
    if status == 429:
        reset = datetime.now(UTC) + timedelta(seconds=float(fault.retry_after or "1"))
        headers = {
            "x-rate-limit-limit": "100",
            "x-rate-limit-remaining": "0",
            "x-rate-limit-reset": str(-int(-reset.timestamp() // 1)),
        }
    return _problem(status, TITLES.get(status, "Service Unavailable"), headers)


def _problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(_body(status, detail)[1], status_code=status, headers=headers)


def _body(status: int, detail: str) -> Answer:
    title = TITLES.get(status, "Service Unavailable")
    return status, {"title": title, "type": "about:blank", "status": status, "detail": detail}


def _invalid(parameter: str, message: str) -> Answer:
    return 400, {
        "errors": [{"parameters": {parameter: []}, "message": message}],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": f"{PROBLEMS}/invalid-request",
    }
