"""Definitions as commands read them: from a file, against what this place lets them name."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from towpath.cli.configuration import settings
from towpath.cli.files import read_bytes
from towpath.cli.terminal import Exit, fail, problems
from towpath.config.catalogue import make_catalogue
from towpath.config.connections import Connections, ConnectionsFileError
from towpath.config.reviewers import ReviewerDirectory, ReviewersFileError
from towpath.engine.checks.check import Checked, check_text
from towpath.engine.language.catalogue import DefinitionCatalogue
from towpath.engine.language.diagnostics import excerpt, without_secrets
from towpath.engine.language.plan import Plan

File = Annotated[Path, typer.Argument(help="The definition, in YAML or JSON; `-` reads stdin.", metavar="FILE")]


def catalogue_of_this_place() -> DefinitionCatalogue:
    """What the functions, services and files here let a definition name."""
    own, directory = settings(), directory_of_this_place()
    try:
        connections = Connections.load(own.connections_file)
    except ConnectionsFileError as error:
        fail(Exit.WRONG_INPUT, *str(error).splitlines())
    teams = frozenset({*own.team_channels, *directory.teams()})
    return make_catalogue(connections, teams, deciders=directory.deciders())


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
    return plan_of(without_errors(str(file), check_text(read_bytes(file), catalogue_of_this_place())))


def plan_of(found: Checked) -> Plan:
    if found.plan is None:
        raise RuntimeError("a definition without errors has a plan")
    return found.plan


def without_errors(name: str, found: Checked) -> Checked:
    if not found.ok:
        tell_problems(name, found)
        raise typer.Exit(Exit.REFUSED)
    return found
