"""Search attributes on a namespace that we may not change, or that takes its time."""

from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from towpath.contracts.core.process import SEARCH_ATTRIBUTES
from towpath.control.temporal import SearchAttributesError, ensure_search_attributes


class Namespace:
    """Stands in for a client. Calls answer by status; `OK` is the usual answer."""

    namespace = "shop"

    def __init__(self, registered: int, listing: str = "OK", adding: str = "OK", unknown: int = 0) -> None:
        self._registered = {key.name: 1 for key in SEARCH_ATTRIBUTES[:registered]}
        self._answers = {"list": listing, "add": adding}
        self._unknown = unknown
        self.added: list[str] = []
        self.operator_service = SimpleNamespace(list_search_attributes=self._list, add_search_attributes=self._add)

    async def _list(self, _: Any) -> Any:
        self._refuse("list")
        return SimpleNamespace(custom_attributes=self._registered)

    async def _add(self, request: Any) -> None:
        self._refuse("add")
        self.added += request.search_attributes

    async def count_workflows(self, _: str) -> None:
        if self._unknown:
            self._unknown -= 1
            raise RPCError("invalid search attribute", RPCStatusCode.INVALID_ARGUMENT, b"")

    def _refuse(self, call: str) -> None:
        if self._answers[call] != "OK":
            raise RPCError("no", RPCStatusCode[self._answers[call]], b"")


async def ensure(namespace: Namespace) -> None:
    client: Any = namespace
    await ensure_search_attributes(client)


async def test_only_what_is_missing_is_registered() -> None:
    """A namespace that has all of them is asked once and changed in nothing."""
    half, whole = Namespace(5, unknown=1), Namespace(len(SEARCH_ATTRIBUTES), adding="PERMISSION_DENIED")
    await ensure(half)
    await ensure(whole)

    assert sorted(half.added) == sorted(key.name for key in SEARCH_ATTRIBUTES[5:])
    assert whole.added == []


async def test_who_may_not_register_is_told_what_to_run() -> None:
    """One line, which an admin can copy."""
    with pytest.raises(SearchAttributesError) as refused:
        await ensure(Namespace(len(SEARCH_ATTRIBUTES) - 1, adding="PERMISSION_DENIED"))
    last = SEARCH_ATTRIBUTES[-1].name

    assert f"temporal operator search-attribute create --namespace shop --name {last} --type " in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1 and SEARCH_ATTRIBUTES[0].name not in str(refused.value)


async def test_who_may_not_look_is_believed() -> None:
    """The attributes may be there all the same; a server that is away is no such answer."""
    await ensure(Namespace(0, listing="PERMISSION_DENIED"))
    with pytest.raises(RPCError):
        await ensure(Namespace(0, listing="UNAVAILABLE"))
