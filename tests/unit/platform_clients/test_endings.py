"""What the ending of a publishing request says: nothing is out, or nobody knows."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from tests.unit.platform_clients.conftest import ARTICLE, TEXT, adapter_on, finding, mocked, publishing
from towpath.contracts.core.failure import FailureCode, PublishError
from towpath.contracts.publishing.posting import Post, RemovePost
from towpath.temporal.failures import to_application_error

PLATFORMS = ("x", "linkedin", "wordpress")
UNKNOWN, UNAVAILABLE = FailureCode.PUBLISH_UNKNOWN, FailureCode.PUBLISH_UNAVAILABLE
REFUSED, AUTH = FailureCode.PUBLISH_REFUSED, FailureCode.PUBLISH_AUTH

Ending = httpx.Response | Exception


def is_publishing(request: httpx.Request) -> bool:
    return request.method == "POST" and request.url.path.endswith(("/2/tweets", "/rest/posts", "/wp/v2/posts"))


def ends(ending: Ending, when: Callable[[httpx.Request], bool]) -> Callable[[httpx.Request], httpx.Response]:
    """Answers with the ending where `when` holds; elsewhere WordPress's empty lists and ids."""

    def handler(request: httpx.Request) -> httpx.Response:
        if not when(request):
            return httpx.Response(200, json=[] if request.method == "GET" else {"id": 1})
        if isinstance(ending, Exception):
            raise ending
        return ending

    return handler


