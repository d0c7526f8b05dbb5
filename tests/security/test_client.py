"""What a server that we call could do to the worker before one factory made all clients."""

import gzip
import ssl
import tracemalloc
import zlib
from contextlib import suppress

import httpx
import obstore
import obstore.exceptions
import pytest
from obstore.store import S3Store
from pydantic import SecretStr

from tests.security.outside import BEARER, KEY, KINDS, MIB, SECRET, Ask, answer, bomb, by_step, site
from tests.unit.guarded_http.loopback import INNER, connections
from towpath.config.connections import url_problems
from towpath.config.masking import Masker
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.dataplane.core.connections import HttpConnection, S3Connection
from towpath.dataplane.core.errors import DataError, SourceFormatError
from towpath.dataplane.core.objects import open_bucket
from towpath.dataplane.extract.api_client import ApiClient
from towpath.integrations.http.services import ServiceClient, ServiceEndpoint
from towpath.integrations.publishing.calls import PlatformCalls, PlatformOperation
from towpath.outside.bounds import AnswerBounds, CodingError, Decoder, TooLargeError
from towpath.outside.client import http_client
from towpath.outside.tls import tls_context

FAILURES = (HouseError, DataError, httpx.HTTPError, LookupError, ValueError)
"""What our clients raise; the last two are of the stand-ins' door."""
PATIENT = httpx.Timeout(20.0)
PEAK_BYTES = 8 * MIB
BOMBS = {coding: bomb(coding) for coding in ("gzip", "deflate")}
DOTS = ("..", ".", "%2e%2e", "%2E.", "..%2f..%2fadmin", "a/../../b", "..\\b", "%252e%252e")
every_kind = pytest.mark.parametrize("ask", KINDS.values(), ids=KINDS)


async def asked(ask: Ask, url: str) -> Exception | None:
    async with http_client(PATIENT) as http:
        try:
            await ask(http, url)
        except FAILURES as error:
            return error
    return None


