"""What Ctrl-C does: while modules load and while the interpreter ends, it ends the process at once and quietly."""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from towpath.cli.terminal import Exit

WORDS = "Interrupted. Runs in Temporal go on."


@contextmanager
def ended_at_once() -> Generator[None]:
    """For imports: an exception between two of their lines could be swallowed, or be told as one of theirs."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield
        return
    end_at_once()
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def end_at_once() -> None:
    """From here on Ctrl-C leaves nothing to be done."""
    signal.signal(signal.SIGINT, _leave)


def raise_again() -> None:
    """From here on Ctrl-C is an exception, which undoes what is under way."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def interrupted(error: BaseException) -> bool:
    """Whether Ctrl-C is what an exception came of: Python and libraries wrap what is raised inside of theirs."""
    seen: set[int] = set()
    behind: BaseException | None = error
    while behind and id(behind) not in seen:
        if isinstance(behind, KeyboardInterrupt):
            return True
        seen.add(id(behind))
        behind = behind.__cause__ or behind.__context__
    return False


def _leave(number: int, frame: FrameType | None) -> None:
    del number, frame
    os.write(2, f"{WORDS}\n".encode())
    os._exit(Exit.INTERRUPTED)
