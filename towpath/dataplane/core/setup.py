"""What a process of the data plane is told at its start, from texts of settings. No engine is loaded by this."""

from pathlib import Path

from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from towpath.contracts.core.wire import JsonObject, json_object
from towpath.contracts.pipeline.plane import MIB, Compression, RootFolders, Setup
from towpath.dataplane.core.connections import DataConnection
from towpath.engine.language.mistakes import doubled, place_of, words_of
from towpath.roots import DESTINATIONS, FILES, SOURCES, Root, Roots, default_roots, root_of

_CONNECTIONS = TypeAdapter(dict[str, DataConnection])


class SetupError(ValueError):
    """Settings cannot be used: which, and why; never a value."""


def read_connections(text: str | None) -> dict[str, JsonValue]:
    """Connections by name, checked. Raises SetupError."""
    if text is None:
        return {}
    if found := doubled(text):
        raise SetupError("; ".join(found))
    try:
        _CONNECTIONS.validate_json(text)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        raise SetupError("; ".join(_problem(problem) for problem in problems)) from None
    given = json_object(text)
    if given is None:
        raise SetupError("must be a JSON object of connections by name")
    return given


def _problem(problem: ErrorDetails) -> str:
    place, what = place_of(problem), words_of(problem)
    return f"{place}: {what}" if place else f"{what}; needs a JSON object of connections by name"


def setup_of(
    store: str,
    scratch: str,
    connections: JsonObject,
    store_connection: str | None,
    memory_mib: int,
    compression: Compression | None = None,
    roots: Roots | None = None,
) -> Setup:
    """Raises SetupError for a store whose connection is not there, or not named."""
    if store.startswith("s3://") and store_connection is None:
        raise SetupError(f"TOWPATH_DATASET_STORE_CONNECTION: {store} needs one of the connections")
    if store_connection is not None and store_connection not in connections:
        raise SetupError(f"TOWPATH_DATASET_STORE_CONNECTION: {store_connection!r} is not among the connections")
    return Setup(
        store=store if "://" in store else str(Path(store).absolute()),
        scratch=str(Path(scratch).absolute()),
        store_connection=store_connection,
        connections=connections,
        memory_bytes=memory_mib * MIB,
        compression=compression,
        roots=None if roots is None else _folders(roots),
    )


def roots_of(setup: Setup) -> Roots:
    """What the process may read and write."""
    told = setup.roots
    if told is None:
        return default_roots((Path(setup.scratch), *([] if "://" in setup.store else [Path(setup.store)])))
    files = Root(FILES, anywhere=True) if told.files is None else root_of(FILES, told.files)
    return Roots(root_of(SOURCES, told.sources, told.shut), root_of(DESTINATIONS, told.destinations, told.shut), files)


def _folders(roots: Roots) -> RootFolders:
    return RootFolders(
        sources=tuple(map(str, roots.sources.folders)),
        destinations=tuple(map(str, roots.destinations.folders)),
        files=None if roots.files.anywhere else tuple(map(str, roots.files.folders)),
        shut=tuple(map(str, roots.sources.shut)),
    )