ENDINGS = [
    pytest.param(httpx.ConnectError("x"), UNAVAILABLE, id="not-connected"),
    pytest.param(httpx.ConnectTimeout("x"), UNAVAILABLE, id="connecting-takes-too-long"),
    pytest.param(httpx.PoolTimeout("x"), UNAVAILABLE, id="no-free-connection"),
    pytest.param(httpx.WriteError("x"), UNKNOWN, id="lost-while-sending"),
    pytest.param(httpx.WriteTimeout("x"), UNKNOWN, id="sending-takes-too-long"),
    pytest.param(httpx.ReadError("x"), UNKNOWN, id="lost-while-waiting"),
    pytest.param(httpx.ReadTimeout("x"), UNKNOWN, id="no-answer"),
    pytest.param(httpx.RemoteProtocolError("x"), UNKNOWN, id="cut-answer"),
    pytest.param(httpx.DecodingError("x"), UNKNOWN, id="undecodable-answer"),
    pytest.param(httpx.Response(500), UNKNOWN, id="500"),
    pytest.param(httpx.Response(502, text="<html>"), UNKNOWN, id="502-of-a-proxy"),
    pytest.param(httpx.Response(503, headers={"Retry-After": "5"}), UNKNOWN, id="503"),
    pytest.param(httpx.Response(504), UNKNOWN, id="504"),
    pytest.param(httpx.Response(408), UNKNOWN, id="408"),
    pytest.param(httpx.Response(200, text="<html>thank you</html>"), UNKNOWN, id="yes-that-is-no-json"),
    pytest.param(httpx.Response(201, json={"data": None}), UNKNOWN, id="yes-without-an-id"),
    pytest.param(httpx.Response(400, json={"detail": "no"}), REFUSED, id="400"),
    pytest.param(httpx.Response(401, json={"title": "Unauthorized"}), AUTH, id="401"),
    pytest.param(httpx.Response(404), REFUSED, id="404"),
    pytest.param(httpx.Response(425), UNAVAILABLE, id="425"),
    pytest.param(httpx.Response(429, headers={"Retry-After": "7"}), FailureCode.PUBLISH_RATE_LIMITED, id="429"),
]


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(("ending", "code"), ENDINGS)
async def test_each_ending_of_publishing_has_its_code(platform: str, ending: Ending, code: FailureCode) -> None:
    """Only what says for certain that nothing is out may be retried; all else has to be looked up."""
    with pytest.raises(PublishError) as caught:
        await adapter_on(platform, mocked(ends(ending, is_publishing))).publish(publishing(ARTICLE))

    assert caught.value.code is code
    assert caught.value.retryable is (code in {UNAVAILABLE, FailureCode.PUBLISH_RATE_LIMITED})


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(httpx.ReadTimeout("x"), id="no-answer"),
        pytest.param(httpx.Response(500), id="500"),
        pytest.param(httpx.Response(503), id="503"),
        pytest.param(httpx.Response(200, text="<html>"), id="no-json"),
        pytest.param(httpx.Response(200, json={"data": 1, "elements": 1}), id="another-shape"),
    ],
)
async def test_a_timeline_that_cannot_be_read_says_nothing(platform: str, ending: Ending) -> None:
    """It is a passing failure, and never the answer that the post is not out."""
    with pytest.raises(PublishError) as caught:
        await adapter_on(platform, mocked(ends(ending, lambda _: True))).find(finding(ARTICLE))

    assert (caught.value.code, caught.value.retryable) == (UNAVAILABLE, True)


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_removing_may_be_tried_again(platform: str) -> None:
    """No answer to a removal is a passing failure: it names one post."""
    removal = RemovePost(adapter=platform, account="main", post_id="7", key=publishing(ARTICLE).key)
    with pytest.raises(PublishError) as caught:
        await adapter_on(platform, mocked(ends(httpx.ReadTimeout("x"), lambda _: True))).remove(removal)

    assert (caught.value.code, caught.value.retryable) == (UNAVAILABLE, True)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_credentials_follow_no_redirect(platform: str, status: int) -> None:
    """A redirect is refused, and no request goes to where it points."""
    hosts: list[str] = []

    def elsewhere(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(status, headers={"Location": "https://evil.example/"})

    for call in ("publish", "find"):
        adapter = adapter_on(platform, mocked(elsewhere))
        with pytest.raises(PublishError) as caught:
            await (adapter.publish(publishing(ARTICLE)) if call == "publish" else adapter.find(finding(ARTICLE)))
        assert caught.value.code is REFUSED
        assert "redirect" in caught.value.message
    assert set(hosts) == {"standin"}


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_token_never_gets_into_a_failure(platform: str) -> None:
    """Not even when the platform repeats it, or the HTTP library names a header that it cannot send."""
    secret = "tok-3f9a77"

    def echo(request: httpx.Request) -> httpx.Response:
        said = f"bad token {secret} in {request.headers['authorization']}"
        return httpx.Response(400, json={"detail": said, "code": said, "message": said})

    for token, http in ((secret, mocked(echo)), (f"{secret}\n", httpx.AsyncClient())):
        with pytest.raises(PublishError) as caught:
            await adapter_on(platform, http, token).publish(publishing(ARTICLE))
        error = to_application_error(caught.value)
        assert secret not in f"{caught.value.message}{caught.value.evidence}{error}{error.details}"
        assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("platform", "response", "code"),
    [
        pytest.param(
            "x",
            httpx.Response(
                403,
                json={
                    "detail": "You are not allowed to create a Tweet with duplicate content.",
                    "type": "about:blank",
                    "title": "Forbidden",
                    "status": 403,
                },
            ),
            FailureCode.PUBLISH_DUPLICATE,
            id="x-duplicate",
        ),
        pytest.param(
            "x",
            httpx.Response(403, json={"detail": "You are not permitted to perform this action.", "status": 403}),
            REFUSED,
            id="x-forbidden",
        ),
        pytest.param(
            "linkedin",
            httpx.Response(
                422,
                json={
                    "errorDetailType": "com.linkedin.common.error.BadRequest",
                    "message": "Content is a duplicate of urn:li:share:7141138937766391808",
                    "errorDetails": {
                        "inputErrors": [
                            {"description": "Duplicate post is detected", "input": {}, "code": "DUPLICATE_POST"}
                        ]
                    },
                    "status": 422,
                },
            ),
            FailureCode.PUBLISH_DUPLICATE,
            id="linkedin-duplicate",
        ),
        pytest.param(
            "linkedin",
            httpx.Response(403, json={"status": 403, "serviceErrorCode": 100, "code": "ACCESS_DENIED"}),
            AUTH,
            id="linkedin-denied",
        ),
        pytest.param(
            "linkedin",
            httpx.Response(426, json={"status": 426, "code": "NONEXISTENT_VERSION"}),
            REFUSED,
            id="linkedin-version",
        ),
        pytest.param(
            "wordpress",
            httpx.Response(403, json={"code": "rest_cannot_create", "data": {"status": 403}}),
            AUTH,
            id="wordpress-role",
        ),
        pytest.param(
            "wordpress",
            httpx.Response(400, json={"code": "rest_invalid_param", "data": {"status": 400, "params": {"tags": "x"}}}),
            REFUSED,
            id="wordpress-param",
        ),
    ],
)
async def test_refusals_in_each_platforms_words(platform: str, response: httpx.Response, code: FailureCode) -> None:
    """Duplicates, missing rights and bad fields are told apart, and the text of the post is not repeated."""
    with pytest.raises(PublishError) as caught:
        await adapter_on(platform, mocked(ends(response, is_publishing))).publish(publishing(ARTICLE))

    assert (caught.value.code, caught.value.retryable) == (code, False)
    assert ARTICLE.text not in caught.value.message


async def test_retry_after_travels_with_the_failure() -> None:
    """A platform that says how long to wait is waited for."""
    response = httpx.Response(429, headers={"Retry-After": "7"})
    with pytest.raises(PublishError) as caught:
        await adapter_on("wordpress", mocked(ends(response, is_publishing))).publish(publishing(Post(text=TEXT)))

    assert caught.value.retry_after == timedelta(seconds=7)
