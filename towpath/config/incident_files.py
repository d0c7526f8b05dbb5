"""The files of incident response: actions, metrics, inventory and runbooks, read from a folder and checked at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from towpath.contracts.core.wire import canonical_digest
from towpath.contracts.incident.investigation import Runbook
from towpath.contracts.incident.remediation import ActionCatalogue, CatalogueAction
from towpath.engine.checks.check import told
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.catalogue import DefinitionCatalogue
from towpath.engine.language.diagnostics import Diagnostic, excerpt
from towpath.engine.language.reading import ModelT, read_model
from towpath.engine.language.shapes import as_object
from towpath.engine.language.source import Source, read_source
from towpath.policy.incident.catalogue_check import ActionChecks, check_inventory, check_metrics
from towpath.policy.incident.catalogue_file import ActionFile, InventoryFile, MetricsFile, RunbookHeader
from towpath.policy.incident.runbooks import RunbookEntry

ACTIONS, RUNBOOKS = "actions", "runbooks"
METRICS_FILE, INVENTORY_FILE = "incident/metrics.yaml", "incident/inventory.yaml"
MANUAL = "docs/actions.md"
FENCE = "---"
MAX_RUNBOOK = 20_000
"""Characters of a runbook's text: it is read by people and put into a prompt."""


class CatalogueError(Exception):
    """The files cannot be used. The text has a line `file:line:column: code: what: how to mend` for each problem."""


@dataclass(frozen=True, slots=True)
class FileProblem:
    """One problem of one file. `excerpt` shows the place, with carets under it."""

    file: str
    diagnostic: Diagnostic
    excerpt: str

    @property
    def line(self) -> str:
        return self.diagnostic.line_of(self.file)


@dataclass(frozen=True, slots=True)
class CheckedFiles:
    """What a folder holds. `catalogue` is None when something in it is wrong; warnings alone leave it whole."""

    catalogue: ActionCatalogue | None
    runbooks: tuple[RunbookEntry, ...]
    problems: tuple[FileProblem, ...]
    files: int

    @property
    def ok(self) -> bool:
        return self.catalogue is not None


def load_catalogue(folder: Path, registered: DefinitionCatalogue) -> CheckedFiles:
    """The folder's files, all of them good. Raises CatalogueError with every problem."""
    checked = check_files(folder, registered)
    if not checked.ok:
        raise CatalogueError("\n".join(problem.line for problem in checked.problems))
    return checked


def inventory_services(folder: Path) -> frozenset[str]:
    """Names of the services that the folder's inventory has. Raises CatalogueError."""
    reader = _Reader(folder, DefinitionCatalogue())
    return reader.services()


