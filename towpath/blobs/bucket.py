"""Files in a bucket, by obstore: S3 and what speaks it, Google's and Azure's. It shows an object when it is whole."""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, GCSStore, S3Store

from towpath.blobs.folder import MAX_BYTES, BlobTooLargeError, check_size
from towpath.blobs.store import Access
from towpath.outside.objects import object_options, object_retries
from towpath.roots import store_name

if TYPE_CHECKING:
    from obstore.store import ObjectStore

OPTIONS: Mapping[str, frozenset[str]] = {
    "s3": frozenset(
        {
            *{"access_key_id", "secret_access_key", "session_token", "region", "endpoint", "skip_signature"},
            *{"virtual_hosted_style_request", "server_side_encryption", "sse_kms_key_id", "sse_bucket_key_enabled"},
        }
    ),
    "gs": frozenset({"service_account", "service_account_key"}),
    "az": frozenset(
        {"account_name", "account_key", "sas_key", "client_id", "client_secret", "tenant_id", "endpoint"},
    ),
}
"""What may be said of a bucket, by its kind. obstore would take bounds of its HTTP client among its options, too."""
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_CHUNK_BYTES = 8 * 1024**2


class BucketError(OSError):
    """A bucket refused something, or did not answer."""


class BlobBucket:
    """Objects below a prefix."""

    def __init__(self, objects: "ObjectStore", prefix: str) -> None:
        self.objects = objects
        self._prefix = prefix

    def get(self, name: str) -> bytes:
        content, key = bytearray(), self.key(name)
        with in_our_words():
            found = obstore.get(self.objects, key)
            if found.meta["size"] > MAX_BYTES:
                raise BlobTooLargeError
            for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
                content += chunk
                if len(content) > MAX_BYTES:
                    raise BlobTooLargeError
        return bytes(content)

    def put(self, name: str, content: bytes) -> None:
        """It is always sent: comparing would fetch as much."""
        check_size(content)
        key = self.key(name)
        with in_our_words():
            obstore.put(self.objects, key, content)

    def put_first(self, name: str, content: bytes) -> bytes:
        check_size(content)
        key = self.key(name)
        try:
            with in_our_words():
                obstore.put(self.objects, key, content, mode="create")
        except FileExistsError:
            return self.get(name)
        return content

    def names(self, folder: str) -> list[str]:
        start, below = len(self.key("")), self.key(folder)
        with in_our_words():
            listed = obstore.list(self.objects, below)
            names = [known["path"][start:] for chunk in listed for known in chunk]
        return sorted(name for name in names if name.endswith(".json"))

    def drop(self, name: str) -> None:
        key = self.key(name)
        with in_our_words():
            obstore.delete(self.objects, key)

    def clean(self) -> int:
        """Nothing unfinished is seen in a bucket."""
        return 0

    def key(self, name: str) -> str:
        """Raises StoreNameError."""
        name = store_name(name) if name else name
        return f"{self._prefix}/{name}" if self._prefix else name


@contextmanager
def in_our_words() -> Generator[None]:
    """What obstore raises, as an OSError: its texts hold addresses, which may be signed, and are not repeated."""
    try:
        yield
    except AlreadyExistsError:
        raise FileExistsError("it is there already") from None
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise PermissionError(_words("the bucket does not allow it", error)) from None
    except FileNotFoundError as error:
        raise FileNotFoundError(_words("it is not there", error)) from None
    except (BaseError, ValueError) as error:
        raise BucketError(_words(f"the bucket cannot be used ({type(error).__name__})", error)) from None


def _words(said: str, error: Exception) -> str:
    """With the code of the answer, such as `NoSuchBucket`."""
    code = _CODE.search(str(error))
    return said if code is None else f"{said}: {code[1]}"


def open_bucket(kind: str, name: str, prefix: str, access: Access) -> BlobBucket:
    """Raises OSError, and ValueError for an option that is none of this kind's."""
    unknown = sorted(access.options.keys() - OPTIONS[kind])
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no option of {kind}://, which has {', '.join(sorted(OPTIONS[kind]))}")
    with in_our_words():
        return BlobBucket(_opened(kind, name, access), prefix)


def _opened(kind: str, name: str, access: Access) -> "ObjectStore":
    """What the options leave open, obstore looks for where the tools of Amazon, Google and Azure do."""
    http = access.options.get("endpoint", "").startswith("http://")
    # Their types name each option: which ones there are is checked above.
    config = cast("Any", dict(access.options))
    if kind == "s3":
        return S3Store(
            name,
            config=config,
            client_options=object_options(allow_http=http, proxy=access.proxy),
            retry_config=object_retries(),
        )
    if kind == "gs":
        return GCSStore(
            name,
            config=config,
            client_options=object_options(allow_http=http, proxy=access.proxy),
            retry_config=object_retries(),
        )
    return AzureStore(
        name,
        config=config,
        client_options=object_options(allow_http=http, proxy=access.proxy),
        retry_config=object_retries(),
    )
