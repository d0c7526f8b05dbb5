"""The data files that the worker reads once, before it starts: who may decide, which hosts, platforms, and actions."""

from collections.abc import Sequence
from dataclasses import dataclass

from towpath.clients.catalog import make_catalog
from towpath.clients.catalogue import CatalogueError, load_catalogue
from towpath.clients.connections import Connections, ConnectionsFileError
from towpath.clients.platforms import PlatformFilesError, Platforms, load_platforms
from towpath.clients.publishing.adapter import ADAPTERS
from towpath.clients.reviewers import ReviewerDirectory, ReviewersFileError
from towpath.contracts.prompts import ADAPTATIONS
from towpath.contracts.remediation import Catalogue
from towpath.policy.incident.runbooks import RunbookEntry
from towpath.settings import WorkerSettings

FILE_ERRORS = (ReviewersFileError, ConnectionsFileError, PlatformFilesError, CatalogueError)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What may be measured and done in an incident, and what is written for people."""

    catalogue: Catalogue
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
    incident = load_catalogue(settings.incident_folder, make_catalog(connections, frozenset(directory.teams())))
    return Files(
        directory=directory,
        connections=connections,
        platforms=load_platforms(settings.platforms_folder, ADAPTERS, ADAPTATIONS),
        knowledge=Knowledge(incident.catalogue or Catalogue(), incident.runbooks),
    )
