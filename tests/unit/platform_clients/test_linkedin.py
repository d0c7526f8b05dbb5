"""LinkedIn: its text format, posts found again by their author, and its limits by the day."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.platform_clients.conftest import BASE, KEY, SINCE, TEXT, World, finding, linkedin_on, mocked, publishing
from towpath.contracts.core.failure import FailureCode, PublishError
from towpath.contracts.publishing.posting import Post, RemovePost
from towpath.integrations.publishing.linkedin import escaped, unescaped, until_midnight
from towpath.standins.timelines import TimelinePost

AUTHOR = "urn:li:organization:100001"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Plain text, with a comma.", "Plain text, with a comma."),
        ("Costs (net) are [low]", r"Costs \(net\) are \[low\]"),
        ("a|b {c} <d> *e* _f_ ~g~ @h \\", r"a\|b \{c\} \<d\> \*e\* \_f\_ \~g\~ \@h \\"),
        ("Now #logistics and #물류_센터!", r"Now {hashtag|\#|logistics} and {hashtag|\#|물류\_센터}!"),
        ("We use C# here: https://a.example/b#c", r"We use C\# here: https://a.example/b\#c"),
        ("# heading", r"\# heading"),
    ],
)
def test_reserved_characters_are_taken_literally(text: str, expected: str) -> None:
    """Hashtags stay hashtags; nothing else in a text mentions, formats or cuts."""
    assert escaped(text) == expected
    assert unescaped(expected) == text


@given(st.text(alphabet=st.sampled_from("ab1 #_\\|{}@[]()<>*~/.,\n가＃hashtag")))
def test_what_is_escaped_reads_as_it_was_written(text: str) -> None:
    """Whatever stands in a text, it comes back the same."""
    assert unescaped(escaped(text)) == text


async def test_a_post_is_found_again_whole(world: World) -> None:
    """Brackets and hashtags come through, and the post is recognised on its author's list."""
    linkedin = linkedin_on(world.http)
    posted = await linkedin.publish(publishing(Post(text=TEXT)))
    found = await linkedin.find(finding(Post(text=TEXT)))
    shown = (await world.http.get(f"{BASE}/_standins/messages")).json()["linkedin"]

    assert found is not None
    assert (found.post_id, found.url) == (posted.post_id, posted.url)
    assert posted.url == f"https://www.linkedin.com/feed/update/{posted.post_id}"
    assert [one["text"] for one in shown] == [TEXT]


async def test_what_is_known_already_is_not_found_again(world: World) -> None:
    """A post that differs in a link only is another one, and one that is booked is not this one."""
    linkedin = linkedin_on(world.http)
    posted = await linkedin.publish(publishing(Post(text="Tip: https://hanbit.example/a")))

    assert await linkedin.find(finding(Post(text="Tip: https://hanbit.example/b"))) is None
    assert await linkedin.find(finding(Post(text="Tip: https://hanbit.example/a"), known=(posted.post_id,))) is None


async def test_a_post_on_a_later_page_is_found(world: World) -> None:
    """The list is read until it is older than the campaign."""
    linkedin = linkedin_on(world.http)
    timeline = world.standins.linkedin.timeline
    old = SINCE - timedelta(hours=2)
    timeline.add(TimelinePost("urn:li:share:1", AUTHOR, TEXT, TEXT, at=old))
    assert await linkedin.find(finding(Post(text=TEXT))) is None
    posted = await linkedin.publish(publishing(Post(text=f"New: {TEXT}")))
    for number in range(120):
        timeline.add(TimelinePost(f"urn:li:share:{number}", AUTHOR, f"Post {number}", f"Post {number}"))
    found = await linkedin.find(finding(Post(text=f"New: {TEXT}")))

    assert found is not None
    assert found.post_id == posted.post_id


