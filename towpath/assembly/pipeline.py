"""The data plane of a worker, made from its settings: the connections of pipelines go to its processes alone."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

from towpath.assembly.clients import plain
from towpath.config.roots import roots_of
from towpath.config.settings import SettingsError, WorkerSettings
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.pipeline.plane import COLLECTOR, Setup
from towpath.dataplane.core.setup import SetupError, read_connections, setup_of
from towpath.pool.dataplane import Dataplane
from towpath.roots import FILES, Root

SETTING = "TOWPATH_PIPELINE_CONNECTIONS"
LINEAGE_SECONDS = 5.0
"""A collector that does not answer must not hold a process that rows wait for."""


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
    try:
        connections = read_connections(plain(settings.pipeline_connections))
    except SetupError as error:
        raise SettingsError(f"{SETTING}: {error}") from None
    if settings.openlineage_url is not None:
        token = plain(settings.openlineage_token)
        headers: JsonObject = {} if token is None else {"Authorization": f"Bearer {token}"}
        connections[COLLECTOR] = {
            "type": "http",
            "base_url": settings.openlineage_url,
            "headers": headers,
            "timeout_seconds": LINEAGE_SECONDS,
        }
    try:
        return setup_of(
            settings.dataset_store,
            settings.pipeline_scratch,
            connections,
            settings.dataset_store_connection,
            settings.pipeline_memory_mib,
            settings.dataset_compression,
            replace(roots_of(settings), files=Root(FILES)),
        )
    except SetupError as error:
        raise SettingsError(str(error)) from None
