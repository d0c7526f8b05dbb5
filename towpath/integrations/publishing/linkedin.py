"""LinkedIn's Posts API (learn.microsoft.com/linkedin, Posts API and little text format): create, find, delete posts.

Needs w_organization_social and r_organization_social, or their member counterparts: an account whose own posts cannot
be read is not posted to, since nobody could tell what became of a post.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
from pydantic import BaseModel, Field, ValidationError

from towpath.config.masking import Masker
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.wire import JsonObject, json_object
from towpath.contracts.publishing.posting import FindPost, PreparePost, PublishedPost, PublishPost, RemovePost
from towpath.integrations.publishing.calls import PlatformCalls, PlatformOperation
from towpath.policy.core.retry_after import answered_at
from towpath.policy.publishing.fingerprints import matches

NAME = "linkedin"
PAGE = 50
MAX_PAGES = 40
CLOCK_SKEW = timedelta(minutes=2)
ID_HEADER = "x-restli-id"
RESTLI_METHODS = {"GET": "FINDER", "DELETE": "DELETE"}

_RESERVED = re.compile(r"[\\|{}@\[\]()<>#*_~]")
_HASHTAG = re.compile(r"(?<![\w#/])#(\w{1,100})(?!\w)")
_TEMPLATE = re.compile(r"\{hashtag\|\\?[#＃]\|((?:\\.|[^{}|\\]){1,200})\}")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
PLACE = "https://www.linkedin.com/feed/update/"


@dataclass(frozen=True, slots=True)
class LinkedInAccount:
    author: str
    """`urn:li:organization:…` or `urn:li:person:…`."""
    token: str = field(repr=False)


class _Element(BaseModel):
    id: str
    commentary: str = ""
    created_ms: int = Field(default=0, alias="createdAt")
    published_ms: int | None = Field(default=None, alias="publishedAt")
    state: str = Field(default="PUBLISHED", alias="lifecycleState")

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp((self.published_ms or self.created_ms) / 1000, UTC)


class _Page(BaseModel):
    elements: list[_Element] = []


class LinkedIn:
    """Implements `Adapter`. `version` is the API's month, as in 202606: LinkedIn serves each for a year."""

    def __init__(
        self, http: httpx.AsyncClient, base_url: str, version: str, accounts: Mapping[str, LinkedInAccount]
    ) -> None:
        self._accounts = accounts
        self._url = f"{base_url.rstrip('/')}/rest/posts"
        self._version = version
        self._platform = PlatformCalls(NAME, http, Masker([one.token for one in accounts.values()]))

    @property
    def accounts(self) -> frozenset[str]:
        return frozenset(self._accounts)

    def place_of(self, account: str) -> str:
        """The same for all: LinkedIn's addresses do not say whose a post is."""
        del account
        return PLACE

    async def prepare(self, request: PreparePost) -> None:
        """The account's posts can be read."""
        account = self._accounts[request.account]
        await self._page(account, start=0, count=1)

    async def publish(self, request: PublishPost) -> PublishedPost:
        account = self._accounts[request.account]
        operation = self._operation("publish", "POST", account, body=_body(account, request))
        if request.reply_to is not None:
            raise self._platform.error(FailureCode.PUBLISH_REFUSED, operation, "has no threads of posts")
        response = await self._platform.send(operation)
        self._check(operation, response)
        post_id = response.headers.get(ID_HEADER, "")
        if not post_id:
            raise self._platform.error(FailureCode.PUBLISH_UNKNOWN, operation, "answered without an id")
        return _published(post_id, datetime.now(UTC))

    async def find(self, request: FindPost) -> PublishedPost | None:
        account = self._accounts[request.account]
        oldest = request.since - CLOCK_SKEW
        for page in range(MAX_PAGES):
            elements = await self._page(account, start=page * PAGE, count=PAGE)
            for element in elements:
                recent = element.at >= oldest and element.state == "PUBLISHED"
                is_new = recent and element.id not in request.known
                if is_new and matches(request.fingerprint, unescaped(element.commentary)):
                    return _published(element.id, element.at)
            if not elements or min(element.at for element in elements) < oldest:
                return None
        operation = self._operation("find", "GET", account)
        why = f"has more than {PAGE * MAX_PAGES} posts since then"
        raise self._platform.error(FailureCode.PUBLISH_REFUSED, operation, why)

    async def remove(self, request: RemovePost) -> bool:
        """LinkedIn answers 204 for a post that is gone already, too."""
        account = self._accounts[request.account]
        path = f"/{quote(request.post_id, safe='')}"
        operation = self._operation("remove", "DELETE", account, path=path)
        response = await self._platform.send(operation)
        if response.status_code == 404:
            return False
        self._check(operation, response)
        return True

    async def _page(self, account: LinkedInAccount, *, start: int, count: int) -> list[_Element]:
        params = {
            "q": "author",
            "author": account.author,
            "start": str(start),
            "count": str(count),
            "sortBy": "CREATED",
        }
        operation = self._operation("find", "GET", account, params=params)
        response = await self._platform.send(operation)
        self._check(operation, response)
        try:
            return _Page.model_validate(self._platform.answer(operation, response)).elements
        except ValidationError:
            why = "answered a list of posts that cannot be read"
            raise self._platform.error(FailureCode.PUBLISH_UNAVAILABLE, operation, why) from None

    def _operation(
        self,
        name: str,
        method: str,
        account: LinkedInAccount,
        *,
        path: str = "",
        params: dict[str, str] | None = None,
        body: JsonObject | None = None,
    ) -> PlatformOperation:
        headers = {
            "Authorization": f"Bearer {account.token}",
            "LinkedIn-Version": self._version,
            "X-Restli-Protocol-Version": "2.0.0",
        }
        if method in RESTLI_METHODS:
            headers["X-RestLi-Method"] = RESTLI_METHODS[method]
        kind = "read" if body is None else "effect"
        return PlatformOperation(
            name, method, self._url + path, kind=kind, headers=headers, params=params or {}, body=body
        )

    def _check(self, operation: PlatformOperation, response: httpx.Response) -> None:
        if response.is_success:
            return
        problem = json_object(response.content) or {}
        inputs = _input_codes(problem)
        word = ", ".join(inputs) or str(problem.get("code") or problem.get("message") or "")
        status = response.status_code
        code = None
        if "DUPLICATE_POST" in inputs:
            code = FailureCode.PUBLISH_DUPLICATE
        elif status == 403:
            code = FailureCode.PUBLISH_AUTH
        has_wait = "retry-after" in response.headers
        now = answered_at(response.headers) or datetime.now(UTC)
        wait = until_midnight(now) if status == 429 and not has_wait else None
        raise self._platform.refusal(operation, response, problem=word, code=code, wait=wait)


