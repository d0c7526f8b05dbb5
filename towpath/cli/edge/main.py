"""The edge of the command line: whatever goes wrong behind it becomes lines on stderr and an exit code.

A traceback is for whoever asks for it, with `--debug` or TOWPATH_DEBUG.
"""

import errno
import io
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module
from itertools import takewhile
from typing import NoReturn

import typer
from pydantic import ValidationError
from typer.core import TyperGroup
from typer.exceptions import TyperException

from towpath.cli.edge.interrupts import WORDS, end_at_once, interrupted, raise_again
from towpath.cli.edge.lazy import PROGRAM
from towpath.cli.files import reason
from towpath.cli.terminal import Exit, problems

MOST_SHOWN = 200


def main(commands: TyperGroup, arguments: Sequence[str]) -> NoReturn:
    """Carry out a command, and end the process by its exit code."""
    end_at_once()
    code = carry_out(commands, arguments)
    end_at_once()
    sys.exit(code)


def carry_out(commands: TyperGroup, arguments: Sequence[str]) -> int:
    """The exit code of a command. What is wrong has been said."""
    _take_any_text()
    edge = _Edge(debug=_wants_traceback(arguments))
    with edge:
        raise_again()
        edge.code = _invoke(commands, arguments)
    return edge.code


class _Edge:
    """Nothing but the end of the process passes it. `code` is what the block came to."""

    def __init__(self, *, debug: bool) -> None:
        self.code: int = Exit.DEFECT
        self.debug = debug

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if error and interrupted(error):
            # A coroutine that was made, and not awaited before the interruption, is no defect to tell of.
            warnings.filterwarnings("ignore", message="coroutine .* was never awaited", category=RuntimeWarning)
            self.code = _say(Exit.INTERRUPTED, WORDS)
            return True
        if isinstance(error, Exception):
            self.code = _unexpected(error, debug=self.debug)
            return True
        return False


def _invoke(commands: TyperGroup, arguments: Sequence[str]) -> int:
    try:
        with commands.make_context(PROGRAM, list(arguments)) as context:
            commands.invoke(context)
        sys.stdout.flush()
    except typer.Exit as ended:
        return int(ended.exit_code)
    except typer.Abort:
        return _say(Exit.INTERRUPTED, WORDS)
    except TyperException as error:
        return _misused(error)
    except ValueError as error:
        return _unfit(error)
    except OSError as error:
        return _refused_by_system(error)
    return Exit.OK


def _misused(error: TyperException) -> int:
    """A wrong option or argument: what is wrong, and where it stands how it is used."""
    context = getattr(error, "ctx", None)
    message = error.format_message()
    if context is None:
        return _say(error.exit_code, message)
    if not message.strip() or type(error).__name__ == "NoArgsIsHelpError":
        problems.print(context.get_help(), markup=False, soft_wrap=True)
        return error.exit_code
    return _say(error.exit_code, f"{context.command_path}: {message.rstrip('.')}. Usage: {context.command_path} --help")


def _unfit(error: ValueError) -> int:
    """A value that a request or a list does not take: commands make them of what they are given."""
    if isinstance(error, import_module("towpath.contracts.core.listing").UnlistableError):
        return _say(Exit.WRONG_INPUT, str(error))
    if not isinstance(error, (UnicodeEncodeError, ValidationError)):
        raise error
    if isinstance(error, UnicodeEncodeError):
        return _say(Exit.WRONG_INPUT, f"{_clipped(error.object)}: is no text in UTF-8: write it in that encoding")
    words = import_module("towpath.engine.language.mistakes")
    told: list[str] = words.mistakes(error)
    return _say(Exit.WRONG_INPUT, f"{'; '.join(told)}: give another value")


def _refused_by_system(error: OSError) -> int:
    if error.errno == errno.EPIPE:
        _print_to_nobody()
        return Exit.UNREAD
    place = _clipped(os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes)) else "input or output"
    return _say(Exit.WRONG_INPUT, f"{place}: {reason(error)}")


def _unexpected(error: Exception, *, debug: bool) -> int:
    """Our defect. The details go to a file that only this user may read: they could hold what was given."""
    details = "".join(traceback.format_exception(error))
    what = f"This is a defect of Towpath: {type(error).__name__} in {_place_of(error)}."
    if debug:
        sys.stderr.write(details)
        return _say(Exit.DEFECT, what)
    try:
        with tempfile.NamedTemporaryFile("w", prefix="towpath-defect-", suffix=".txt", delete=False) as file:
            file.write(details.encode(errors="backslashreplace").decode())
    except OSError:
        return _say(Exit.DEFECT, f"{what} {PROGRAM} --debug … shows the details.")
    return _say(Exit.DEFECT, f"{what} Details: {file.name}; {PROGRAM} --debug … shows them.")


def _place_of(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{os.path.relpath(frames[-1].filename)}:{frames[-1].lineno}" if frames else "an unknown place"


def _wants_traceback(arguments: Sequence[str]) -> bool:
    leading = takewhile(lambda argument: argument.startswith("-"), arguments)
    return "--debug" in leading or bool(os.environ.get("TOWPATH_DEBUG"))


def _say(code: int, text: str) -> int:
    """One line. Nobody may be there to read it any more."""
    try:
        problems.print(" ".join(text.split()), markup=False, soft_wrap=True)
    except OSError:
        _print_to_nobody()
    return int(code)


def _clipped(text: str) -> str:
    return repr(text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…").strip("'")


def _take_any_text() -> None:
    """A terminal of another encoding gets an escape for what it cannot show; a closed one gets nothing."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.StringIO())
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _print_to_nobody() -> None:
    """What is still in a buffer would be tried again when the interpreter ends."""
    nobody = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(nobody, stream.fileno())
    os.close(nobody)
