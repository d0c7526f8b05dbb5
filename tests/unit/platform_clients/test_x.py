"""X: posts and threads, found again through what X makes of their texts, and its rate limits."""

import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from tests.unit.platform_clients.conftest import (
    BASE,
    KEY,
    SINCE,
    TEXT,
    World,
    finding,
    mocked,
    publishing,
    x_on,
)
from towpath.contracts.core.failure import FailureCode, PublishError
from towpath.contracts.publishing.posting import Post, RemovePost
from towpath.integrations.publishing.x import MAX_PAGES, reset_wait
from towpath.standins.timelines import TimelinePost
from towpath.standins.x_counting import weight

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TEXT, id="link-with-ampersand"),
        pytest.param("5 < 7 & 9 > 8, isn't it? See hanbit.example.com/a.", id="entities-and-bare-domain"),
        pytest.param("부산 물류센터가 열렸습니다 🚢👩‍👩‍👧 https://hanbit.example/소식", id="korean-and-emoji"),
        pytest.param("Two  spaces\n\nand a line, https://a.example/x_(y)", id="space"),
    ],
)
async def test_a_post_is_found_again_as_x_shows_it(world: World, text: str) -> None:
    """Links come back as t.co links and signs as HTML entities; the post is recognised all the same."""
    x = x_on(world.http)
    posted = await x.publish(publishing(Post(text=text)))
    found = await x.find(finding(Post(text=text)))
    shown = (await world.http.get(f"{BASE}/_standins/messages")).json()["x"]

    assert found is not None
    assert (found.post_id, found.url) == (posted.post_id, posted.url)
    assert posted.url == f"https://x.com/towpath_demo/status/{posted.post_id}"
    assert [one["text"] for one in shown] == [text]


async def test_only_the_same_text_since_then_counts(world: World) -> None:
    """Another text, another account's post, and an older one with the same words are not it."""
    x = x_on(world.http)
    timeline = world.standins.x.timeline
    old = SINCE - timedelta(hours=1)
    timeline.add(TimelinePost(id="1", account="towpath_demo", text=TEXT, shown=TEXT, at=old))
    timeline.add(TimelinePost(id="2", account="towpath_second", text=TEXT, shown=TEXT))
    await x.publish(publishing(Post(text="Something else")))

    assert await x.find(finding(Post(text=TEXT))) is None


async def test_the_place_in_the_thread_counts(world: World) -> None:
    """The same words as a reply are another post, and so is what is known already."""
    x = x_on(world.http)
    first = await x.publish(publishing(Post(text="Why locks?")))
    timeline = world.standins.x.timeline
    timeline.add(TimelinePost(id="9", account="towpath_demo", text=TEXT, shown=TEXT, reply_to=first.post_id))
    answer = await x.find(finding(Post(text=TEXT), reply_to=first.post_id))

    assert answer is not None
    assert answer.post_id == "9"
    assert await x.find(finding(Post(text=TEXT))) is None
    assert await x.find(finding(Post(text=TEXT), reply_to="8")) is None
    assert await x.find(finding(Post(text=TEXT), reply_to=first.post_id, known=("9",))) is None


async def test_posts_that_differ_in_a_link_or_a_sign_are_two(world: World) -> None:
    """What X makes of links and signs does not make them one."""
    x = x_on(world.http)
    texts = ("Tip: https://hanbit.example/a?b=1&copy=2", "Tip: https://hanbit.example/b", "Node.js &amp; 5%", "5")
    ids = [(await x.publish(publishing(Post(text=text)))).post_id for text in texts]
    found = [await x.find(finding(Post(text=text))) for text in texts]

    assert [post.post_id for post in found if post is not None] == ids
    assert await x.find(finding(Post(text="Tip: https://hanbit.example/c"))) is None


async def test_a_search_of_an_older_worker_is_answered(world: World) -> None:
    """Its fingerprint has no version, and it knows no place in a thread."""
    x = x_on(world.http)
    first = await x.publish(publishing(Post(text="Why locks?")))
    second = await x.publish(publishing(Post(text="Because."), reply_to=first.post_id))
    earlier = hashlib.sha256(b"because").hexdigest()
    found = await x.find(finding(Post(text="Because.")).model_copy(update={"fingerprint": earlier}))

    assert found is not None
    assert found.post_id == second.post_id


