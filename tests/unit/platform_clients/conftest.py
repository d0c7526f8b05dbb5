"""The three platforms: their clients on the stand-ins, or on whatever answers a test gives."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest_asyncio

from towpath.contracts.core.wire import effect_key
from towpath.contracts.publishing.posting import FindPost, Post, PublishPost
from towpath.integrations.publishing.adapter import Adapter
from towpath.integrations.publishing.linkedin import LinkedIn, LinkedInAccount
from towpath.integrations.publishing.wordpress import WordPress, WordPressAccount
from towpath.integrations.publishing.x import X, XAccount
from towpath.policy.publishing.fingerprints import fingerprint
from towpath.standins.app import StandIns

BASE = "http://standin"
KEY = effect_key("content-publishing/spring", "publish/x.main/1")
SINCE = datetime.now(UTC) - timedelta(minutes=10)
TEXT = "Our new depot in Busan ships to 12 countries (and counting): https://hanbit.example/news?a=1&b=2 #logistics"
ARTICLE = Post(text="# Busan\n\nIt **opens** on Monday.", title="A new depot", description="It opens.", tags=("Busan",))

TOKEN = "stand-in"
PASSWORD = "stand in pass word"

Handler = Callable[[httpx.Request], httpx.Response]


def x_on(http: httpx.AsyncClient, token: str = TOKEN, base: str = f"{BASE}/x") -> X:
    return X(http, base, {"main": XAccount(user_id="1700000000000000001", username="towpath_demo", token=token)})


def linkedin_on(
    http: httpx.AsyncClient, token: str = TOKEN, base: str = f"{BASE}/linkedin", version: str = "202606"
) -> LinkedIn:
    return LinkedIn(http, base, version, {"main": LinkedInAccount(author="urn:li:organization:100001", token=token)})


def wordpress_on(http: httpx.AsyncClient, password: str = PASSWORD, site: str = f"{BASE}/wordpress") -> WordPress:
    return WordPress(http, {"main": WordPressAccount(site=site, user="editor", password=password)})


def adapter_on(name: str, http: httpx.AsyncClient, token: str | None = None) -> Adapter:
    if name == "wordpress":
        return wordpress_on(http, token or PASSWORD)
    return (x_on if name == "x" else linkedin_on)(http, token or TOKEN)


def mocked(handler: Handler) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(handler))


def publishing(post: Post, **fields: Any) -> PublishPost:
    given: dict[str, Any] = {"adapter": "x", "account": "main", "since": SINCE, "key": KEY} | fields
    return PublishPost(post=post, fingerprint=fingerprint(post), **given)


def finding(post: Post, **fields: Any) -> FindPost:
    return FindPost.model_validate(publishing(post, **fields).model_dump())


@dataclass(frozen=True)
class World:
    """The stand-ins in this process, and a client that reaches them."""

    standins: StandIns
    http: httpx.AsyncClient

    def fault(self, **order: Any) -> None:
        self.standins.faults.order(order)

    def applied(self, service: str) -> list[tuple[int, int]]:
        """Requests and effects of each effect at a platform, in order."""
        effects = self.standins.ledger.effects.items()
        return [(effect.requests, effect.applied) for (name, _), effect in effects if name == service]


@pytest_asyncio.fixture(loop_scope="session")
async def world() -> AsyncIterator[World]:
    standins = StandIns(faults_allowed=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(standins.app())) as http:
        yield World(standins, http)
