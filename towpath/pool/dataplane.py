"""The worker's children that touch bytes: one for each slot, started once, killed when a task is cancelled."""

import asyncio
import shutil
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from towpath.contracts.core.failure import FailureCode, PipelineError
from towpath.contracts.core.wire import ActivityResult, Wire
from towpath.contracts.pipeline.plane import Setup, TaskCall, TaskProgress, TaskReply
from towpath.pool.reaching import given_for, kinds_of, used_by
from towpath.pool.scratch import Scratch

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-P", "-m", "towpath.dataplane")
MAX_LINE = 256 * 1024**2
"""A request or result that names ten thousand parts is some 10 MiB."""
SPARE = 2
"""Children beyond the slots that may wait for a task of the connections that they have seen: a start takes a second."""
START_SECONDS = 60
"""A cold import of engine and drivers on a busy machine; usually it takes 1 s."""
ResultT = TypeVar("ResultT", bound=ActivityResult)
Tell = Callable[[TaskProgress], None]


@dataclass(slots=True)
class _Child:
    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    scratch: Path
    calls: int = 0
    seen: frozenset[str] = frozenset()
    """Connections of which it was given secrets: they stay in its memory, whatever it forgets."""

    async def kill(self) -> None:
        """SIGKILL, since nothing less ends a single long function of the engine."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.kill()
        await self.process.wait()
        self.writer.close()
        await asyncio.to_thread(shutil.rmtree, self.scratch, ignore_errors=True)


class Dataplane:
    """A pool of children. The secrets of connections go to them over their sockets: not by argument or environment.

    A task is done by a child that has seen no secret but those of the connections that the task opens itself.
    """

    def __init__(self, setup: Setup, slots: int, command: Sequence[str] = COMMAND) -> None:
        """`setup.scratch` is the folder below which each child gets its own; other workers may use it too."""
        self._setup = setup
        self._scratch = Scratch(Path(setup.scratch))
        self._command = command
        self._turns = asyncio.Semaphore(slots)
        self._most = slots + SPARE
        self._idle: list[_Child] = []
        self._busy: set[int] = set()
        self._kinds = kinds_of(setup.connections)

    @property
    def pids(self) -> tuple[int, ...]:
        """Processes that are alive: those that wait for a task, and those that do one."""
        return (*(child.process.pid for child in self._idle), *self._busy)

    async def run(self, task: str, request: Wire, result: type[ResultT], tell: Tell) -> ResultT:
        """Do a task in a child, when one is free. `tell` hears how far it is, twice a second.

        Raises PipelineError, also when the child died: the next call gets a new one. A cancellation kills the child.
        """
        async with self._turns:
            child = await self._take(used_by(request) & self._kinds.keys() - {self._setup.store_connection or ""})
            self._busy.add(child.process.pid)
            try:
                reply = await self._ask(child, task, request, tell)
            except BaseException:
                await asyncio.shield(child.kill())
                raise
            finally:
                self._busy.discard(child.process.pid)
            self._idle.append(child)
        if reply.failure is not None:
            failure = reply.failure
            seconds = failure.retry_after_seconds
            raise PipelineError(
                failure.code,
                failure.message,
                retry_after=None if seconds is None else timedelta(seconds=seconds),
                evidence=failure.evidence,
                final=not failure.retryable,
            )
        return result.model_validate(reply.result)

    async def close(self) -> None:
        """End the children. To be called when no task runs."""
        idle, self._idle = self._idle, []
        for child in idle:
            await child.kill()
        await asyncio.to_thread(self._scratch.close)

    async def _take(self, opens: frozenset[str]) -> _Child:
        """The one that was used last among those that may see what the task opens; it has seen that then."""
        ended = [child for child in self._idle if child.process.returncode is not None]
        self._idle = [child for child in self._idle if child not in ended]
        for child in ended:
            await child.kill()
        fitting = [child for child in self._idle if child.seen <= opens]
        if fitting:
            chosen = max(fitting, key=lambda child: len(child.seen))
            self._idle.remove(chosen)
        else:
            if len(self.pids) >= self._most:
                await self._idle.pop(0).kill()
            chosen = await self._start()
        chosen.seen |= opens
        return chosen

    async def _ask(self, child: _Child, task: str, request: Wire, tell: Tell) -> TaskReply:
        child.calls += 1
        call = TaskCall(
            number=child.calls,
            task=task,
            request=request.model_dump(mode="json"),
            connections=given_for(request, self._setup.connections),
            kinds=self._kinds,
        )
        try:
            child.writer.write(call.model_dump_json().encode() + b"\n")
            await child.writer.drain()
            while True:
                reply = await _read(child.reader)
                if reply.number != call.number:
                    continue
                if reply.kind != "progress":
                    return reply
                tell(reply.progress or TaskProgress())
        except (EOFError, ConnectionError) as error:
            raise await _died(child, task) from error

    async def _start(self) -> _Child:
        scratch = await asyncio.to_thread(self._scratch.new)
        ours, theirs = socket.socketpair()
        process = await asyncio.create_subprocess_exec(
            *self._command,
            str(theirs.fileno()),
            pass_fds=(theirs.fileno(),),
            env={"PYTHONPATH": str(ROOT)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours, limit=MAX_LINE)
        child = _Child(process, reader, writer, scratch)
        store = {name: given for name, given in self._setup.connections.items() if name == self._setup.store_connection}
        setup = self._setup.model_copy(update={"scratch": str(scratch), "connections": store})
        try:
            writer.write(setup.model_dump_json().encode() + b"\n")
            await writer.drain()
            async with asyncio.timeout(START_SECONDS):
                await _read(reader)
        except (EOFError, ConnectionError, TimeoutError) as error:
            await child.kill()
            code = process.returncode
            message = f"a data-plane process did not start (exit code {code}): try `python -m towpath.dataplane`"
            raise PipelineError(FailureCode.PIPELINE_CHILD_DIED, message, evidence={"exit_code": code}) from error
        except BaseException:
            await asyncio.shield(child.kill())
            raise
        return child


async def _read(reader: asyncio.StreamReader) -> TaskReply:
    """Raises EOFError at the end, and for a line that is no reply: what sent it cannot be trusted with another task."""
    line = await reader.readline()
    if not line:
        raise EOFError
    try:
        return TaskReply.model_validate_json(line)
    except ValidationError:
        raise EOFError from None


async def _died(child: _Child, task: str) -> PipelineError:
    """Killed from outside, by its limits, or by a crash of the engine."""
    if child.process.returncode is None:
        with suppress(ProcessLookupError):
            child.process.kill()
    code = await child.process.wait()
    how = f"by signal {-code}" if code < 0 else f"with code {code}"
    message = f"the process that did {task} ended {how}"
    return PipelineError(FailureCode.PIPELINE_CHILD_DIED, message, evidence={"task": task, "exit_code": code})