async def test_a_timeline_is_read_to_its_end(world: World) -> None:
    """A post behind 250 newer ones is on the third page, and found there."""
    x = x_on(world.http)
    posted = await x.publish(publishing(Post(text=TEXT)))
    for number in range(250):
        world.standins.x.timeline.add(TimelinePost(str(number), "towpath_demo", f"Post {number}", f"Post {number}"))
    found = await x.find(finding(Post(text=TEXT)))

    assert found is not None
    assert found.post_id == posted.post_id


async def test_a_timeline_without_end_is_no_answer() -> None:
    """When X lists no more, the post may still be out: that is an error, and not a no."""
    asked: list[str | None] = []

    def endless(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("pagination_token"))
        tweet = {"id": "1", "text": "other", "created_at": "2026-11-25T12:00:00.000Z"}
        return httpx.Response(200, json={"data": [tweet], "meta": {"next_token": f"t{len(asked)}"}})

    with pytest.raises(PublishError):
        await x_on(mocked(endless)).find(finding(Post(text=TEXT)))

    assert asked == [None, *(f"t{number}" for number in range(1, MAX_PAGES))]


async def test_requests_have_xs_shape() -> None:
    """A reply names the post before it, and the timeline is asked for what recognising needs."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.method == "POST":
            return httpx.Response(201, json={"data": {"id": "2", "text": "Second"}})
        return httpx.Response(200, json={"meta": {"result_count": 0}})

    x = x_on(mocked(answer))
    await x.publish(publishing(Post(text="Second"), reply_to="1"))
    await x.find(finding(Post(text="Second"), since=NOW))

    assert seen[0].content == b'{"text":"Second","reply":{"in_reply_to_tweet_id":"1"}}'
    assert seen[0].headers["authorization"] == "Bearer stand-in"
    assert seen[1].url.path == "/x/2/users/1700000000000000001/tweets"
    assert dict(seen[1].url.params) == {
        "max_results": "100",
        "start_time": "2026-11-25T11:58:00Z",
        "tweet.fields": "created_at,entities,note_tweet,referenced_tweets",
        "exclude": "retweets",
    }


async def test_a_long_post_is_compared_as_a_whole() -> None:
    """X cuts the text of a long post; its note_tweet has all of it."""
    text = "word " * 100 + "https://hanbit.example/long"
    whole = text.replace("https://hanbit.example/long", "https://t.co/abc")
    entities = {"urls": [{"url": "https://t.co/abc", "expanded_url": "https://hanbit.example/long"}]}
    tweet = {"id": "7", "text": whole[:276] + "…", "created_at": "2026-11-25T12:00:00.000Z"}
    page = {"data": [tweet | {"note_tweet": {"text": whole, "entities": entities}}], "meta": {"result_count": 1}}
    found = await x_on(mocked(lambda _: httpx.Response(200, json=page))).find(finding(Post(text=text)))

    assert found is not None
    assert found.post_id == "7"


async def test_duplicate_and_removal(world: World) -> None:
    """The same text is refused while it is out, and taken again once it was removed; removing twice finds nothing."""
    x = x_on(world.http)
    posted = await x.publish(publishing(Post(text=TEXT)))
    with pytest.raises(PublishError) as caught:
        await x.publish(publishing(Post(text=TEXT)))
    removal = RemovePost(adapter="x", account="main", post_id=posted.post_id, key=KEY)
    removed = [await x.remove(removal), await x.remove(removal)]

    assert caught.value.code is FailureCode.PUBLISH_DUPLICATE
    assert removed == [True, False]
    assert await x.find(finding(Post(text=TEXT))) is None
    assert world.applied("x") == [(2, 1)]


async def test_reply_to_what_is_gone_is_refused(world: World) -> None:
    """A thread whose post was deleted cannot go on."""
    with pytest.raises(PublishError) as caught:
        await x_on(world.http).publish(publishing(Post(text=TEXT), reply_to="404"))

    assert caught.value.code is FailureCode.PUBLISH_REFUSED


async def test_a_token_of_another_user_is_noticed_before_anything_is_posted(world: World) -> None:
    """Posts of that token would go to a timeline that nobody looks at."""
    await x_on(world.http).prepare(publishing(Post(text=TEXT)))
    for token, text in (("stand-in-2", "another user"), ("none", "401")):
        with pytest.raises(PublishError) as caught:
            await x_on(world.http, token).prepare(publishing(Post(text=TEXT)))
        assert caught.value.code is FailureCode.PUBLISH_AUTH
        assert text in caught.value.message


async def test_a_rate_limit_is_waited_for_until_it_is_reset(world: World) -> None:
    """X says when, in seconds of the epoch."""
    world.fault(service="x", operation="publish", status=429, retry_after="90")
    with pytest.raises(PublishError) as caught:
        await x_on(world.http).publish(publishing(Post(text=TEXT)))

    assert caught.value.code is FailureCode.PUBLISH_RATE_LIMITED
    assert caught.value.retry_after is not None
    assert 85 <= caught.value.retry_after.total_seconds() <= 91
    assert world.applied("x") == []


def headers(**limits: tuple[str, int]) -> dict[str, str]:
    """Remaining, and seconds until the reset, of each limit."""
    found: dict[str, str] = {}
    for name, (remaining, seconds) in limits.items():
        prefix = {"window": "x-rate-limit", "app": "x-app-limit-24hour", "user": "x-user-limit-24hour"}[name]
        found[f"{prefix}-remaining"] = remaining
        found[f"{prefix}-reset"] = str(int(NOW.timestamp()) + seconds)
    return found


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        pytest.param(headers(window=("0", 600)), 600, id="window"),
        pytest.param(headers(window=("5", 600), user=("0", 50_000)), 50_000, id="only-the-day-is-used-up"),
        pytest.param(headers(window=("0", 600), app=("0", 900), user=("0", 700)), 900, id="the-latest"),
        pytest.param(headers(window=("3", 600)), 600, id="none-says-that-it-is-used-up"),
        pytest.param({"x-rate-limit-remaining": "0", "x-rate-limit-reset": "soon"}, None, id="nonsense"),
        pytest.param({}, None, id="no-headers"),
    ],
)
def test_which_limit_counts(given: dict[str, str], seconds: int | None) -> None:
    """The wait ends when every limit that is used up has been reset, by X's clock and not by ours."""
    expected = None if seconds is None else timedelta(seconds=seconds)

    assert reset_wait(httpx.Headers(given | {"Date": format_datetime(NOW, usegmt=True)})) == expected


