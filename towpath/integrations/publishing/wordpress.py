"""WordPress's REST API (developer.wordpress.org/rest-api): posts of a site, with an application password.

A post's slug ends in a digest of its key. WordPress itself has no idempotency and no check for duplicates: the slug,
looked for before and after, is what makes one post of several attempts.
"""

import base64
import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NoReturn

import httpx
from markdown_it import MarkdownIt
from pydantic import BaseModel, TypeAdapter, ValidationError

from towpath.config.masking import Masker
from towpath.contracts.core.failure import FailureCode, PublishError
from towpath.contracts.core.wire import EffectKey, JsonObject, json_object
from towpath.contracts.publishing.posting import FindPost, Post, PreparePost, PublishedPost, PublishPost, RemovePost
from towpath.integrations.publishing.calls import PlatformCalls, PlatformOperation

NAME = "wordpress"
ANY_STATUS = "publish,future,draft,pending,private"
FIELDS = "id,slug,link,date_gmt"
SLUG_LETTERS = 60
MAX_TAGS = 20


@dataclass(frozen=True, slots=True)
class WordPressAccount:
    site: str
    user: str
    password: str = field(repr=False)


class _Post(BaseModel):
    id: int
    slug: str
    link: str
    date_gmt: datetime

    def published(self) -> PublishedPost:
        return PublishedPost(post_id=str(self.id), url=self.link, at=self.date_gmt.replace(tzinfo=UTC))


_POSTS = TypeAdapter(list[_Post])


class WordPress:
    """Implements `Adapter`."""

    def __init__(self, http: httpx.AsyncClient, accounts: Mapping[str, WordPressAccount]) -> None:
        self._accounts = accounts
        self._platform = PlatformCalls(NAME, http, Masker(_secrets(accounts)))

    @property
    def accounts(self) -> frozenset[str]:
        return frozenset(self._accounts)

    def place_of(self, account: str) -> str:
        """The site's whole host: its posts may stand beside the folder of its API."""
        return str(httpx.URL(self._accounts[account].site).copy_with(path="/", query=None))

    async def prepare(self, request: PreparePost) -> None:
        """The user may publish posts."""
        account = self._accounts[request.account]
        operation = _operation(
            "me", "GET", account, "/users/me", params={"context": "edit", "_fields": "id,capabilities"}
        )
        capabilities = (await self._ask(operation)).get("capabilities")
        if not isinstance(capabilities, dict) or capabilities.get("publish_posts") is not True:
            why = f"says that the user of {request.account!r} may not publish posts: make it an author"
            raise self._platform.error(FailureCode.PUBLISH_AUTH, operation, why)

    async def publish(self, request: PublishPost) -> PublishedPost:
        """The post of the key, made when it is not there yet.

        Two attempts at the same moment could make two: the later one has another slug, and is taken back at once.
        """
        account = self._accounts[request.account]
        if request.reply_to is not None:
            operation = _operation("publish", "POST", account, "/posts")
            raise self._platform.error(FailureCode.PUBLISH_REFUSED, operation, "has no threads of posts")
        slug = slug_of(request.post, request.key)
        found = await self._find(account, slug)
        if found is not None:
            return found.published()
        tags = await self._tags(account, request.post.tags)
        made = await self._make(account, _body(request.post, slug, tags))
        if _is_twin(made.slug, slug):
            await self._take_back(account, made)
        return made.published()

    async def find(self, request: FindPost) -> PublishedPost | None:
        """By its slug, which no other post has: neither its text nor its age matters."""
        account = self._accounts[request.account]
        found = await self._find(account, slug_of(request.post, request.key))
        return None if found is None else found.published()

    async def remove(self, request: RemovePost) -> bool:
        """Into the site's trash, from where an editor can bring it back."""
        return await self._delete(self._accounts[request.account], request.post_id, for_good=False)

    async def _take_back(self, account: WordPressAccount, twin: _Post) -> NoReturn:
        operation = _operation("publish", "POST", account, "/posts")
        try:
            await self._delete(account, str(twin.id), for_good=True)
        except PublishError:
            why = f"has the post twice: delete the post {twin.id} by hand"
            raise self._platform.error(FailureCode.PUBLISH_UNKNOWN, operation, why) from None
        raise self._platform.error(FailureCode.PUBLISH_DUPLICATE, operation, "has the post already")

    async def _find(self, account: WordPressAccount, slug: str) -> _Post | None:
        params = {"slug": slug, "status": ANY_STATUS, "context": "edit", "_fields": FIELDS}
        operation = _operation("find", "GET", account, "/posts", params=params)
        response = await self._platform.send(operation)
        self._check(operation, response)
        try:
            posts = _POSTS.validate_json(response.content)
        except ValidationError:
            why = "answered a list of posts that cannot be read: is the site's REST API on?"
            raise self._platform.error(FailureCode.PUBLISH_UNAVAILABLE, operation, why) from None
        return next((post for post in posts if post.slug == slug), None)

    async def _make(self, account: WordPressAccount, body: JsonObject) -> _Post:
        operation = _operation("publish", "POST", account, "/posts", body=body, params={"_fields": FIELDS}, effect=True)
        answer = await self._ask(operation)
        try:
            return _Post.model_validate(answer)
        except ValidationError:
            raise self._platform.error(FailureCode.PUBLISH_UNKNOWN, operation, "answered without a post") from None

    async def _tags(self, account: WordPressAccount, names: Sequence[str]) -> list[int]:
        """Ids of the tags. One that is there already is refused with its id, so making it twice makes one."""
        ids: list[int] = []
        for name in names[:MAX_TAGS]:
            operation = _operation("tag", "POST", account, "/tags", body={"name": name}, params={"_fields": "id"})
            response = await self._platform.send(operation)
            found = _existing_term(response) if response.status_code in {400, 409} else None
            if found is None:
                self._check(operation, response)
                found = self._platform.answer(operation, response).get("id")
            if isinstance(found, int) and found not in ids:
                ids.append(found)
        return ids

    async def _delete(self, account: WordPressAccount, post_id: str, *, for_good: bool) -> bool:
        path = f"/posts/{post_id}" if post_id.isdigit() else "/posts/0"
        operation = _operation("remove", "DELETE", account, path, params={"force": "true"} if for_good else {})
        response = await self._platform.send(operation)
        if response.status_code in {404, 410} and _code(response) in {"rest_post_invalid_id", "rest_already_trashed"}:
            return False
        self._check(operation, response)
        return True

    async def _ask(self, operation: PlatformOperation) -> JsonObject:
        response = await self._platform.send(operation)
        self._check(operation, response)
        return self._platform.answer(operation, response)

    def _check(self, operation: PlatformOperation, response: httpx.Response) -> None:
        if not response.is_success:
            code = FailureCode.PUBLISH_AUTH if response.status_code == 403 else None
            raise self._platform.refusal(operation, response, problem=_code(response), code=code)