async def test_requests_have_linkedins_shape() -> None:
    """Version, protocol and method headers; URNs percent-encoded in paths and queries."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.method == "POST":
            return httpx.Response(201, headers={"x-restli-id": "urn:li:share:9"})
        return httpx.Response(204) if request.method == "DELETE" else httpx.Response(200, json={"elements": []})

    linkedin = linkedin_on(mocked(answer))
    await linkedin.publish(publishing(Post(text="Hello (all)")))
    await linkedin.find(finding(Post(text="Hello (all)")))
    await linkedin.remove(RemovePost(adapter="linkedin", account="main", post_id="urn:li:share:9", key=KEY))
    publish, find, remove = seen

    assert all(request.headers["linkedin-version"] == "202606" for request in seen)
    assert all(request.headers["x-restli-protocol-version"] == "2.0.0" for request in seen)
    assert [request.headers.get("x-restli-method") for request in seen] == [None, "FINDER", "DELETE"]
    assert publish.content == (
        b'{"author":"urn:li:organization:100001","commentary":"Hello \\\\(all\\\\)","visibility":"PUBLIC",'
        b'"distribution":{"feedDistribution":"MAIN_FEED","targetEntities":[],"thirdPartyDistributionChannels":[]},'
        b'"lifecycleState":"PUBLISHED","isReshareDisabledByAuthor":false}'
    )
    assert b"author=urn%3Ali%3Aorganization%3A100001" in find.url.query
    assert remove.url.raw_path == b"/linkedin/rest/posts/urn%3Ali%3Ashare%3A9"


async def test_duplicates_drafts_and_removal(world: World) -> None:
    """The same text is refused while it is out, and a removal may be repeated."""
    linkedin = linkedin_on(world.http)
    posted = await linkedin.publish(publishing(Post(text=TEXT)))
    with pytest.raises(PublishError) as caught:
        await linkedin.publish(publishing(Post(text=TEXT)))
    removal = RemovePost(adapter="linkedin", account="main", post_id=posted.post_id, key=KEY)

    assert caught.value.code is FailureCode.PUBLISH_DUPLICATE
    assert [await linkedin.remove(removal), await linkedin.remove(removal)] == [True, True]
    assert await linkedin.find(finding(Post(text=TEXT))) is None
    assert world.applied("linkedin") == [(2, 1)]


async def test_a_draft_is_not_published() -> None:
    """An element that is not in the state PUBLISHED is not the post."""
    element = {"id": "urn:li:share:1", "commentary": escaped(TEXT), "createdAt": 4_000_000_000_000}

    def answer(request: httpx.Request) -> httpx.Response:
        first = request.url.params["start"] == "0"
        return httpx.Response(200, json={"elements": [element | {"lifecycleState": "DRAFT"}] if first else []})

    assert await linkedin_on(mocked(answer)).find(finding(Post(text=TEXT))) is None


@pytest.mark.parametrize(
    ("token", "version", "code"),
    [
        pytest.param("none", "202606", FailureCode.PUBLISH_AUTH, id="unknown-token"),
        pytest.param("stand-in-2", "202606", FailureCode.PUBLISH_AUTH, id="token-of-another-author"),
        pytest.param("stand-in", "202301", FailureCode.PUBLISH_REFUSED, id="version-that-is-gone"),
    ],
)
async def test_an_account_that_may_not_post_is_noticed_before(
    world: World, token: str, version: str, code: FailureCode
) -> None:
    """Token, author and version are looked at before anything goes out."""
    with pytest.raises(PublishError) as caught:
        await linkedin_on(world.http, token, version=version).prepare(publishing(Post(text=TEXT)))

    assert caught.value.code is code
    assert world.applied("linkedin") == []


async def test_a_thread_is_refused_before_it_is_sent(world: World) -> None:
    """LinkedIn has no threads of posts."""
    with pytest.raises(PublishError) as caught:
        await linkedin_on(world.http).publish(publishing(Post(text=TEXT), reply_to="urn:li:share:1"))

    assert caught.value.code is FailureCode.PUBLISH_REFUSED
    assert world.applied("linkedin") == []


async def test_a_limit_of_the_day_ends_at_midnight(world: World) -> None:
    """LinkedIn says nothing of when; its limits are counted by days of UTC."""
    now = datetime(2026, 11, 25, 22, 30, tzinfo=UTC)
    world.fault(service="linkedin", operation="publish", status=429)
    with pytest.raises(PublishError) as caught:
        await linkedin_on(world.http).publish(publishing(Post(text=TEXT)))

    assert until_midnight(now) == timedelta(hours=1, minutes=30)
    assert caught.value.code is FailureCode.PUBLISH_RATE_LIMITED
    assert caught.value.retry_after is not None
    assert timedelta() <= caught.value.retry_after <= timedelta(days=1)


async def test_midnight_comes_by_the_clock_of_linkedin() -> None:
    """Its answer's date counts: on a machine whose clock is wrong the wait is the same."""
    answer = httpx.Response(429, headers={"Date": "Wed, 25 Nov 2026 22:30:00 GMT"})
    with pytest.raises(PublishError) as caught:
        await linkedin_on(mocked(lambda _: answer)).publish(publishing(Post(text=TEXT)))

    assert caught.value.retry_after == timedelta(hours=1, minutes=30)


async def test_the_stand_in_loses_what_is_not_escaped(world: World) -> None:
    """As on LinkedIn a bracket that is not escaped cuts the post: a client that forgets to escape is noticed."""
    headers = {"Authorization": "Bearer stand-in", "LinkedIn-Version": "202606", "X-Restli-Protocol-Version": "2.0.0"}
    body = {"author": AUTHOR, "commentary": "Low costs (net) for all", "visibility": "PUBLIC"}
    given = body | {"distribution": {"feedDistribution": "MAIN_FEED"}, "lifecycleState": "PUBLISHED"}
    incomplete = await world.http.post(f"{BASE}/linkedin/rest/posts", json=body, headers=headers)
    await world.http.post(f"{BASE}/linkedin/rest/posts", json=given, headers=headers)

    assert incomplete.json()["errorDetails"]["inputErrors"][0]["code"] == "MISSING_FIELD"
    assert [one.shown for one in world.standins.linkedin.timeline.messages] == ["Low costs "]
