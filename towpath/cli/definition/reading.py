"""Definitions as commands read them: from a file, against what this place lets them name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from towpath.cli.configuration import settings
from towpath.cli.files import read_bytes
from towpath.cli.terminal import Exit, fail, problems
from towpath.config.catalogue import make_catalogue
from towpath.config.connections import Connections, ConnectionsFileError
from towpath.config.reviewers import ReviewerDirectory, ReviewersFileError
from towpath.engine.checks.check import Checked, check_text
from towpath.engine.checks.documents import with_documents
from towpath.engine.language.catalogue import DefinitionCatalogue, KnownDocument
from towpath.engine.language.diagnostics import excerpt, without_secrets
from towpath.engine.language.plan import Plan


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """`catalogue` is what it was checked against, its documents included."""

    found: Checked
    catalogue: DefinitionCatalogue

    def document(self) -> dict[str, Any]:
        """A good definition as it is published and run: what it names of documents is frozen."""
        return with_documents(self.found.source.value, self.catalogue)


File = Annotated[Path, typer.Argument(help="The definition, in YAML or JSON; `-` reads stdin.", metavar="FILE")]


def catalogue_of_this_place() -> DefinitionCatalogue:
    """What the functions, services and files here let a definition name."""
    own, directory = settings(), directory_of_this_place()
    teams = frozenset({*own.team_channels, *directory.teams()})
    return make_catalogue(connections_of_this_place(), teams, deciders=directory.deciders())


def connections_of_this_place() -> Connections:
    try:
        return Connections.load(settings().connections_file)
    except ConnectionsFileError as error:
        fail(Exit.WRONG_INPUT, *str(error).splitlines())


def check_file(file: Path) -> CheckedFile:
    """A definition after its checks, documents beside it included; nothing is fetched."""
    text = read_bytes(file)
    return _checked(text, _documents().beside(file, text) if b"documents" in text else {})


async def check_fetched(file: Path, text: bytes) -> CheckedFile:
    """A definition after its checks, with all its documents: as it is published and run."""
    if b"documents" not in text:
        return _checked(text, {})
    return _checked(text, await _documents().everywhere(file, text, connections_of_this_place()))


def _documents() -> Any:
    # Loaded for a definition that names documents: checks of all others would start later.
    return import_module("towpath.cli.definition.documents")


def _checked(text: bytes, documents: Mapping[str, KnownDocument]) -> CheckedFile:
    catalogue = replace(catalogue_of_this_place(), documents=documents)
    return CheckedFile(check_text(text, catalogue), catalogue)


def directory_of_this_place() -> ReviewerDirectory:
    """Who may decide for which team."""
    try:
        return ReviewerDirectory.load(settings().reviewers_file)
    except ReviewersFileError as error:
        fail(Exit.WRONG_INPUT, *str(error).splitlines())


def tell_problems(name: str, found: Checked) -> None:
    """A line for each problem, with its excerpt on a terminal."""
    text = without_secrets(found.source.text, found.diagnostics)
    for problem in found.diagnostics:
        told = Text(problem.line_of(name))
        told.highlight_words([problem.code], "bold red" if problem.severity == "error" else "bold yellow")
        problems.print(told, soft_wrap=True)
        if problems.is_terminal:
            line, _, carets = excerpt(problem, text).partition("\n")
            problems.print(Text.assemble((line, "dim"), "\n", (carets, "red")), soft_wrap=True)


def is_file(target: str) -> bool:
    """Whether a target names a file and no published definition."""
    return target == "-" or Path(target).suffix in {".yaml", ".yml", ".json"}


def checked_plan(file: Path) -> Plan:
    return plan_of(without_errors(str(file), check_file(file).found))


def plan_of(found: Checked) -> Plan:
    if found.plan is None:
        raise RuntimeError("a definition without errors has a plan")
    return found.plan


def without_errors(name: str, found: Checked) -> Checked:
    if not found.ok:
        tell_problems(name, found)
        raise typer.Exit(Exit.REFUSED)
    return found
