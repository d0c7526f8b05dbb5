"""How every command speaks to people: results to stdout, problems to stderr, and exit codes that scripts can use."""

from collections.abc import Iterable
from enum import IntEnum
from importlib import import_module
from typing import Any, NoReturn

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment


class Screen(Console):
    """A console that shows texts and nothing else: colours and lines are ours, and what texts bring along is not."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            is_plain = segment.text.isascii() and segment.text.replace("\n", "").isprintable()
            yield segment if segment.control or is_plain else Segment(_cleaned(segment.text), segment.style)


def _cleaned(text: str) -> str:
    # Loaded with the first text that needs it: help and completion never do.
    cleaner: Any = import_module("towpath.contracts.core.text")
    return cleaner.clean_lines(text)


console = Screen(highlight=False)
problems = Screen(stderr=True, highlight=False)


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
