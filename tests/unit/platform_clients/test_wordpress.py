"""WordPress: articles as HTML, one for each key, whatever happens between two attempts."""

from typing import Any

import httpx
import pytest

from tests.unit.platform_clients.conftest import (
    ARTICLE,
    BASE,
    KEY,
    World,
    finding,
    mocked,
    publishing,
    wordpress_on,
)
from towpath.contracts.core.failure import FailureCode, PublishError
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.publishing.posting import Post, RemovePost
from towpath.integrations.publishing.wordpress import html_of, slug_of


async def test_an_article_goes_out_with_everything_it_has(world: World) -> None:
    """Title, body as HTML, summary as excerpt, and tags by their ids; one that is there already is used."""
    wordpress = wordpress_on(world.http)
    article = ARTICLE.model_copy(update={"tags": ("Busan", "Depots", "busan")})
    world.standins.wordpress.tags.append("depots")
    posted = await wordpress.publish(publishing(article))
    found = await wordpress.find(finding(article))
    shown = (await world.http.get(f"{BASE}/_standins/messages")).json()["wordpress"]

    assert found == posted
    assert posted.url == f"https://blog.towpath.example/{slug_of(article, KEY)}/"
    assert shown == [
        {
            "id": 1,
            "slug": slug_of(article, KEY),
            "status": "publish",
            "title": "A new depot",
            "excerpt": "It opens.",
            "content": "<h1>Busan</h1>\n<p>It <strong>opens</strong> on Monday.</p>\n",
            "tags": ["busan", "depots"],
        }
    ]


async def test_two_attempts_make_one_article(world: World) -> None:
    """The second one finds the first by its slug, and changes nothing."""
    wordpress = wordpress_on(world.http)
    first = await wordpress.publish(publishing(ARTICLE))
    second = await wordpress.publish(publishing(ARTICLE))
    other = await wordpress.publish(publishing(ARTICLE, key=EffectKey("content-publishing/autumn/publish")))

    assert first == second
    assert other.post_id != first.post_id
    assert world.applied("wordpress") == [(1, 1), (1, 1)]


class Overtaken(httpx.AsyncBaseTransport):
    """Another attempt publishes just before this one's request arrives."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith("/posts"):
            await wordpress_on(self._world.http).publish(publishing(ARTICLE))
        return await self._world.http.send(request)


async def test_attempts_at_the_same_moment_leave_one_article(world: World) -> None:
    """The one that came second is taken back, and says that the post is there."""
    async with httpx.AsyncClient(transport=Overtaken(world)) as http:
        with pytest.raises(PublishError) as caught:
            await wordpress_on(http).publish(publishing(ARTICLE))
    found = await wordpress_on(world.http).find(finding(ARTICLE))

    assert caught.value.code is FailureCode.PUBLISH_DUPLICATE
    assert found is not None
    assert found.post_id == "1"
    assert [post["status"] for post in world.standins.wordpress.posts] == ["publish", "deleted"]


async def test_a_twin_that_cannot_be_taken_back_is_told() -> None:
    """Nobody may believe that all is well: a person has to delete the second article."""
    slug = slug_of(ARTICLE, KEY)

    def answer(request: httpx.Request) -> httpx.Response:
        made = {"id": 2, "slug": f"{slug}-2", "link": "https://b.example/2", "date_gmt": "2026-11-25T12:00:00"}
        if request.method == "DELETE":
            return httpx.Response(500)
        if request.url.path.endswith("/tags"):
            return httpx.Response(201, json={"id": 1})
        return httpx.Response(201, json=made) if request.method == "POST" else httpx.Response(200, json=[])

    with pytest.raises(PublishError) as caught:
        await wordpress_on(mocked(answer)).publish(publishing(ARTICLE))

    assert caught.value.code is FailureCode.PUBLISH_UNKNOWN
    assert "delete the post 2 by hand" in caught.value.message


async def test_an_unknown_outcome_is_found_again(world: World) -> None:
    """The answer is lost, the article is there, and a further attempt makes no second one."""
    wordpress = wordpress_on(world.http)
    world.fault(service="wordpress", operation="publish", status=502, after_effect=True, times=1)
    with pytest.raises(PublishError) as caught:
        await wordpress.publish(publishing(ARTICLE))
    found = await wordpress.find(finding(ARTICLE))

    assert caught.value.code is FailureCode.PUBLISH_UNKNOWN
    assert found is not None
    assert await wordpress.publish(publishing(ARTICLE)) == found
    assert world.applied("wordpress") == [(1, 1)]


async def test_what_fails_before_the_article_leaves_none(world: World) -> None:
    """A tag that cannot be made is a passing failure: nothing is out."""
    world.fault(service="wordpress", operation="tag", status=500, times=1)
    with pytest.raises(PublishError) as caught:
        await wordpress_on(world.http).publish(publishing(ARTICLE))

    assert caught.value.code is FailureCode.PUBLISH_UNAVAILABLE
    assert world.standins.wordpress.posts == []


async def test_removal_goes_to_the_trash_and_may_be_repeated(world: World) -> None:
    """An editor can bring it back; what is in the trash is not out, and its slug is free again."""
    wordpress = wordpress_on(world.http)
    posted = await wordpress.publish(publishing(ARTICLE))
    removal = RemovePost(adapter="wordpress", account="main", post_id=posted.post_id, key=KEY)
    odd = removal.model_copy(update={"post_id": "../users/1"})

    assert [await wordpress.remove(removal), await wordpress.remove(removal), await wordpress.remove(odd)] == [
        True,
        False,
        False,
    ]
    assert world.standins.wordpress.posts[0]["status"] == "trash"
    assert await wordpress.find(finding(ARTICLE)) is None


@pytest.mark.parametrize(
    ("password", "site", "code"),
    [
        pytest.param("wrong", f"{BASE}/wordpress", FailureCode.PUBLISH_AUTH, id="wrong-password"),
        pytest.param("stand in pass word", f"{BASE}/wordpress/blog", FailureCode.PUBLISH_REFUSED, id="no-such-site"),
    ],
)
async def test_a_site_that_cannot_be_posted_to_is_noticed_before(
    world: World, password: str, site: str, code: FailureCode
) -> None:
    """Password and address are looked at before anything goes out."""
    with pytest.raises(PublishError) as caught:
        await wordpress_on(world.http, password, site).prepare(publishing(ARTICLE))

    assert caught.value.code is code


async def test_a_user_who_may_not_publish_is_noticed_before() -> None:
    """A contributor's posts would wait for an editor: the account is refused with what to do."""
    me = httpx.Response(200, json={"id": 1, "capabilities": {"edit_posts": True}})
    with pytest.raises(PublishError) as caught:
        await wordpress_on(mocked(lambda _: me)).prepare(publishing(ARTICLE))

    assert caught.value.code is FailureCode.PUBLISH_AUTH
    assert "may not publish posts" in caught.value.message


