"""A process that outlives its parent is ended, where the kernel does not do it: a small process watches for that.

It reads a pipe that only the parent can write to. What it reads says whether the parent was done with the process, or
is gone.
"""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress

STOP_SECONDS = 30.0
LOOK_SECONDS = 0.2
DONE = b"."


@contextmanager
def tethered(pid: int) -> Generator[None]:
    """While the block lasts, the process is ended soon after this one if this one is killed."""
    reading, writing = os.pipe()
    watcher = subprocess.Popen(
        [sys.executable, "-I", __file__, str(pid)],
        stdin=reading,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env={},
    )
    os.close(reading)
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            os.write(writing, DONE)
        os.close(writing)
        watcher.wait()


def watch(pid: int) -> None:
    """Until the parent is done with the process, or gone: then the process is asked to end, and made to end."""
    if sys.stdin.buffer.read(1) == DONE:
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        for _ in range(int(STOP_SECONDS / LOOK_SECONDS)):
            select.select([], [], [], LOOK_SECONDS)
            os.kill(pid, 0)
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    watch(int(sys.argv[1]))