def slug_of(post: Post, key: EffectKey) -> str:
    """The title in plain letters, and 64 bits of the key's SHA-256: the same for every attempt of one post."""
    plain = unicodedata.normalize("NFKD", post.title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG_LETTERS].rstrip("-") or "post"
    return f"{words}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _operation(
    name: str,
    method: str,
    account: WordPressAccount,
    path: str,
    *,
    effect: bool = False,
    params: dict[str, str] | None = None,
    body: JsonObject | None = None,
) -> PlatformOperation:
    return PlatformOperation(
        name,
        method,
        f"{account.site.rstrip('/')}/wp-json/wp/v2{path}",
        kind="effect" if effect else "read",
        headers={"Authorization": f"Basic {_basic(account)}"},
        params=params or {},
        body=body,
    )


def _body(post: Post, slug: str, tags: Sequence[int]) -> JsonObject:
    return {
        "title": post.title,
        "content": html_of(post.text),
        "excerpt": post.description,
        "slug": slug,
        "status": "publish",
        "tags": [*tags],
    }


def _basic(account: WordPressAccount) -> str:
    return base64.b64encode(f"{account.user}:{account.password}".encode()).decode()


def _secrets(accounts: Mapping[str, WordPressAccount]) -> list[str]:
    return [form for account in accounts.values() for form in (account.password, _basic(account))]


def _is_twin(slug: str, wanted: str) -> bool:
    """Whether WordPress has numbered the slug, as it does when the wanted one is taken."""
    return slug != wanted and re.fullmatch(rf"{re.escape(wanted)}-\d+", slug) is not None


def _code(response: httpx.Response) -> str:
    problem = json_object(response.content) or {}
    return str(problem.get("code") or "")


def _existing_term(response: httpx.Response) -> int | None:
    problem = json_object(response.content) or {}
    data = problem.get("data")
    if problem.get("code") != "term_exists" or not isinstance(data, dict):
        return None
    found = data.get("term_id")
    return found if isinstance(found, int) else None


_RENDERER = MarkdownIt("commonmark", {"html": False}).enable("table")


def html_of(markdown: str) -> str:
    """HTML 5. Raw HTML in the source is shown as text; links with a scheme that runs something are no links.

    A bracket becomes an entity: WordPress runs `[shortcodes]` that it finds in a post, inside attributes too.
    """
    return _RENDERER.render(markdown).replace("[", "&#91;").replace("]", "&#93;")