def check_files(folder: Path, registered: DefinitionCatalogue) -> CheckedFiles:
    """Everything that is wrong with the files of a folder. Never raises for what they hold."""
    return _Reader(folder, registered).read()


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One action as a list shows it."""

    id: str
    title: str
    does: str
    parameters: str
    approval: str
    reaches: str
    max_per_hour: int
    verified_by: str
    undone_by: str


def action_rows(catalogue: ActionCatalogue) -> tuple[ActionRow, ...]:
    """The catalogue for people, in the order of the ids."""
    return tuple(_row(action) for action in catalogue.actions)


def _row(action: CatalogueAction) -> ActionRow:
    values = [
        f"{one.name}: {one.inventory}" if one.inventory else f"{one.name}: {' | '.join(one.choices)}"
        for one in action.parameters
    ]
    undo = action.rollback
    return ActionRow(
        id=action.id,
        title=action.title,
        does=action.apply.operation or action.apply.function,
        parameters=", ".join(values),
        approval=action.approval,
        reaches=action.blast_radius,
        max_per_hour=action.max_per_hour,
        verified_by="" if action.verify is None else action.verify.condition,
        undone_by="" if undo is None else undo.operation or undo.function,
    )


class _Reader:
    def __init__(self, folder: Path, registered: DefinitionCatalogue) -> None:
        self._folder = folder
        self._registered = registered
        self._problems: list[FileProblem] = []
        self._files = 0

    def read(self) -> CheckedFiles:
        inventory = self._document(INVENTORY_FILE, InventoryFile, check_inventory)
        metrics = self._document(METRICS_FILE, MetricsFile, check_metrics)
        measured = () if metrics is None else tuple(metric.contract() for metric in metrics.metrics)
        checks = ActionChecks(self._registered, measured)
        actions = [action for path in self._listed(ACTIONS, ".yaml") if (action := self._action(path, checks))]
        services = () if inventory is None else tuple(service.name for service in inventory.services)
        runbooks = [entry for path in self._listed(RUNBOOKS, ".md") if (entry := self._runbook(path, services))]
        errors = any(problem.diagnostic.severity == "error" for problem in self._problems)
        catalogue = None
        if inventory is not None and metrics is not None and not errors:
            catalogue = with_digest(
                ActionCatalogue(
                    actions=tuple(action.contract() for action in actions),
                    metrics=tuple(metric.contract() for metric in metrics.metrics),
                    services=services,
                    instances={one.name: tuple(one.instances) for one in inventory.services},
                )
            )
        return CheckedFiles(catalogue, tuple(runbooks), tuple(self._problems), self._files)

    def services(self) -> frozenset[str]:
        inventory = self._document(INVENTORY_FILE, InventoryFile, check_inventory)
        if inventory is None or any(problem.diagnostic.severity == "error" for problem in self._problems):
            raise CatalogueError("\n".join(problem.line for problem in self._problems))
        return frozenset(service.name for service in inventory.services)

    def _listed(self, name: str, suffix: str) -> Iterator[Path]:
        folder = self._folder / name
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix == suffix:
                yield path
            elif not path.name.startswith("."):
                source = Source("")
                source.report((), "file.name", f"only {suffix} files are read here", "rename it, or move it away")
                self._tell(path, source)

    def _document(self, name: str, model: type[ModelT], check: Callable[[Source, ModelT], None]) -> ModelT | None:
        path = self._folder / name
        source = self._source(path)
        found = self._model(source, model, "a mapping")
        if found is not None:
            check(source, found)
        self._tell(path, source)
        return found

    def _action(self, path: Path, checks: ActionChecks) -> ActionFile | None:
        source = self._source(path)
        found = self._model(source, ActionFile, "an action")
        if found is not None:
            checks.check(source, found, path.stem)
        self._tell(path, source)
        return found

    def _runbook(self, path: Path, services: Sequence[str]) -> RunbookEntry | None:
        """The header is YAML between two lines of dashes; it stays at its lines, so that places are the file's."""
        content = self._content(path)
        if isinstance(content, Source):
            self._tell(path, content)
            return None
        text = content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
        head, fence, body = text.removeprefix(FENCE).partition(f"\n{FENCE}\n")
        source = Source(text)
        if not text.startswith(f"{FENCE}\n") or not fence:
            mend = f"begin with {FENCE}, title: …, and {FENCE}"
            source.report((), "runbook.header", "there is no header", mend)
            self._tell(path, source)
            return None
        source = read_source(head)
        source.text = text
        found = self._model(source, RunbookHeader, "the header")
        for index, service in enumerate([] if found is None else found.services):
            if services and service not in services:
                hint = did_you_mean(service, services)[2:]
                source.report(("services", index), "service.unknown", f"there is no service {service!r}", hint)
        if len(body) > MAX_RUNBOOK:
            source.report((), "runbook.long", f"longer than {MAX_RUNBOOK:,} characters", "split it")
        self._tell(path, source)
        if found is None:
            return None
        runbook = Runbook(name=path.stem, title=found.title, text=body.strip())
        return RunbookEntry(runbook, tuple(found.services), tuple(found.alerts))

    def _source(self, path: Path) -> Source:
        content = self._content(path)
        return content if isinstance(content, Source) else read_source(content)

    def _content(self, path: Path) -> bytes | Source:
        """A file as it is, or the problem of its not being read."""
        self._files += 1
        try:
            return path.read_bytes()
        except OSError as error:
            source = Source("")
            source.report((), "file.unreadable", f"it cannot be read: {error.strerror or error}", f"see {MANUAL}")
            return source

    def _model(self, source: Source, model: type[ModelT], what: str) -> ModelT | None:
        if source.value is None and source.diagnostics:
            return None
        if as_object(source.value) is None:
            source.report((), "document.type", f"{what} is a mapping", f"see {MANUAL}")
            return None
        return read_model(source, model, source.value, (), MANUAL)

    def _tell(self, path: Path, source: Source) -> None:
        name = str(path.relative_to(self._folder.parent))
        self._problems += [FileProblem(name, one, excerpt(one, source.text)) for one in told(source.diagnostics)]


def with_digest(catalogue: ActionCatalogue) -> ActionCatalogue:
    """The catalogue with its digest, which names all that it holds."""
    content = catalogue.model_dump(mode="json", exclude={"digest", "attempt"})
    return catalogue.model_copy(update={"digest": canonical_digest(content)})
