"""What a platform's client offers, whatever the platform: look, publish once, find again, remove."""

from collections.abc import Mapping
from typing import Protocol

from towpath.contracts.core.failure import FailureCode, PublishError
from towpath.contracts.publishing.posting import FindPost, PreparePost, PublishedPost, PublishPost, RemovePost

ADAPTERS = ("x", "linkedin", "wordpress")
"""What a platform's data file may name as its adapter."""


class Adapter(Protocol):
    """One platform with all accounts that this worker has on it. Every method raises PublishError."""

    @property
    def accounts(self) -> frozenset[str]:
        """Names of the accounts, as requests name them."""
        ...

    def place_of(self, account: str) -> str:
        """What the addresses of the account's posts begin with."""
        ...

    async def prepare(self, request: PreparePost) -> None:
        """Nothing, when the account may post."""
        ...

    async def publish(self, request: PublishPost) -> PublishedPost:
        """One attempt. Raises `publish.unknown` for every ending that leaves open whether the post is out."""
        ...

    async def find(self, request: FindPost) -> PublishedPost | None:
        """The post on the account's own timeline, not older than `since`."""
        ...

    async def remove(self, request: RemovePost) -> bool:
        """Whether there was one to remove."""
        ...


class Publishers:
    """All adapters, by the name that a platform's data file gives."""

    def __init__(self, adapters: Mapping[str, Adapter]) -> None:
        self._adapters = adapters

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._adapters)

    def adapter(self, name: str, account: str) -> Adapter:
        """Raises PublishError when this worker cannot post there."""
        found = self._adapters.get(name)
        if found is None:
            known = ", ".join(sorted(self._adapters))
            message = f"there is no adapter {name!r} in this version; known are {known}"
            raise PublishError(FailureCode.PUBLISH_REFUSED, message, evidence={"adapter": name})
        if account not in found.accounts:
            message = f"this worker has no account {account!r} on {name}: add it to TOWPATH_{name.upper()}_ACCOUNTS"
            raise PublishError(FailureCode.PUBLISH_AUTH, message, evidence={"adapter": name, "account": account})
        return found
