"""`starter.py demo` and `up`: the local stack from the command line. What they do is loaded after they have spoken."""

import importlib
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from towpath.cli.as_json import JsonFlag
from towpath.cli.terminal import Exit, fail
from towpath.local.state import StateFolder, StateForeignError, StateTakenError, locked

STATE = Path(".towpath")
DEMO = "demo"
PROCESSES = ("onboarding", "publishing", "incident", "etl")
"""What the demo can show, in its order."""
INTERRUPTED = 130
"""Exit code of a demo that was told to end."""

StateOption = Annotated[
    Path, typer.Option(help="Folder for the database file and the logs; one stack at a time uses it.")
]


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)
    app.command("up")(up)


def demo(
    process: Annotated[str, typer.Option(help=f"Which process to show: {', '.join(PROCESSES)}, or all.")] = "all",
    state: Annotated[
        Path, typer.Option(help=f"The demo begins anew in its folder {DEMO}, and leaves everything else there alone.")
    ] = STATE,
    as_json: JsonFlag = False,
) -> None:
    """Show the processes on a local stack, every step as it happens, and end.

    With --json the steps go to stderr, and stdout gets what the runs did.
    """
    wanted = list(PROCESSES) if process == "all" else [process]
    if process not in {"all", *PROCESSES}:
        fail(Exit.WRONG_INPUT, f"--process: {process!r} is not shown; give one of: all, {', '.join(PROCESSES)}")
    with _begun(state / DEMO, emptied=True, to_stderr=as_json) as folder:
        if _commands().demo(folder, wanted, as_json=as_json):
            raise typer.Exit(INTERRUPTED)


def up(state: StateOption = STATE) -> None:
    """Keep the local stack up until Ctrl-C: Temporal with its UI, stand-ins, one worker."""
    with suppress(KeyboardInterrupt), _begun(state) as folder:
        _commands().up(folder)


@contextmanager
def _begun(path: Path, *, emptied: bool = False, to_stderr: bool = False) -> Generator[StateFolder]:
    """The locked folder, and a word before anything is loaded. Ends the command when another stack has the folder."""
    try:
        with locked(_place(path), emptied=emptied) as folder:
            out = sys.stderr if to_stderr else sys.stdout
            out.write("Starting Temporal, the stand-in services and a worker …\n")
            out.flush()
            yield folder
    except StateTakenError as error:
        fail(Exit.REFUSED, *str(error).splitlines())
    except StateForeignError as error:
        fail(Exit.WRONG_INPUT, str(error))


def _place(path: Path) -> Path:
    """Ends the command for a folder that it may not use."""
    found: Path = importlib.import_module("towpath.cli.roots").resolved(path)
    return found


def _commands() -> Any:
    return importlib.import_module("towpath.cli.local.stack")
