"""The roots of a place, from its settings: narrower than by default where they say so."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from towpath.config.settings import ClientSettings, SettingsError, WorkerSettings, variable
from towpath.roots import FILES, Root, Roots, default_roots, narrow_roots, root_of


def roots_of(settings: ClientSettings) -> Roots:
    """Raises SettingsError. Folders of stores, and files with keys, are shut to pipelines."""
    shut = tuple(_shut(settings))
    given = narrow_roots(shut) if settings.profile == "production" else default_roots(shut)
    sources, destinations = given.sources, given.destinations
    if settings.source_roots is not None:
        sources = root_of(sources.setting, folders("source_roots", settings.source_roots), sources.shut)
    if settings.destination_roots is not None:
        destinations = root_of(
            destinations.setting, folders("destination_roots", settings.destination_roots), destinations.shut
        )
    return Roots(sources, destinations, files_of(settings))


def files_of(settings: ClientSettings) -> Root:
    """What commands may read and write of what people name to them. Raises SettingsError."""
    given = settings.file_roots
    return Root(FILES, anywhere=True) if given is None else root_of(FILES, folders("file_roots", given))


def folders(field: str, given: str) -> tuple[Path, ...]:
    """Raises SettingsError."""
    found = tuple(Path(text.strip()) for text in given.split(",") if text.strip())
    if not found or any(".." in folder.parts or "\0" in str(folder) for folder in found):
        raise SettingsError(f"{variable(field)}: needs folders, comma-separated, without .. in them")
    return found


def too_wide(settings: ClientSettings) -> Iterator[tuple[str, str]]:
    """Fields whose roots let pipelines at more than they need, and why."""
    wide = {Path("/"), Path.home().resolve(), Path(tempfile.gettempdir()).resolve()}
    for field in ("source_roots", "destination_roots"):
        given: str = getattr(settings, field) or ""
        if any(Path(text.strip()).resolve() in wide for text in given.replace("\0", "").split(",") if text.strip()):
            yield field, "has the whole file system, a home folder or the one for temporary files in it"


def _shut(settings: ClientSettings) -> Iterator[Path]:
    stores = [settings.payload_store, settings.artefact_store, settings.dataset_store]
    if isinstance(settings, WorkerSettings):
        stores.append(settings.pipeline_scratch)
    yield from (Path(store) for store in stores if "://" not in store)
    if settings.decision_key_file is not None:
        yield settings.decision_key_file
