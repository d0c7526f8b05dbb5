"""The rules of publishing: a version is published once, and its number must say how much has changed."""

import json

from temporalio import workflow

from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.published import DefinitionRecord, Publication, Publishing, Version
from towpath.engine.checks.loading import InvalidDefinitionError, load_plan
from towpath.engine.language.diff import Comparison, bump_problem, compare
from towpath.engine.language.reading import Definition
from towpath.engine.run.awaited import ANY_EVENT, starting_names
from towpath.temporal.failures import to_application_error

KEPT_VERSIONS = 200
KEPT_TEXTS = 20
KEPT_BYTES = 1_000_000


class RefusedPublicationError(HouseError):
    """A publication is not taken."""


class Publications:
    """State of the record of one definition."""

    def __init__(self, record: DefinitionRecord) -> None:
        self.record = record

    def check(self, publication: Publication) -> None:
        """Raises ApplicationError for what cannot be published."""
        try:
            self._compare(publication)
        except RefusedPublicationError as error:
            raise to_application_error(error) from None

    def publish(self, publication: Publication) -> Publishing:
        latest = self.record.latest
        if latest is not None and latest.digest == publication.digest:
            return Publishing(version=latest.without_text(), new=False)
        self.check(publication)
        definition, comparison = self._compare(publication)
        version = Version(
            version=definition.header.version,
            digest=publication.digest,
            published_at=workflow.now(),
            by=publication.by,
            note=publication.note,
            risk="" if comparison is None else comparison.risk,
            changes=() if comparison is None else tuple(change.what for change in comparison.changes[:50]),
            document=publication.document,
            source=publication.source,
        )
        self.record = self.record.model_copy(update={"versions": _bounded((*self.record.versions, version))})
        return Publishing(version=version.without_text(), new=True)

    def listed(self) -> DefinitionRecord:
        versions = tuple(version.without_text() for version in self.record.versions)
        return self.record.model_copy(update={"versions": versions})

    def find(self, wanted: str) -> Version | None:
        if not wanted:
            return self.record.latest
        return next((version for version in self.record.versions if version.version == wanted), None)

    def started_by(self) -> list[str]:
        """What lists show of the events that start the latest version."""
        latest = self.record.latest
        if latest is None or latest.document is None:
            return [ANY_EVENT]
        return starting_names(_definition(latest.digest, latest.document))

    def _compare(self, publication: Publication) -> tuple[Definition, Comparison | None]:
        """Raises RefusedPublicationError."""
        definition = _definition(publication.digest, publication.document)
        if definition.header.id != self.record.id:
            raise _refused(f"this record is of {self.record.id!r}, not of {definition.header.id!r}")
        latest = self.record.latest
        if latest is None or latest.digest == publication.digest:
            return definition, None
        same = next((old for old in self.record.versions if old.version == definition.header.version), None)
        if same is not None and same.digest != publication.digest:
            raise _refused(f"version {same.version} was published with another content: give it a new version")
        if latest.document is None:
            raise _refused("the latest version's text is not kept any more")
        old = _definition(latest.digest, latest.document)
        comparison = compare(old, definition)
        problem = bump_problem(latest.version, definition.header.version, comparison)
        if problem is not None:
            raise _refused(problem)
        return definition, comparison


def _definition(digest: str, document: JsonObject) -> Definition:
    try:
        return load_plan(digest, document).definition
    except InvalidDefinitionError as error:
        raise _refused(f"it cannot be run: {error}") from error


def _refused(message: str) -> RefusedPublicationError:
    return RefusedPublicationError(FailureCode.STEP_INPUT, message)


def _frozen_bytes(version: Version) -> int:
    """What is frozen of documents is in no source."""
    documents = {} if version.document is None else version.document.get("documents", {})
    return len(json.dumps(documents)) if documents else 0


def _bounded(versions: tuple[Version, ...]) -> tuple[Version, ...]:
    """The newest texts, as many as fit into the input of the next run; of older versions what is known about them."""
    kept: list[Version] = []
    size = 0
    for number, version in enumerate(reversed(versions[-KEPT_VERSIONS:])):
        size += len(version.source or "") * 2 + _frozen_bytes(version)
        is_new = number == 0 or (number < KEPT_TEXTS and size < KEPT_BYTES)
        kept.append(version if is_new else version.without_text())
    return tuple(reversed(kept))