@pytest.mark.parametrize("coding", BOMBS)
@every_kind
async def test_a_small_answer_takes_no_great_memory(ask: Ask, coding: str) -> None:
    """1 MiB of gzip or deflate that holds 1 GiB is cut off while it comes."""
    async with site(answer(BOMBS[coding], content_encoding=coding)) as (url, heads):
        tracemalloc.start()
        try:
            await asked(ask, url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert heads
    assert peak < PEAK_BYTES


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress"])
@every_kind
async def test_no_other_coding_is_offered_or_undone(ask: Ask, coding: str) -> None:
    """Whatever is installed beside: a coding without bounds of ours is refused."""
    async with site(answer(b"x" * 100, content_encoding=coding)) as (url, heads):
        error = await asked(ask, url)

    offered = next(line for line in heads[0].lower().split(b"\r\n") if line.startswith(b"accept-encoding:"))
    assert set(offered.partition(b":")[2].replace(b" ", b"").split(b",")) <= {b"gzip", b"deflate"}
    assert error is not None


@pytest.mark.parametrize(("size", "seconds"), [(8 * MIB, 20.0), (10, 0.3)], ids=["large", "slow"])
async def test_every_answer_has_an_end(size: int, seconds: float) -> None:
    """Neither more bytes than the client takes, nor a body that never ends although no read is slow for long."""
    said = answer(b"x" * size) if seconds > 1 else answer(b"x" * size).replace(b"h: 10", b"h: 1000")
    async with site(said) as (url, _), http_client(PATIENT, AnswerBounds(4 * MIB, seconds)) as http:
        with pytest.raises((httpx.DecodingError, httpx.ReadTimeout)):
            await http.get(url)


@every_kind
async def test_cookies_are_not_sent_back(ask: Ask) -> None:
    """What one service sets would else go to all that share its host, and mark the worker."""
    async with site(answer(set_cookie="mark=1; Path=/")) as (url, heads), http_client(PATIENT) as http:
        for _ in range(2):
            with suppress(*FAILURES):
                await ask(http, url)

    assert len(heads) >= 2
    assert not any(b"\r\ncookie:" in head.lower() for head in heads)


@every_kind
async def test_a_proxy_of_the_environment_is_ignored(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would read every token that goes over http, and learn every host."""
    async with site(answer()) as (proxy, listened), site(answer()) as (url, heads):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
            monkeypatch.setenv(name.lower(), proxy)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        await asked(ask, url)

    assert heads
    assert not listened


async def test_a_proxy_of_the_environment_is_ignored_by_object_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    """obstore's client takes one, unless it is told of another."""
    async with site(answer()) as (proxy, listened), site(answer(etag='"a"')) as (url, heads):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        connection = S3Connection(endpoint=url, access_key=SecretStr("a"), secret_key=SecretStr("b"))
        store: S3Store = open_bucket("bucket", connection)
        await obstore.get_async(store, "key")

    assert heads
    assert not listened


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@every_kind
async def test_a_redirect_takes_no_secret_to_another_host(ask: Ask, status: int) -> None:
    """Nor does one to another port; only the `http` step follows at all, without what is the first host's."""
    async with site(answer()) as (other, stolen), site(answer(b"", status, location=f"{other}/in")) as (url, heads):
        await asked(ask, url)

    assert any(SECRET.encode() in head for head in heads) or ask in {KINDS["pager"], KINDS["door"]}
    assert not any(SECRET.encode() in head for head in stolen)
    assert not stolen or ask is by_step


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_takes_no_signature_of_an_object_store(status: int) -> None:
    """obstore cannot be told not to follow one: a read comes to another host without what it would be trusted for."""
    access, secret, session = SecretStr("access_key"), SecretStr("secret_key"), SecretStr("session_token")
    async with (
        site(answer(etag='"a"')) as (other, stolen),
        site(answer(b"", status, location=f"{other}/in")) as (url, _),
    ):
        connection = S3Connection(endpoint=url, access_key=access, secret_key=secret, session_token=session)
        store: S3Store = open_bucket("bucket", connection)
        await obstore.get_async(store, "key")
        (read,) = stolen
        with suppress(obstore.exceptions.BaseError):
            await obstore.put_async(store, "key", b"data")

    assert b"authorization:" not in read.lower() and b"secret_key" not in read and b"access_key" not in read
    assert b"session_token" in read, "docs/operations.md says that it goes along"
    assert not any(head.startswith((b"PUT", b"POST")) for head in stolen)
    assert not any(b"authorization:" in head.lower() for head in stolen)


@pytest.mark.parametrize("value", DOTS)
async def test_a_parameter_leads_nowhere_else(value: str) -> None:
    """A name that a customer chose took the path of a service, a platform or an API to another operation."""
    async with site(answer()) as (url, heads), http_client(PATIENT) as http:
        services = ServiceClient(http, {"accounts": ServiceEndpoint(url)})
        with pytest.raises(HouseError) as caught:
            await services.call("accounts", "closeAccount", {"reference": value}, KEY)
        assert caught.value.code is FailureCode.SERVICE_BAD_REQUEST
        platform = PlatformCalls("x", http, Masker([]))
        with pytest.raises(HouseError) as caught:
            await platform.send(PlatformOperation("remove", "DELETE", f"{url}/posts/{value}", headers=BEARER))
        assert not caught.value.sent
        with pytest.raises(httpx.LocalProtocolError):
            await http.get(f"{url}/posts/{value}/text")

    assert not heads


@pytest.mark.parametrize("value", [dots for dots in DOTS if "\\" not in dots])
async def test_a_url_of_a_step_leads_nowhere_else(value: str) -> None:
    """Nor does the URL of an `http` step, when it is sent and when a definition is checked."""
    async with site(answer()) as (url, heads), http_client(PATIENT) as http:
        with pytest.raises(HouseError) as caught:
            await by_step(http, f"{url}/users/{value}/profile")
        told = url_problems(f"{url}/users/{value}/profile", connections(INNER))

    assert caught.value.code is FailureCode.SERVICE_BAD_REQUEST
    assert told == ["a path with . or .. in it, which leads elsewhere"]
    assert not heads


def test_a_link_of_an_answer_stays_below_the_address() -> None:
    """Encoded dots passed the look at the beginning of the path."""
    with ApiClient("api", HttpConnection(base_url="http://127.0.0.1:9/v1"), 1000) as client:
        assert client.below("http://127.0.0.1:9/v1/rows?next=%2e%2e") is not None
        for path in ("/v1/%2e%2e/admin", "/v1/..%2fadmin", "/v1/%252e%252e/admin", "/admin", "/v1/../admin"):
            assert client.below(f"http://127.0.0.1:9{path}") is None
        with pytest.raises(SourceFormatError):
            client.get("%2e%2e/admin", {})


def test_tls_before_1_2_is_not_spoken() -> None:
    """Whatever OpenSSL's own configuration says."""
    assert tls_context().minimum_version is ssl.TLSVersion.TLSv1_2
    assert tls_context().verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
@pytest.mark.parametrize("body", [b"", b"a", bytes(range(256)) * 900, b"noughts and ones " * 20_000])
def test_good_answers_are_decoded_whole(body: bytes, size: int) -> None:
    """In whatever pieces they come: gzip in one member or several, both kinds of deflate, and no coding."""
    bare = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    forms = {
        "gzip": gzip.compress(body) + gzip.compress(b"!"),
        "deflate": zlib.compress(body + b"!"),
        "DEFLATE": bare.compress(body + b"!") + bare.flush(),
        "identity": body + b"!",
    }
    for coding, form in forms.items():
        decoder = Decoder(coding, 8 * MIB)
        parts = [form[start : start + size] for start in range(0, len(form), size)]
        assert b"".join(piece for part in parts for piece in decoder.feed(part)) == body + b"!"
        decoder.end()


def test_what_is_cut_off_or_broken_is_no_answer() -> None:
    """The first half of a list of customers is a list that says something else."""
    packed = gzip.compress(b"one, two, three" * 100)
    decoder = Decoder("gzip", MIB)
    assert list(decoder.feed(packed[:-4]))
    with pytest.raises(CodingError, match="cut off"):
        decoder.end()
    for coding, form in (("gzip", packed + b"more"), ("gzip", b"no gzip"), ("deflate", b"\xff\xff\xff")):
        with pytest.raises(CodingError, match="broken"):
            list(Decoder(coding, MIB).feed(form))


def test_the_ratio_has_a_bound_where_the_size_is_large() -> None:
    """A client that may read much is not filled by little."""
    small, large = gzip.compress(bytes(MIB // 2)), gzip.compress(bytes(4 * MIB))
    assert sum(map(len, Decoder("gzip", 64 * MIB).feed(small))) == MIB // 2
    with pytest.raises(TooLargeError, match="256 times"):
        list(Decoder("gzip", 64 * MIB).feed(large))
