"""How every command speaks to people: results to stdout, problems to stderr, and exit codes that scripts can use."""

from collections.abc import Iterable
from enum import IntEnum
from typing import NoReturn

import typer
from rich.console import Console, RenderableType

console = Console(highlight=False)
problems = Console(stderr=True, highlight=False)


class Exit(IntEnum):
    """Exit codes, the same for every command."""

    OK = 0
    REFUSED = 1
    WRONG_INPUT = 2
    NOT_FOUND = 3
    UNREACHABLE = 4
    TIMED_OUT = 5
    DEFECT = 70
    INTERRUPTED = 130
    UNREAD = 141


EXIT_CODES = (
    "Exit codes: 0 done; 1 refused, or the run ended without success; 2 wrong input or settings; 3 not found; "
    "4 Temporal or a worker does not answer; 5 waited too long; 70 a defect of Towpath; 130 ended by Ctrl-C; "
    "141 nobody reads what it prints."
)


def fail(code: Exit, *lines: str) -> NoReturn:
    """Say what is wrong, a line each, and end."""
    for line in lines:
        problems.print(line, markup=False, soft_wrap=True)
    raise typer.Exit(code)


def warn(*lines: str) -> None:
    """Say what a command is about to do that its user may not mean."""
    for line in lines:
        problems.print(f"warning: {line}", markup=False, soft_wrap=True)


def show_page(parts: Iterable[RenderableType]) -> None:
    """Tables are as wide as the terminal; a line that is longer is left whole."""
    for part in parts:
        console.print(part, markup=False, soft_wrap=isinstance(part, str))
