"""Child processes of the local stack: started with a log, watched until ready, ended by their own pid.

Each is in a session of its own, so that Ctrl-C in a terminal reaches their parent alone, which ends them in order.
"""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from towpath import private
from towpath.children import child_environment
from towpath.local.tether import tethered

ROOT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 30
TRIES = 3
LOOK_SECONDS = 0.05
LOG_TAIL_LINES = 15
PR_SET_PDEATHSIG = 1
IS_LINUX = sys.platform == "linux"
BYTECODE_KEPT = {"PYTHONDONTWRITEBYTECODE": ""}
"""The sandbox loads workflow modules for each run: without compiled files that takes twice the CPU."""
ResultT = TypeVar("ResultT")


class ChildFailedError(Exception):
    """A child ended or was not ready in time; the text ends with the tail of its log."""


class ChildEndedError(ChildFailedError):
    """It ended before it was ready."""


@dataclass(frozen=True, slots=True)
class Child:
    name: str
    process: asyncio.subprocess.Process
    log: Path | None

    @property
    def pid(self) -> int:
        return self.process.pid

    async def ready(self, condition: Awaitable[ResultT], timeout_seconds: float) -> ResultT:
        """The condition's result, unless the child ends first. Raises ChildFailedError."""
        waiting = asyncio.ensure_future(condition)
        ended = asyncio.ensure_future(self.process.wait())
        try:
            await asyncio.wait({waiting, ended}, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            if ended.done():
                raise ChildEndedError(f"{self.name} ended with {ended.result()}{self._tail()}")
            raise ChildFailedError(f"{self.name} was not ready in {timeout_seconds:.0f} s{self._tail()}")
        finally:
            waiting.cancel()
            ended.cancel()

    async def stop(self) -> int:
        """Ask it to end, and make it end after 30 s, or as soon as this is cancelled. Its exit code."""
        if self.process.returncode is None:
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
            except TimeoutError:
                self.process.kill()
            except asyncio.CancelledError:
                self.process.kill()
                raise
        return await self.process.wait()

    async def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self.process.kill()
        await self.process.wait()

    def _tail(self) -> str:
        if self.log is None or not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return f"; the end of {self.log}:\n" + "\n".join(lines)


async def begin(
    up: AsyncExitStack, start: Callable[[], AbstractAsyncContextManager[ResultT]], tries: int = TRIES
) -> ResultT:
    """What `start` yields, which ends with `up`. Raises ChildFailedError.

    A child that ends before it is ready is started again: somebody may have taken its port meanwhile, and `start`
    chooses another one.
    """
    try:
        return await up.enter_async_context(start())
    except ChildEndedError:
        if tries == 1:
            raise
        return await begin(up, start, tries - 1)


@asynccontextmanager
async def spawn(
    name: str,
    line: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    keep: Sequence[int] = (),
    worker: bool = False,
) -> AsyncGenerator[Child]:
    """A child process that ends with the block, and soon after its parent if that is killed.

    `keep`: descriptors that stay open in it. Only a `worker` is given the settings of this process, keys among them.
    """
    if log is not None:
        private.make_folder(log.parent)
    with private.open_bytes(log or Path(os.devnull), append=True) as output:
        process = await asyncio.create_subprocess_exec(
            *line,
            env=child_environment({**BYTECODE_KEPT, **(env or {})}, worker=worker),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=tuple(keep),
            preexec_fn=partial(_end_with, os.getpid()) if IS_LINUX else None,
        )
    child = Child(name, process, log)
    with nullcontext() if IS_LINUX else tethered(process.pid):
        try:
            yield child
        finally:
            await child.stop()


async def written(file: Path, text: str = "") -> str:
    """What a child wrote, as soon as the file is there and holds the text."""
    while True:
        found = await asyncio.to_thread(_read, file)
        if found is not None and text in found:
            return found
        await asyncio.sleep(LOOK_SECONDS)


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else None


def _end_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # It was killed meanwhile, and the kernel tells of deaths to come only.
        os._exit(1)