@pytest.mark.parametrize(("reset", "seconds"), [(10**9, 0), (10**11 - 1, 86_400)])
async def test_a_wait_is_bounded(reset: int, seconds: int) -> None:
    """A reset in the past is no wait, one in a thousand years is a day."""
    answer = httpx.Response(429, headers={"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(reset)})
    with pytest.raises(PublishError) as caught:
        await x_on(mocked(lambda _: answer)).publish(publishing(Post(text=TEXT)))

    assert caught.value.retry_after == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 280, 280),
        ("가" * 140, 280),
        ("See https://hanbit.kr/a/very/long/path/indeed?with=query", 27),
        ("👩‍👩‍👧", 2),
        ("🚢🚢", 4),
    ],
)
def test_the_stand_in_counts_as_x_does(text: str, expected: int) -> None:
    """The examples of X's documentation: what it would refuse is refused offline too."""
    assert weight(text) == expected


async def test_the_stand_in_refuses_what_x_refuses(world: World) -> None:
    """An empty text, one that is too long, and a request without a token."""
    auth: dict[str, Any] = {"headers": {"Authorization": "Bearer stand-in"}}
    empty = await world.http.post(f"{BASE}/x/2/tweets", json={}, **auth)
    long = await world.http.post(f"{BASE}/x/2/tweets", json={"text": "a" * 281}, **auth)
    nobody = await world.http.post(f"{BASE}/x/2/tweets", json={"text": "a"})

    assert (empty.status_code, empty.json()["title"]) == (400, "Invalid Request")
    assert (long.status_code, long.json()["type"]) == (403, "about:blank")
    assert (nobody.status_code, nobody.json()["title"]) == (401, "Unauthorized")
    assert empty.headers["x-offline-stand-in"] == "1"
