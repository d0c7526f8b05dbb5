"""Files by their names: a folder and a bucket do the same, and say the same of what fails."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from tests.fakes.seaweed import KEY, SECRET, s3_server
from tests.security.outside import LOOPBACK, answer, site
from towpath.blobs import folder
from towpath.blobs.bucket import BucketError
from towpath.blobs.store import NOTHING, Access, Blobs, open_blobs
from towpath.config.settings import ClientSettings
from towpath.config.stores import access_of
from towpath.dataplane.core.connections import S3Connection
from towpath.outside.proxy import Proxy


def reaching(s3: S3Connection, secret: str = SECRET, **more: str) -> Access:
    options = {"endpoint": s3.endpoint or "", "region": s3.region, "access_key_id": KEY, "secret_access_key": secret}
    return Access(options | more)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Connection]:
    with s3_server() as connection:
        yield connection


@pytest.fixture(params=["folder", "bucket"])
def blobs(request: pytest.FixtureRequest, s3: S3Connection, tmp_path: Path) -> Blobs:
    if request.param == "folder":
        return open_blobs(str(tmp_path), NOTHING)
    return open_blobs(f"s3://test/{uuid4().hex}/below", reaching(s3))


def test_files_are_kept_listed_and_dropped(blobs: Blobs) -> None:
    """The last to put wins; of those who put first only one; what is dropped twice is gone once."""
    blobs.put("aa/one", b"first")
    blobs.put("aa/one", b"second")
    blobs.put("aa/empty", b"")

    assert (blobs.get("aa/one"), blobs.get("aa/empty")) == (b"second", b"")
    assert blobs.names("holds") == []
    assert blobs.put_first("holds/b.json", b"mine") == blobs.put_first("holds/b.json", b"theirs") == b"mine"
    blobs.put("holds/a.json", b"")
    blobs.put("holds/a.txt", b"")
    assert blobs.names("holds") == ["holds/a.json", "holds/b.json"]
    for _ in range(2):
        blobs.drop("holds/b.json")
    assert blobs.names("holds") == ["holds/a.json"]
    assert blobs.clean() == 0


def test_what_is_not_there_is_told(blobs: Blobs) -> None:
    """By the error that says so, and by no other."""
    with pytest.raises(FileNotFoundError):
        blobs.get("aa/nothing")


def test_nothing_larger_than_the_bound_is_kept_or_read(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody put there fills no memory."""
    blobs.put("aa/large", bytes(2_000))
    monkeypatch.setattr(folder, "MAX_BYTES", 1_000)
    monkeypatch.setattr("towpath.blobs.bucket.MAX_BYTES", 1_000)
    for work in (
        lambda: blobs.get("aa/large"),
        lambda: blobs.put("aa/large", bytes(1_001)),
        lambda: blobs.put_first("aa/other", bytes(1_001)),
    ):
        with pytest.raises(folder.BlobTooLargeError, match="it is larger than"):
            work()
    blobs.put("aa/small", bytes(1_000))
    assert len(blobs.get("aa/small")) == 1_000


def test_two_writers_at_once(blobs: Blobs) -> None:
    """Of two who put first, one wins, and both are told what is kept; a file that both put is that of one."""

    async def both() -> list[bytes]:
        firsts = [asyncio.to_thread(blobs.put_first, "holds/a.json", bytes([number]) * 9_000) for number in range(8)]
        puts = [asyncio.to_thread(blobs.put, "aa/one", bytes([number]) * 9_000) for number in range(8)]
        kept, *_ = await asyncio.gather(asyncio.gather(*firsts), asyncio.gather(*puts))
        return kept

    told = asyncio.run(both())
    assert set(told) == {blobs.get("holds/a.json")}
    assert blobs.get("aa/one") in {bytes([number]) * 9_000 for number in range(8)}


