"""Child processes of the local stack: started with a log, watched until ready, ended by their own pid."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

STOP_SECONDS = 30
LOG_TAIL_LINES = 15
PR_SET_PDEATHSIG = 1
BYTECODE_KEPT = {"PYTHONDONTWRITEBYTECODE": ""}
"""The sandbox loads workflow modules for each run: without compiled files that takes twice the CPU."""
ResultT = TypeVar("ResultT")


class ChildFailedError(Exception):
    """A child ended or was not ready in time; the text ends with the tail of its log."""


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
            why = f"ended with {ended.result()}" if ended.done() else f"was not ready in {timeout_seconds:.0f} s"
            raise ChildFailedError(f"{self.name} {why}{self._tail()}")
        finally:
            waiting.cancel()
            ended.cancel()

    async def stop(self) -> int:
        """Ask it to end, and make it end after 30 s. Its exit code."""
        if self.process.returncode is None:
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
            except TimeoutError:
                self.process.kill()
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


@asynccontextmanager
async def spawn(
    name: str, line: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path | None = None
) -> AsyncGenerator[Child]:
    """A child process that ends with the block, and with its parent if that dies first (on Linux)."""
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
    with (log or Path(os.devnull)).open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *line,
            env={**os.environ, **BYTECODE_KEPT, **(env or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
    child = Child(name, process, log)
    try:
        yield child
    finally:
        await child.stop()


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
