"""What whoever writes to a bucket, stands on the way to it, or sets a worker's environment could do to its stores."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import obstore
import pytest
from obstore.store import S3Store
from temporalio.api.common.v1 import Payload
from temporalio.converter import StorageDriverRetrieveContext, StorageDriverStoreContext

from tests.fakes.seaweed import KEY, SECRET, s3_server
from tests.security.outside import LOOPBACK, answer, site
from tests.security.test_stores import record
from tests.unit.guarded_http.test_tls import self_signed
from towpath.blobs.store import Access, open_blobs
from towpath.dataplane.core.connections import S3Connection
from towpath.dataplane.core.objects import open_bucket
from towpath.integrations.observe.incident_archive import IncidentArchive
from towpath.integrations.storage.artefacts import ArtefactStore, ArtefactStoreError, ContentStore
from towpath.integrations.storage.payloads import PayloadStore, PayloadStoreError
from towpath.outside.objects import ROLE_SERVERS, object_options
from towpath.outside.proxy import Proxy

CONTENT, OTHER = b"what was kept" * 50, b"what was kepT" * 50
OBJECT = {"last_modified": "Sun, 01 Nov 2026 00:00:00 GMT", "etag": '"a"'}
WRITING, READING = StorageDriverStoreContext(target=None), StorageDriverRetrieveContext()
Planted = Callable[[bytes], bytes]
PLANTS: dict[str, Planted] = {
    "empty": lambda _: b"",
    "cut": lambda kept: kept[:-1],
    "longer": lambda kept: kept + b"!",
    "changed": lambda kept: kept[:-2] + bytes([kept[-2] ^ 1]) + kept[-1:],
}
planted = pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Connection]:
    with s3_server() as connection:
        yield connection


@pytest.fixture
def corner(s3: S3Connection) -> "Corner":
    return Corner(open_bucket("test", s3), s3.endpoint or "")


class Corner:
    """A prefix of one test alone, and who may write past the stores."""

    def __init__(self, bucket: S3Store, endpoint: str) -> None:
        self.bucket = bucket
        self.prefix = uuid4().hex
        self.url = f"s3://test/{self.prefix}"
        self.access = Access({"endpoint": endpoint, "access_key_id": KEY, "secret_access_key": SECRET})

    def rewrite(self, plant: Planted) -> None:
        """Every object below the prefix."""
        for chunk in obstore.list(self.bucket, self.prefix):
            for known in chunk:
                kept = bytes(obstore.get(self.bucket, known["path"]).bytes())
                obstore.put(self.bucket, known["path"], plant(kept))


@planted
def test_a_rewritten_artefact_is_not_read(corner: Corner, plant: Planted) -> None:
    """It is refused in words, and mended when it is kept again."""
    store = ContentStore(corner.url, corner.access)
    digest = store.put(CONTENT)
    corner.rewrite(plant)

    with pytest.raises(ArtefactStoreError, match=f"^{digest} in {corner.url} was altered$"):
        store.get(digest)
    assert store.put(CONTENT) == digest
    assert store.get(digest) == CONTENT
    assert store.clean() == 0


@planted
async def test_a_rewritten_payload_is_not_read(corner: Corner, plant: Planted) -> None:
    """A decision that somebody put in place of another does not reach the run."""
    store, payload = PayloadStore(corner.url, corner.access), Payload(data=CONTENT)
    store.check()
    claims = await store.store(WRITING, [payload])
    corner.rewrite(plant)

    with pytest.raises(PayloadStoreError, match="was altered: workers and starters must share TOWPATH_PAYLOAD_STORE"):
        await store.retrieve(READING, claims)
    assert await store.store(WRITING, [payload]) == claims
    assert await store.retrieve(READING, claims) == [payload]


@planted
async def test_a_rewritten_incident_is_passed_over(corner: Corner, plant: Planted) -> None:
    """The others are read, and it is again once it is archived anew."""
    await IncidentArchive(corner.url, corner.access).keep(record(1))
    corner.rewrite(plant)
    await IncidentArchive(corner.url, corner.access).keep(record(2))

    archive = IncidentArchive(corner.url, corner.access)
    assert list(await archive.records()) == [record(2)]
    await archive.keep(record(1))
    assert list(await archive.records()) == [record(1), record(2)]


async def test_a_bucket_that_refuses_is_a_failure_without_keys(corner: Corner) -> None:
    """All three stores raise their own errors, in which no key is."""
    access = Access(dict(corner.access.options) | {"secret_access_key": "hunter2"})
    archive = IncidentArchive(corner.url, access)
    for work in (
        ArtefactStore(corner.url, access).keep(CONTENT),
        archive.keep(record()),
        archive.records(),
        PayloadStore(corner.url, access).store(WRITING, [Payload(data=CONTENT)]),
    ):
        with pytest.raises((ArtefactStoreError, PayloadStoreError), match="SignatureDoesNotMatch") as caught:
            await work
        assert "hunter2" not in repr(caught.value) and KEY not in repr(caught.value)


async def test_a_proxy_is_that_of_the_settings_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the environment would read what is kept; that of the settings is gone through, but for its exceptions."""
    said = answer(b"kept", 200, **OBJECT)
    async with site(said) as (stranger, listened), site(said) as (proxy, passed), site(said) as (url, heads):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "AWS_PROXY_URL"):
            monkeypatch.setenv(name, stranger)
        options = {"endpoint": url, "access_key_id": "a", "secret_access_key": "b"}
        for proxied in (None, Proxy(proxy, ("127.0.0.1",)), Proxy(proxy)):
            await asyncio.to_thread(open_blobs("s3://bucket", Access(options, proxied)).get, "key")

    assert not listened
    assert (len(heads), len(passed)) == (2, 1)
    assert passed[0].startswith(f"GET {url}/bucket/key".encode())


def test_keys_of_a_role_are_asked_for_past_the_proxy() -> None:
    """It is another machine, and would be given the keys of its own role, or learn ours."""
    excluded = object_options(allow_http=False, proxy=Proxy("http://proxy.example")).get("proxy_excludes", "")
    assert set(ROLE_SERVERS) <= set(excluded.split(","))


async def test_a_redirect_takes_no_signature_to_another_host() -> None:
    """obstore follows it: what comes is compared with its digest."""
    async with site(answer(OTHER, 200, **OBJECT)) as (other, stolen):
        elsewhere = other.replace("127.0.0.1", "localhost")
        async with site(answer(b"", 307, location=f"{elsewhere}/in")) as (url, heads):
            options = {"endpoint": url, "access_key_id": "a", "secret_access_key": "b"}
            store = ContentStore("s3://bucket", Access(options))
            with pytest.raises(ArtefactStoreError):
                await asyncio.to_thread(store.get, "ab" * 32)

    assert b"\r\nauthorization:" in heads[0].lower()
    assert not any(b"\r\nauthorization:" in head.lower() for head in stolen)


async def test_a_certificate_of_nobody_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says of the checks that Amazon's variables turn off; nor is http spoken by it."""
    monkeypatch.setenv("AWS_ALLOW_INVALID_CERTIFICATES", "true")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    for secured in (context, None):
        async with await asyncio.start_server(serve, LOOPBACK, 0, ssl=secured) as server:
            address = f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{address}")
            options = {"access_key_id": "a", "secret_access_key": "b"}
            options |= {"endpoint": f"https://{address}"} if secured else {}
            store = ContentStore("s3://bucket", Access(options))
            with pytest.raises(ArtefactStoreError, match="cannot be written: the bucket cannot be used"):
                await asyncio.to_thread(store.put, CONTENT)

    assert heads == []