def test_a_bucket_that_refuses_says_so(s3: S3Connection) -> None:
    """By the code of its answer; neither key nor address is in the text."""
    blobs = open_blobs("s3://test/refused", reaching(s3, secret="hunter2"))
    for work in (lambda: blobs.get("a"), lambda: blobs.put("a", b""), lambda: blobs.put_first("a", b"")):
        with pytest.raises(PermissionError, match=r"^the bucket does not allow it: SignatureDoesNotMatch$"):
            work()
    with pytest.raises(BucketError, match=r"^the bucket cannot be used \(GenericError\): SignatureDoesNotMatch$"):
        blobs.names("a")


async def test_an_answer_that_is_cut_off_is_none() -> None:
    """Half of a file is not the file."""
    said = answer(b"half", last_modified="Sun, 01 Nov 2026 00:00:00 GMT", etag='"a"').replace(b"h: 4", b"h: 8")
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        writer.write(said)
        writer.close()

    async with await asyncio.start_server(serve, LOOPBACK, 0) as server:
        url = f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        blobs = open_blobs("s3://test", Access({"endpoint": url, "access_key_id": "a", "secret_access_key": "b"}))
        with pytest.raises(BucketError, match=r"^the bucket cannot be used \(GenericError\)$"):
            await asyncio.to_thread(blobs.get, "a")
    assert asked


async def test_google_and_azure_are_opened_in_their_ways() -> None:
    """By their own options; that their services answer so is obstore's word."""
    said = answer(b"kept", last_modified="Sun, 01 Nov 2026 00:00:00 GMT", etag='"a"')
    async with site(said) as (url, heads):
        options = {"account_name": "a", "account_key": "a2V5", "endpoint": f"{url}/a"}
        azure = open_blobs("az://house/payloads", Access(options))
        assert await asyncio.to_thread(azure.get, "aa/one") == b"kept"
    account = {"client_email": "a", "private_key": "", "private_key_id": "", "disable_oauth": True}
    open_blobs("gs://house/payloads", Access({"service_account_key": json.dumps(account)}))

    assert [head.split()[1] for head in heads] == [b"/a/house/payloads/aa/one"]


@pytest.mark.parametrize(
    ("url", "options", "told"),
    [
        ("nowhere://a", {}, "a store is a folder, or s3://"),
        ("s3://", {}, "a store is a folder, or s3://"),
        ("https://a.example/b", {}, "a store is a folder, or s3://"),
        ("s3://a", {"allow_invalid_certificates": "true"}, "'allow_invalid_certificates' is no option of s3://"),
        ("s3://a", {"proxy_url": "http://a.example"}, "'proxy_url' is no option of s3://"),
        ("gs://a", {"access_key_id": "a"}, "'access_key_id' is no option of gs://"),
        ("az://a", {}, "the bucket cannot be used"),
    ],
)
def test_addresses_and_options_that_cannot_be_used(url: str, options: dict[str, str], told: str) -> None:
    """They are told at once; an option cannot widen the bounds of the client."""
    with pytest.raises((ValueError, OSError), match=told):
        open_blobs(url, Access(options))


def test_access_hides_its_secrets() -> None:
    """What a store is given goes into no log."""
    settings = ClientSettings(
        store_options={"secret_access_key": SecretStr("hunter2")},
        http_proxy=SecretStr("http://user:hunter2@proxy.example"),
        http_direct="a.example, b.example",
    )
    access = access_of(settings)

    assert access.options == {"secret_access_key": "hunter2"}
    assert access.proxy == Proxy("http://user:hunter2@proxy.example/", ("a.example", "b.example"))
    assert "hunter2" not in repr(access)


def test_a_folder_that_may_not_be_read_is_not_an_empty_one(tmp_path: Path) -> None:
    """No hold would else be seen in it, and all datasets be cleaned up."""
    (tmp_path / "holds").write_text("not a folder")
    with pytest.raises(NotADirectoryError):
        open_blobs(str(tmp_path), NOTHING).names("holds")


def test_home_and_addresses_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` and `file://` lead to folders, too."""
    monkeypatch.setenv("HOME", str(tmp_path))
    open_blobs("~/kept", NOTHING).put("aa/one", b"1")
    assert open_blobs(f"file://{tmp_path}/kept", NOTHING).get("aa/one") == b"1"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
