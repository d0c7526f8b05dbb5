"""A small process beside the worker, which ends it when a workflow task does not come to an end.

It is no thread: a task that stands still inside of compiled code keeps Python's lock, and then no thread of the worker
runs, neither its signal handlers nor its metrics' gauges. The worker writes which run it is at into memory that both
share; the process reads it.
"""

import asyncio
import faulthandler
import json
import mmap
import os
import select
import signal
import struct
import sys
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

STUCK_SECONDS = 30.0
SLOW_SECONDS = 2.0
"""The SDK gives a task up then, and Temporal tries it again; the thread goes on with it all the same."""
LOOK_SECONDS = 0.5
DUMP_SECONDS = 5.0
"""For the tracebacks of all threads, until a worker that still stands is killed."""
ENDS = signal.SIGALRM
"""Its default is to end the process, and faulthandler writes tracebacks before: both without Python's lock."""
EXIT_STUCK = 128 + ENDS

SLOTS, SIZE = 512, 512
_SINCE = struct.Struct("d")
_NAME = SIZE - _SINCE.size


class TaskClock:
    """What each thread that runs workflow code is at. Implements `workflows.sandbox.TaskListener`."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._own = threading.local()
        self._slots = iter(range(SLOTS))
        self._turn = threading.Lock()

    def begin(self, name: str) -> None:
        """A workflow task of the run so named begins in this thread."""
        slot = self._slot()
        if slot is not None:
            written = name.encode(errors="replace")[: _NAME - 1]
            start = slot * SIZE
            self._memory[start + _SINCE.size : start + _SINCE.size + len(written) + 1] = written + b"\0"
            _SINCE.pack_into(self._memory, start, time.monotonic())

    def end(self) -> None:
        slot = self._slot()
        if slot is not None:
            _SINCE.pack_into(self._memory, slot * SIZE, 0.0)

    def _slot(self) -> int | None:
        """None for the threads after the first 512, of which a worker has none."""
        if not hasattr(self._own, "slot"):
            with self._turn:
                self._own.slot = next(self._slots, None)
        found: int | None = self._own.slot
        return found


@asynccontextmanager
async def watched(stuck_seconds: float = STUCK_SECONDS) -> AsyncGenerator[TaskClock]:
    """Until the end of the block, a workflow task that stands still ends this process by SIGALRM."""
    faulthandler.register(ENDS, all_threads=True, chain=True)
    with tempfile.TemporaryFile() as file:
        file.truncate(SLOTS * SIZE)
        with mmap.mmap(file.fileno(), SLOTS * SIZE) as memory:
            watching = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", __file__, str(os.getpid()), str(file.fileno()), str(stuck_seconds)),
                stdin=asyncio.subprocess.PIPE,
                pass_fds=[file.fileno()],
                start_new_session=True,
                env={},
            )
            try:
                yield TaskClock(memory)
            finally:
                watching.kill()
                await watching.wait()
    faulthandler.unregister(ENDS)


def watch(pid: int, memory: mmap.mmap, stuck_seconds: float) -> None:
    """Look, until the worker is gone: its end of the pipe is closed then."""
    told: set[float] = set()
    while not select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
        now = time.monotonic()
        for since, name in _under_way(memory):
            if now - since >= stuck_seconds:
                _say("critical", "a workflow task stands still: the worker is ended", name, now - since)
                _end(pid)
                return
            if now - since >= SLOW_SECONDS and since not in told:
                told.add(since)
                _say("error", "a workflow task takes long", name, now - since)


def _under_way(memory: mmap.mmap) -> Generator[tuple[float, str]]:
    for start in range(0, SLOTS * SIZE, SIZE):
        (since,) = _SINCE.unpack_from(memory, start)
        if since:
            name = memory[start + _SINCE.size : start + SIZE].partition(b"\0")[0]
            yield since, name.decode(errors="replace")


def _say(level: str, event: str, name: str, seconds: float) -> None:
    """A line as the worker logs it."""
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    kind, _, run = name.partition(" ")
    workflow_id, _, run_id = run.rpartition(" ")
    fields = {"workflow_type": kind, "workflow_id": workflow_id, "run_id": run_id, "seconds": round(seconds, 1)}
    line = {**fields, "event": event, "level": level, "logger": "watchdog", "timestamp": at}
    sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stderr.flush()


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, ENDS)
        select.select([sys.stdin], [], [], DUMP_SECONDS)
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    with mmap.mmap(int(sys.argv[2]), SLOTS * SIZE, access=mmap.ACCESS_READ) as shared:
        watch(int(sys.argv[1]), shared, float(sys.argv[3]))
