"""A WordPress site's REST API: posts and tags, for one user with an application password; a taken slug is numbered."""

import base64
import json
import re
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from towpath.standins.faults import Fault, Faults
from towpath.standins.ledger import Answer, EffectLedger
from towpath.standins.timelines import broken

USER, PASSWORD = "editor", "stand in pass word"
BASE = "/wp-json/wp/v2"


class WordPressStandIn:
    """The operations that faults name are `publish`, `find`, `remove`, `tag` and `me`; the reference is the slug."""

    def __init__(self, ledger: EffectLedger, faults: Faults) -> None:
        self.posts: list[dict[str, Any]] = []
        self.tags: list[str] = []
        self._ledger = ledger
        self._faults = faults

    def routes(self) -> list[Route]:
        return [
            Route(f"{BASE}/posts", self._publish, methods=["POST"]),
            Route(f"{BASE}/posts", self._list, methods=["GET"]),
            Route(f"{BASE}/posts/{{post_id:int}}", self._remove, methods=["DELETE"]),
            Route(f"{BASE}/tags", self._tag, methods=["POST"]),
            Route(f"{BASE}/users/me", self._me, methods=["GET"]),
            Route("/{path:path}", _no_route, methods=["GET", "POST", "PUT", "DELETE"]),
        ]

    async def _publish(self, request: Request) -> Response:
        if stopped := _refused(request):
            return stopped
        body: dict[str, Any] = json.loads(await request.body())
        slug = re.sub(r"[^a-z0-9-]", "", str(body.get("slug", "")).lower())
        fault = self._faults.take("wordpress", "publish", slug)
        if stopped := await broken(fault, _refuse, after=False):
            return stopped
        status, answer = self._ledger.attempt("wordpress", slug, lambda: self._post(slug, body))
        if stopped := await broken(fault, _refuse, after=True):
            return stopped
        return JSONResponse(_selected(request, answer) if status < 400 else answer, status_code=status)

    def _post(self, slug: str, body: dict[str, Any]) -> Answer:
        tags: list[Any] = body.get("tags", [])
        if not all(isinstance(tag, int) for tag in tags):
            return _invalid("tags", "tags[0] is not of type integer.")
        if not any(str(body.get(name, "")).strip() for name in ("title", "content", "excerpt")):
            return 400, _error(400, "empty_content", "Content, title, and excerpt are empty.")
        taken = {post["slug"] for post in self.posts if post["status"] != "trash"}
        free = slug if slug not in taken else next(f"{slug}-{n}" for n in range(2, 999) if f"{slug}-{n}" not in taken)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        post: dict[str, Any] = {
            "id": len(self.posts) + 1,
            "date": now,
            "date_gmt": now,
            "slug": free,
            "status": body.get("status", "draft"),
            "link": f"https://blog.towpath.example/{free}/",
            "title": {"raw": body.get("title", ""), "rendered": body.get("title", "")},
            "content": {"raw": body.get("content", ""), "rendered": body.get("content", ""), "protected": False},
            "excerpt": {"raw": body.get("excerpt", ""), "rendered": body.get("excerpt", ""), "protected": False},
            "tags": tags,
        }
        self.posts.append(post)
        return 201, post

    async def _list(self, request: Request) -> Response:
        if stopped := _refused(request):
            return stopped
        slug = request.query_params.get("slug")
        if stopped := await broken(self._faults.take("wordpress", "find", slug or ""), _refuse, after=False):
            return stopped
        statuses = request.query_params.get("status", "publish").split(",")
        found = [post for post in self.posts if post["status"] in statuses and slug in {None, post["slug"]}]
        headers = {"X-WP-Total": str(len(found)), "X-WP-TotalPages": "1"}
        return JSONResponse([_selected(request, post) for post in found], headers=headers)

    async def _remove(self, request: Request) -> Response:
        if stopped := _refused(request):
            return stopped
        post = next((post for post in self.posts if post["id"] == request.path_params["post_id"]), None)
        if stopped := await broken(self._faults.take("wordpress", "remove", ""), _refuse, after=False):
            return stopped
        if post is None:
            return JSONResponse(_error(404, "rest_post_invalid_id", "Invalid post ID."), status_code=404)
        if request.query_params.get("force") == "true":
            self.posts[post["id"] - 1] = {**post, "slug": "", "status": "deleted"}
            return JSONResponse({"deleted": True, "previous": post})
        if post["status"] == "trash":
            answer = _error(410, "rest_already_trashed", "The post has already been deleted.")
            return JSONResponse(answer, status_code=410)
        post |= {"status": "trash", "slug": f"{post['slug']}__trashed"}
        return JSONResponse(post)

    async def _tag(self, request: Request) -> Response:
        if stopped := _refused(request):
            return stopped
        name = str(json.loads(await request.body()).get("name", ""))
        if stopped := await broken(self._faults.take("wordpress", "tag", name), _refuse, after=False):
            return stopped
        if name.lower() in self.tags:
            answer = _error(400, "term_exists", "A term with the name provided already exists in this taxonomy.")
            answer["data"]["term_id"] = self.tags.index(name.lower()) + 1
            return JSONResponse(answer, status_code=400)
        self.tags.append(name.lower())
        return JSONResponse({"id": len(self.tags)}, status_code=201)

    async def _me(self, request: Request) -> Response:
        if stopped := _refused(request):
            return stopped
        if stopped := await broken(self._faults.take("wordpress", "me", USER), _refuse, after=False):
            return stopped
        return JSONResponse({"id": 1, "capabilities": {"edit_posts": True, "publish_posts": True}})

    def as_json(self) -> list[dict[str, Any]]:
        return [
            {
                "id": post["id"],
                "slug": post["slug"],
                "status": post["status"],
                "title": post["title"]["raw"],
                "excerpt": post["excerpt"]["raw"],
                "content": post["content"]["raw"],
                "tags": [self.tags[tag - 1] for tag in post["tags"]],
            }
            for post in self.posts
        ]


async def _no_route(_: Request) -> Response:
    answer = _error(404, "rest_no_route", "No route was found matching the URL and request method.")
    return JSONResponse(answer, status_code=404)


def _refused(request: Request) -> Response | None:
    expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    given = request.headers.get("authorization", "")
    if not given:
        answer = _error(401, "rest_cannot_create", "Sorry, you are not allowed to create posts as this user.")
        return JSONResponse(answer, status_code=401)
    if given != f"Basic {expected}":
        answer = _error(401, "incorrect_password", "The provided password is an invalid application password.")
        return JSONResponse(answer, status_code=401)
    return None


def _selected(request: Request, post: dict[str, Any]) -> dict[str, Any]:
    wanted = request.query_params.get("_fields")
    return post if wanted is None else {name: post[name] for name in wanted.split(",")}


def _refuse(fault: Fault) -> Response:
    status = fault.status or 500
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    return JSONResponse(_error(status, fault.code, "ordered fault"), status_code=status, headers=headers)


def _error(status: int, code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "data": {"status": status}}


def _invalid(parameter: str, message: str) -> Answer:
    answer = _error(400, "rest_invalid_param", f"Invalid parameter(s): {parameter}")
    answer["data"]["params"] = {parameter: message}
    return 400, answer
