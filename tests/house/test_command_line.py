"""The command line loads what a command needs and no more, and says of each command what its module says."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup

import starter
from towpath.cli.edge.lazy import Lazy
from towpath.cli.terminal import Exit

ROOT = Path(__file__).resolve().parents[2]
SAGA = "definitions/order-saga.yaml"
NOBODY = "127.0.0.1:1"
"""Where no Temporal answers: a command has loaded all that it needs before it finds that out."""

LOADED = """
import json, runpy, sys

sys.argv = ["starter.py", *sys.argv[1:]]
try:
    runpy.run_path("starter.py", run_name="__main__")
except SystemExit as ended:
    print(json.dumps({"code": ended.code or 0, "modules": sorted(sys.modules)}), file=sys.stderr)
"""


def loaded_by(*arguments: str, code: int = Exit.OK) -> list[str]:
    """Modules that are in memory when a command has ended with that code, in an interpreter of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TEMPORAL_ADDRESS": NOBODY},
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(ended.stderr.splitlines()[-1])
    assert told["code"] == code, ended.stderr
    return told["modules"]


@pytest.mark.parametrize(
    ("arguments", "most"),
    [
        pytest.param(["--help"], 370, id="help"),
        pytest.param(["definition", "--help"], 450, id="help-of-a-group"),
        pytest.param(["definition", "check", SAGA], 596, id="definition-check"),
        pytest.param(["definition", "plan", SAGA], 596, id="definition-plan"),
        pytest.param(["definition", "test", SAGA], 655, id="definition-test"),
    ],
)
def test_what_needs_no_server_starts_quickly(arguments: list[str], most: int) -> None:
    """Help and the work on files load nothing of Temporal and no client of HTTP, and some 600 modules."""
    modules = loaded_by(*arguments)

    assert not {"temporalio", "httpx"} & {name.partition(".")[0] for name in modules}
    assert len(modules) <= most


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["runs", "list"], id="runs-list"),
        pytest.param(["runs", "status", "x/y"], id="runs-status"),
        pytest.param(["review", "list"], id="review-list"),
        pytest.param(["queue", "list"], id="queue-list"),
        pytest.param(["incident", "list"], id="incident-list"),
    ],
)
def test_what_reads_loads_little_of_its_own(arguments: list[str]) -> None:
    """Temporal's client, typer, rich and pydantic are 669 modules; a command that reads adds some 100 to them."""
    modules = loaded_by(*arguments, code=Exit.UNREACHABLE)

    assert not {"cryptography", "httpx", "jsonschema", "obstore"} & {name.partition(".")[0] for name in modules}
    assert len(modules) <= 786


def test_help_loads_no_command() -> None:
    """The names and helps of all commands come from starter.py alone."""
    modules = loaded_by("--help")

    assert {name for name in modules if name.startswith("towpath.")} <= {
        "towpath.cli",
        "towpath.cli.files",
        "towpath.cli.terminal",
        "towpath.cli.edge",
        "towpath.cli.edge.interrupts",
        "towpath.cli.edge.lazy",
        "towpath.cli.edge.main",
        "towpath.private",
    }


def lazy_commands(group: TyperGroup, *path: str) -> Iterator[tuple[str, Lazy]]:
    """Each command and group that is loaded when it is called, with its words."""
    for name, command in group.commands.items():
        if isinstance(command, Lazy):
            yield " ".join((*path, name)), command
        elif isinstance(command, TyperGroup):
            yield from lazy_commands(command, *path, name)


@pytest.mark.parametrize(
    "command", [pytest.param(command, id=words) for words, command in lazy_commands(starter.commands)]
)
def test_helps_agree(command: Lazy) -> None:
    """What starter.py says of a command is the first paragraph of what its module says."""
    said: str = command.loaded.help

    assert command.help == " ".join(said.partition("\n\n")[0].split())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("status", "status"),
        ("run-status", "status"),
        ("result", "result"),
        ("cancel", "cancel"),
        ("redrive", "redrive"),
    ],
)
def test_old_spellings_are_the_commands_of_runs(old: str, new: str) -> None:
    """What stands beside `runs …` from before still works as that does, and no help names it."""
    commands: Any = starter.commands.commands
    stands_for, before = commands["runs"].commands[new], commands[old]

    assert before.hidden and not stands_for.hidden
    assert before.loaded.callback.__wrapped__ is stands_for.loaded.callback.__wrapped__


def leaves(group: TyperGroup, *path: str) -> Iterator[tuple[str, Any]]:
    """Every command with its words, however deep it stands."""
    for name, command in group.commands.items():
        loaded: Any = command.loaded if isinstance(command, Lazy) else command
        if isinstance(loaded, TyperGroup):
            yield from leaves(loaded, *path, name)
        else:
            yield " ".join((*path, name)), loaded


def test_every_command_has_json() -> None:
    """Whatever a command prints, a program can read, but for the stack that stays up before somebody's eyes."""
    without = {
        words
        for words, command in leaves(starter.commands)
        if not any("--json" in parameter.opts for parameter in command.params)
    }

    assert without == {"up"}


def test_every_acting_person_is_given_by_as() -> None:
    """Who acts is `--as NAME` everywhere; where it was `--by`, that still is taken."""
    people = [
        (words, parameter)
        for words, command in leaves(starter.commands)
        for parameter in command.params
        if {"--as", "--by", "--reviewer"} & set(parameter.opts)
    ]

    assert len(people) > 10
    assert [words for words, parameter in people if parameter.opts[0] != "--as"] == []
