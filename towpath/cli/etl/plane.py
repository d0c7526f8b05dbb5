"""Processes of the data plane for one command, on this machine: the command itself never touches a row."""

import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from towpath.cli.configuration import settings
from towpath.cli.terminal import Exit, fail
from towpath.config.roots import roots_of
from towpath.config.settings import ClientSettings, SettingsError
from towpath.contracts.core.failure import FailureCode, PipelineError
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.pipeline.plane import TaskProgress
from towpath.dataplane.core.setup import SetupError, read_connections, setup_of
from towpath.pool.dataplane import Dataplane
from towpath.roots import Roots, root_of

SETTING = "TOWPATH_PIPELINE_CONNECTIONS"
MEMORY_MIB = 350
MISSING = frozenset({FailureCode.PIPELINE_SOURCE_MISSING, FailureCode.PIPELINE_STORE})


def known_connections() -> frozenset[str]:
    """Names of the connections that are set here. Ends the command for a setting that cannot be used."""
    return frozenset(_connections())


@asynccontextmanager
async def local_plane(*, reads_store: bool = False, named: Path | None = None) -> AsyncGenerator[Dataplane]:
    """One process. Without `reads_store` it keeps what it makes in a folder that goes with the block.

    The folder of a file of data that was `named` is a source, beside those of the settings.
    """
    given = settings()
    with tempfile.TemporaryDirectory(prefix="towpath-") as folder:
        store = given.dataset_store if reads_store else str(Path(folder) / "store")
        name = given.dataset_store_connection if reads_store else None
        try:
            setup = setup_of(store, folder, _connections(), name, MEMORY_MIB, None, _roots(given, named))
        except (SetupError, SettingsError) as error:
            fail(Exit.WRONG_INPUT, *str(error).splitlines())
        plane = Dataplane(setup, 1)
        try:
            yield plane
        except PipelineError as error:
            fail(Exit.NOT_FOUND if error.code in MISSING else Exit.REFUSED, f"{error} ({error.code})")
        finally:
            await plane.close()


def _roots(given: ClientSettings, named: Path | None) -> Roots:
    """Raises SettingsError."""
    roots = roots_of(given)
    if named is None or given.source_roots is not None:
        return roots
    sources = root_of(roots.sources.setting, (*roots.sources.folders, named.parent), roots.sources.shut)
    return replace(roots, sources=sources)


def silent(progress: TaskProgress) -> None:
    """For a task of which nobody watches the progress."""
    del progress


def _connections() -> JsonObject:
    secret = settings().pipeline_connections
    try:
        return read_connections(None if secret is None else secret.get_secret_value())
    except SetupError as error:
        fail(Exit.WRONG_INPUT, f"{SETTING}: {error}")
