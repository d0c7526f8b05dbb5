"""X API v2 (docs.x.com): create, list and delete posts of an account, with an OAuth 2.0 user token.

Needs the scopes tweet.read, tweet.write and users.read.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
from pydantic import BaseModel, ValidationError

from towpath.config.masking import Masker
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.wire import JsonObject, json_object
from towpath.contracts.publishing.posting import FindPost, PreparePost, PublishedPost, PublishPost, RemovePost
from towpath.integrations.publishing.calls import PlatformCalls, PlatformOperation
from towpath.policy.core.retry_after import answered_at
from towpath.policy.publishing.fingerprints import is_versioned, matches

NAME = "x"
PAGE = 100
MAX_PAGES = 32
"""The API lists an account's latest 3,200 posts."""
CLOCK_SKEW = timedelta(minutes=2)
LIMITS = ("x-rate-limit", "x-app-limit-24hour", "x-user-limit-24hour")
DUPLICATE = "duplicate content"
"""X has no code for it: a 403 of type about:blank whose detail says so."""
_SHORT_LINK = re.compile(r"https?://t\.co/[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class XAccount:
    user_id: str
    username: str
    token: str = field(repr=False)


class _Url(BaseModel):
    url: str
    expanded_url: str = ""


class _Entities(BaseModel):
    urls: list[_Url] = []


class _Note(BaseModel):
    text: str
    entities: _Entities = _Entities()


class _Reference(BaseModel):
    type: str
    id: str


class _Tweet(BaseModel):
    id: str
    text: str
    created_at: datetime
    entities: _Entities = _Entities()
    note_tweet: _Note | None = None
    referenced_tweets: list[_Reference] = []

    @property
    def reply_to(self) -> str | None:
        return next((other.id for other in self.referenced_tweets if other.type == "replied_to"), None)


class _Meta(BaseModel):
    next_token: str | None = None


class _Timeline(BaseModel):
    data: list[_Tweet] = []
    meta: _Meta = _Meta()


class X:
    """Implements `Adapter`."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, accounts: Mapping[str, XAccount]) -> None:
        self._accounts = accounts
        self._base = base_url.rstrip("/")
        self._platform = PlatformCalls(NAME, http, Masker([one.token for one in accounts.values()]))

    @property
    def accounts(self) -> frozenset[str]:
        return frozenset(self._accounts)

    def place_of(self, account: str) -> str:
        return _place(self._accounts[account])

    async def prepare(self, request: PreparePost) -> None:
        """The token belongs to the account whose timeline will be read."""
        account = self._accounts[request.account]
        operation = self._operation("me", "GET", "/2/users/me", account)
        answer = await self._ask(operation)
        data = answer.get("data")
        found = data.get("id") if isinstance(data, dict) else None
        if found != account.user_id:
            why = f"says that the token of {request.account!r} is of another user: mend TOWPATH_X_ACCOUNTS"
            raise self._platform.error(FailureCode.PUBLISH_AUTH, operation, why)

    async def publish(self, request: PublishPost) -> PublishedPost:
        account = self._accounts[request.account]
        body: JsonObject = {"text": request.post.text}
        if request.reply_to is not None:
            body["reply"] = {"in_reply_to_tweet_id": request.reply_to}
        operation = self._operation("publish", "POST", "/2/tweets", account, body=body)
        answer = await self._ask(operation)
        data = answer.get("data")
        post_id = data.get("id") if isinstance(data, dict) else None
        if not isinstance(post_id, str) or not post_id:
            raise self._platform.error(FailureCode.PUBLISH_UNKNOWN, operation, "answered without an id")
        return _published(account, post_id, datetime.now(UTC))

    async def find(self, request: FindPost) -> PublishedPost | None:
        account = self._accounts[request.account]
        params = {
            "max_results": str(PAGE),
            "start_time": (request.since - CLOCK_SKEW).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tweet.fields": "created_at,entities,note_tweet,referenced_tweets",
            "exclude": "retweets",
        }
        path = f"/2/users/{account.user_id}/tweets"
        operation = self._operation("find", "GET", path, account, params=params)
        for _ in range(MAX_PAGES):
            operation = self._operation("find", "GET", path, account, params=params)
            page = self._timeline(operation, await self._ask(operation))
            for tweet in page.data:
                if _is_wanted(tweet, request):
                    return _published(account, tweet.id, tweet.created_at)
            if page.meta.next_token is None:
                return None
            params["pagination_token"] = page.meta.next_token
        why = f"lists no more than {PAGE * MAX_PAGES} posts, and the wanted one may be older"
        raise self._platform.error(FailureCode.PUBLISH_REFUSED, operation, why)

    async def remove(self, request: RemovePost) -> bool:
        account = self._accounts[request.account]
        operation = self._operation("remove", "DELETE", f"/2/tweets/{request.post_id}", account)
        response = await self._platform.send(operation)
        if response.status_code == 404:
            return False
        data = self._checked(operation, response).get("data")
        return isinstance(data, dict) and data.get("deleted") is True

    def _operation(
        self,
        name: str,
        method: str,
        path: str,
        account: XAccount,
        *,
        params: dict[str, str] | None = None,
        body: JsonObject | None = None,
    ) -> PlatformOperation:
        return PlatformOperation(
            name,
            method,
            self._base + path,
            kind="read" if body is None else "effect",
            headers={"Authorization": f"Bearer {account.token}"},
            params=dict(params or {}),
            body=body,
        )

    async def _ask(self, operation: PlatformOperation) -> JsonObject:
        return self._checked(operation, await self._platform.send(operation))

    def _checked(self, operation: PlatformOperation, response: httpx.Response) -> JsonObject:
        if response.is_success:
            return self._platform.answer(operation, response)
        problem = json_object(response.content) or {}
        detail = str(problem.get("detail") or problem.get("title") or "")
        duplicate = response.status_code == 403 and DUPLICATE in detail.lower()
        raise self._platform.refusal(
            operation,
            response,
            problem=detail,
            code=FailureCode.PUBLISH_DUPLICATE if duplicate else None,
            wait=reset_wait(response.headers) if response.status_code == 429 else None,
        )

    def _timeline(self, operation: PlatformOperation, answer: JsonObject) -> _Timeline:
        try:
            return _Timeline.model_validate(answer)
        except ValidationError:
            why = "answered a timeline that cannot be read"
            raise self._platform.error(FailureCode.PUBLISH_UNAVAILABLE, operation, why) from None


def readable(tweet: _Tweet) -> str:
    """The text as it was written: &amp; &lt; &gt; as characters, t.co links as their targets, long posts whole."""
    whole = tweet.note_tweet or tweet
    targets = {link.url: link.expanded_url for link in whole.entities.urls if link.expanded_url}
    text = html.unescape(whole.text)
    return _SHORT_LINK.sub(lambda short: targets.get(short.group(), short.group()), text)


def _is_wanted(tweet: _Tweet, request: FindPost) -> bool:
    """Whether it is the post, in its place. What an older fingerprint was taken of was looked for in any place."""
    if tweet.id in request.known or not matches(request.fingerprint, readable(tweet)):
        return False
    return tweet.reply_to == request.reply_to or not is_versioned(request.fingerprint)


def reset_wait(headers: httpx.Headers) -> timedelta | None:
    """Until the limit that is used up is reset: X sends remaining and reset (epoch seconds) of several limits.

    Both moments are by X's clock, where its answer is dated.
    """
    used_up = [name for name in LIMITS if headers.get(f"{name}-remaining") == "0"]
    resets = [headers.get(f"{name}-reset", "") for name in used_up or LIMITS[:1]]
    seconds = [int(reset) for reset in resets if reset.isascii() and reset.isdigit() and len(reset) < 12]
    now = answered_at(headers) or datetime.now(UTC)
    return datetime.fromtimestamp(max(seconds), UTC) - now if seconds else None


def _published(account: XAccount, post_id: str, at: datetime) -> PublishedPost:
    return PublishedPost(post_id=post_id, url=f"{_place(account)}{post_id}", at=at)


def _place(account: XAccount) -> str:
    return f"https://x.com/{account.username}/status/"