def escaped(text: str) -> str:
    """`text` in LinkedIn's little text format: hashtags stay, every other reserved character is taken literally.

    An unescaped one is not refused: it silently cuts the post, or mentions somebody.
    """
    parts: list[str] = []
    end = 0
    for tag in _HASHTAG.finditer(text):
        parts += [_plain(text[end : tag.start()]), f"{{hashtag|\\#|{_plain(tag[1])}}}"]
        end = tag.end()
    return "".join([*parts, _plain(text[end:])])


def unescaped(commentary: str) -> str:
    """The text that a commentary in little text format shows."""
    return _ESCAPED.sub(r"\1", _TEMPLATE.sub(r"#\1", commentary))


def until_midnight(now: datetime) -> timedelta:
    """LinkedIn's limits are by the day, and reset at midnight UTC."""
    tomorrow = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return tomorrow - now


def _plain(text: str) -> str:
    return _RESERVED.sub(lambda match: "\\" + match[0], text)


def _body(account: LinkedInAccount, request: PublishPost) -> JsonObject:
    return {
        "author": account.author,
        "commentary": escaped(request.post.text),
        "visibility": "PUBLIC",
        "distribution": {
            "feedDistribution": "MAIN_FEED",
            "targetEntities": [],
            "thirdPartyDistributionChannels": [],
        },
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": False,
    }


def _input_codes(problem: JsonObject) -> list[str]:
    details = problem.get("errorDetails")
    inputs = details.get("inputErrors") if isinstance(details, dict) else None
    if not isinstance(inputs, list):
        return []
    return [str(one.get("code", "")) for one in inputs if isinstance(one, dict)]


def _published(post_id: str, at: datetime) -> PublishedPost:
    return PublishedPost(post_id=post_id, url=f"{PLACE}{post_id}", at=at)
