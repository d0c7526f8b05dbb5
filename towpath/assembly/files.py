"""The data files that the worker reads once, before it starts: who may decide, which hosts, platforms, and actions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from towpath.config.catalogue import make_catalogue
from towpath.config.connections import Connections, ConnectionsFileError
from towpath.config.incident_files import CatalogueError, load_catalogue
from towpath.config.platforms import PlatformFilesError, Platforms, load_platforms
from towpath.config.reviewers import ReviewerDirectory, ReviewersFileError
from towpath.config.settings import WorkerSettings
from towpath.contracts.incident.remediation import ActionCatalogue
from towpath.contracts.prompts import ADAPTATIONS
from towpath.integrations.publishing.adapter import ADAPTERS
from towpath.policy.incident.runbooks import RunbookEntry

_EACH = (ReviewersFileError, ConnectionsFileError, PlatformFilesError, CatalogueError)
LoadedT = TypeVar("LoadedT")


class FilesError(Exception):
    """Files cannot be used: a line for each thing that is wrong. `connections` are those that can."""

    def __init__(self, lines: Sequence[str], connections: Connections | None) -> None:
        super().__init__("\n".join(lines))
        self.connections = connections


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What may be measured and done in an incident, and what is written for people."""

    catalogue: ActionCatalogue
    runbooks: Sequence[RunbookEntry]


@dataclass(frozen=True, slots=True)
class Files:
    directory: ReviewerDirectory
    connections: Connections
    platforms: Platforms
    knowledge: Knowledge


def load_files(settings: WorkerSettings) -> Files:
    """Raises FilesError, whose text says what to mend where."""
    wrong: list[str] = []
    directory = _loaded(wrong, lambda: ReviewerDirectory.load(settings.reviewers_file))
    connections = _loaded(wrong, lambda: Connections.load(settings.connections_file))
    platforms = _loaded(wrong, lambda: load_platforms(settings.platforms_folder, ADAPTERS, ADAPTATIONS))
    if directory is None or connections is None or platforms is None:
        raise FilesError(wrong, connections)
    registered = make_catalogue(connections, frozenset(directory.teams()))
    incident = _loaded(wrong, lambda: load_catalogue(settings.incident_folder, registered))
    if incident is None:
        raise FilesError(wrong, connections)
    return Files(
        directory=directory,
        connections=connections,
        platforms=platforms,
        knowledge=Knowledge(incident.catalogue or ActionCatalogue(), incident.runbooks),
    )


def _loaded(wrong: list[str], load: Callable[[], LoadedT]) -> LoadedT | None:
    try:
        return load()
    except _EACH as error:
        wrong.append(str(error))
        return None