@pytest.mark.parametrize(
    ("title", "begins"),
    [
        ("A new depot", "a-new-depot-"),
        ("Überblick: 12 Länder & mehr!", "uberblick-12-lander-mehr-"),
        ("부산 신규 물류센터", "post-"),
        ("x" * 100, "x" * 60 + "-"),
    ],
)
def test_slug(title: str, begins: str) -> None:
    """Words of the title that an address may hold, and a digest of the key: the same for every attempt."""
    slug = slug_of(Post(text="t", title=title), KEY)

    assert slug == slug_of(Post(text="other", title=title), KEY)
    assert slug.startswith(begins)
    assert len(slug) == len(begins) + 16
    assert slug != slug_of(Post(text="t", title=title), EffectKey("other"))


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("# A\n\n**b** _c_ `d`", "<h1>A</h1>\n<p><strong>b</strong> <em>c</em> <code>d</code></p>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
        ('a <img src=x onerror="alert(1)"> b', "<p>a &lt;img src=x onerror=&quot;alert(1)&quot;&gt; b</p>\n"),
        ("<!-- wp:html -->", "<p>&lt;!-- wp:html --&gt;</p>\n"),
        ("[a](javascript:alert(1))", "<p>&#91;a&#93;(javascript:alert(1))</p>\n"),
        ("[a](https://a.example/?x=1&y=2)", '<p><a href="https://a.example/?x=1&amp;y=2">a</a></p>\n'),
        ("[gallery ids=1]", "<p>&#91;gallery ids=1&#93;</p>\n"),
        ('[a](https://a.example "[gallery]")', '<p><a href="https://a.example" title="&#91;gallery&#93;">a</a></p>\n'),
    ],
    ids=["text", "list", "script", "attribute", "block", "javascript", "link", "shortcode", "shortcode-in-attribute"],
)
def test_markdown_becomes_html_and_nothing_else_gets_through(markdown: str, expected: str) -> None:
    """Raw HTML, WordPress's blocks and shortcodes, and links that run something are shown as text."""
    assert html_of(markdown) == expected


async def test_a_table_becomes_a_table() -> None:
    """Tables are the one thing beyond CommonMark."""
    assert "<table>" in html_of("| a | b |\n|---|---|\n| 1 | 2 |")


async def test_requests_have_wordpresss_shape() -> None:
    """An application password as Basic credentials, and the fields of the REST API."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        post: dict[str, Any] = {"id": 3, "slug": slug_of(ARTICLE, KEY), "link": "https://b.example/3"}
        if request.url.path.endswith("/tags"):
            return httpx.Response(201, json={"id": 7})
        if request.method == "GET":
            return httpx.Response(200, json=[])
        return httpx.Response(201, json=post | {"date_gmt": "2026-11-25T12:00:00"})

    posted = await wordpress_on(mocked(answer)).publish(publishing(ARTICLE))
    find, tag, publish = seen

    assert {request.headers["authorization"] for request in seen} == {"Basic ZWRpdG9yOnN0YW5kIGluIHBhc3Mgd29yZA=="}
    assert find.url.path == "/wordpress/wp-json/wp/v2/posts"
    assert find.url.params["status"] == "publish,future,draft,pending,private"
    assert tag.content == b'{"name":"Busan"}'
    assert b'"status":"publish","tags":[7]' in publish.content
    assert posted.at.isoformat() == "2026-11-25T12:00:00+00:00"
