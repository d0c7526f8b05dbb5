"""Where secrets belong in what a step sends. They are told beside the data: nothing in the data itself is one."""

from collections.abc import Collection

from towpath.contracts.core.wire import Wire


class SecretName(Wire):
    """Stands for the value of a secret, which only a worker has."""

    secret: str


class SecretPlace(Wire):
    """One text that is put into data just before it is sent: its path of names and indices, and what it is joined of.

    What stands at the path meanwhile is never read.
    """

    path: tuple[str | int, ...]
    parts: tuple[str | SecretName, ...]


def secrets_in(places: Collection[SecretPlace]) -> frozenset[str]:
    """Names of the secrets that belong into some data."""
    return frozenset(part.secret for place in places for part in place.parts if isinstance(part, SecretName))
