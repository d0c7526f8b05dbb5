"""The activities that read and write outputs kept across runs."""

from typing import TYPE_CHECKING

from temporalio import activity

from towpath.contracts.declared.run import CacheFound, CacheRead, CacheWrite, Kept

if TYPE_CHECKING:
    from towpath.control.outputs import OutputCache


class CacheActivities:
    def __init__(self, cache: "OutputCache") -> None:
        self._cache = cache

    @activity.defn(name="read_cache")
    async def read_cache(self, request: CacheRead) -> CacheFound:
        found, value = await self._cache.read(request.place, request.key)
        return CacheFound(hit=found, value=value)

    @activity.defn(name="write_cache")
    async def write_cache(self, request: CacheWrite) -> Kept:
        return Kept(new=await self._cache.write(request.place, request.key, request.value, request.ttl_seconds))
