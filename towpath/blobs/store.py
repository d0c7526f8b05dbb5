"""Small files by their names, in a folder or in a bucket: what the stores beside the histories are made of.

A file is seen whole or not at all. Names are relative, with `/`. What fails is an OSError; a text that comes with it
holds no key and no token.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from towpath.blobs.folder import BlobFolder
from towpath.outside.proxy import Proxy

_MARK = "://"
BUCKETS = ("s3", "gs", "az")
"""Kinds of buckets, by the beginning of an address."""


class Blobs(Protocol):
    """Where files lie."""

    def get(self, name: str) -> bytes:
        """Raises FileNotFoundError, and OSError for what is no file of ours or too large."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """Whatever lies there is replaced, and what is the same already may be left. Raises OSError."""
        ...

    def put_first(self, name: str, content: bytes) -> bytes:
        """Kept unless there is something of that name: what is there now. Raises OSError."""
        ...

    def names(self, folder: str) -> list[str]:
        """Names below a folder that end in `.json`, sorted; none when there is no such folder. Raises OSError."""
        ...

    def drop(self, name: str) -> None:
        """Removed, if it is there. Raises OSError."""
        ...

    def clean(self) -> int:
        """Removes what killed writers left: how many files. Raises OSError."""
        ...


@dataclass(frozen=True, slots=True)
class Access:
    """What it takes to reach a bucket: options by obstore's names, and the proxy. A folder needs none of it."""

    options: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    proxy: Proxy | None = None


NOTHING = Access()


class _Opening(Protocol):
    def __call__(self, kind: str, name: str, prefix: str, access: Access) -> Blobs: ...


def open_blobs(url: str, access: Access) -> Blobs:
    """A folder by its path, or `s3://bucket/prefix`, `gs://…`, `az://container/prefix`. Raises OSError, ValueError."""
    kind, mark, rest = url.partition(_MARK)
    if not mark or kind == "file":
        return BlobFolder(_path(rest if mark else url))
    name, _, prefix = rest.partition("/")
    if kind not in BUCKETS or not name:
        raise ValueError(f"a store is a folder, or {', '.join(f'{known}://…' for known in BUCKETS)}")
    # Loaded when it is needed: most commands keep and read nothing, and most stores are folders.
    opening = cast("_Opening", import_module("towpath.blobs.bucket").open_bucket)
    return opening(kind, name, prefix.strip("/"), access)


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(str(error)) from None
