"""The data plane of a worker, made from its settings: the connections of pipelines go to its processes alone."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import JsonValue, TypeAdapter, ValidationError

from towpath.assembly.clients import plain
from towpath.clients.dataplane import Dataplane
from towpath.contracts.dataplane import MIB, Setup
from towpath.contracts.wire import JsonObject, json_object
from towpath.dataplane.connections import DataConnection
from towpath.settings import SettingsError, WorkerSettings

SETTING = "TOWPATH_PIPELINE_CONNECTIONS"
LINEAGE_CONNECTION = "openlineage"
"""Name under which the data plane finds the collector of lineage."""
_CONNECTIONS = TypeAdapter(dict[str, DataConnection])


@asynccontextmanager
async def open_dataplane(settings: WorkerSettings) -> AsyncGenerator[Dataplane]:
    """Processes are started by the first tasks, and ended with the block."""
    plane = Dataplane(dataplane_setup(settings), max(1, settings.pipeline_processes))
    try:
        yield plane
    finally:
        await plane.close()


def dataplane_setup(settings: WorkerSettings) -> Setup:
    """What every process of the data plane is told. Raises SettingsError, which names no value."""
    connections = _connections(plain(settings.pipeline_connections))
    if settings.openlineage_url is not None:
        token = plain(settings.openlineage_token)
        headers: JsonObject = {} if token is None else {"Authorization": f"Bearer {token}"}
        connections[LINEAGE_CONNECTION] = {"type": "http", "base_url": settings.openlineage_url, "headers": headers}
    name = settings.dataset_store_connection
    if name is not None and name not in connections:
        raise SettingsError(f"TOWPATH_DATASET_STORE_CONNECTION: {name!r} is not in {SETTING}")
    store = settings.dataset_store
    return Setup(
        store=store if "://" in store else str(Path(store).absolute()),
        scratch=str(Path(settings.pipeline_scratch).absolute()),
        store_connection=name,
        connections=connections,
        memory_bytes=settings.pipeline_memory_mib * MIB,
    )


def _connections(text: str | None) -> dict[str, JsonValue]:
    if text is None:
        return {}
    given = json_object(text)
    if given is None:
        raise SettingsError(f"{SETTING}: must be a JSON object of connections by name")
    try:
        _CONNECTIONS.validate_python(given)
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise SettingsError(f"{SETTING}: {places}") from None
    return given
