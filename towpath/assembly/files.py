"""The data files that the worker reads once, before it starts: who may decide, which hosts, which platforms."""

from dataclasses import dataclass

from towpath.clients.connections import Connections, ConnectionsFileError
from towpath.clients.platforms import PlatformFilesError, Platforms, load_platforms
from towpath.clients.publishing.adapter import ADAPTERS
from towpath.clients.reviewers import ReviewerDirectory, ReviewersFileError
from towpath.contracts.prompts import ADAPTATIONS
from towpath.settings import WorkerSettings

FILE_ERRORS = (ReviewersFileError, ConnectionsFileError, PlatformFilesError)


@dataclass(frozen=True, slots=True)
class Files:
    directory: ReviewerDirectory
    connections: Connections
    platforms: Platforms


def load_files(settings: WorkerSettings) -> Files:
    """Raises one of FILE_ERRORS, whose text says what to mend where."""
    return Files(
        directory=ReviewerDirectory.load(settings.reviewers_file),
        connections=Connections.load(settings.connections_file),
        platforms=load_platforms(settings.platforms_folder, ADAPTERS, ADAPTATIONS),
    )
