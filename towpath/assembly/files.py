"""The data files that the worker reads once, before it starts: who may decide, which hosts, platforms, and actions."""

from collections.abc import Sequence
from dataclasses import dataclass

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

FILE_ERRORS = (ReviewersFileError, ConnectionsFileError, PlatformFilesError, CatalogueError)


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
    """Raises one of FILE_ERRORS, whose text says what to mend where."""
    directory = ReviewerDirectory.load(settings.reviewers_file)
    connections = Connections.load(settings.connections_file)
    incident = load_catalogue(settings.incident_folder, make_catalogue(connections, frozenset(directory.teams())))
    return Files(
        directory=directory,
        connections=connections,
        platforms=load_platforms(settings.platforms_folder, ADAPTERS, ADAPTATIONS),
        knowledge=Knowledge(incident.catalogue or ActionCatalogue(), incident.runbooks),
    )
