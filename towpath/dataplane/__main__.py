"""A child process of the worker that does data-plane tasks, one at a time, for as long as the worker lives.

`python -m towpath.dataplane FD`: calls come and replies go as JSON lines over the socket `FD`. Nothing is read from the
environment and nothing goes to stdout or stderr, where libraries write what they like.
"""

import os
import shutil
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO

from pydantic import TypeAdapter, ValidationError

from towpath import private
from towpath.contracts.core.failure import FailureCode, HouseError, PipelineError
from towpath.contracts.core.wire import ActivityResult
from towpath.contracts.pipeline.plane import Setup, TaskCall, TaskProgress, TaskReply
from towpath.dataplane.core.connections import DataConnection, S3Connection
from towpath.dataplane.core.engine import ProcessLimits, restrict_process
from towpath.dataplane.core.entry import check_paths
from towpath.dataplane.core.memory import peak_rss_bytes
from towpath.dataplane.core.setup import roots_of
from towpath.dataplane.core.store import DatasetStore
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.tasks import TASKS, Task

PROGRESS_SECONDS = 0.5
READY = 0
CONNECTIONS = TypeAdapter(dict[str, DataConnection])


class WorkerChannel:
    """Lines to the worker. Progress is told at most twice a second."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._last = 0.0

    def send(self, reply: TaskReply) -> None:
        with self._lock:
            self._stream.write(reply.model_dump_json(exclude_defaults=True).encode() + b"\n")
            self._stream.flush()

    def progress(self, call: TaskCall, began: float, rows: int, size_bytes: int) -> None:
        now = time.monotonic()
        if now - self._last >= PROGRESS_SECONDS:
            self._last = now
            told = TaskProgress(task=call.task, rows=rows, size_bytes=size_bytes, seconds=round(now - began, 3))
            self.send(TaskReply(number=call.number, kind="progress", progress=told))


def main() -> None:
    """The first thread listens; tasks are done in another. When the worker is gone this process ends at once, whatever
    it is doing: nobody waits for the result.
    """
    worker = socket.socket(fileno=int(sys.argv[1]))
    calls = worker.makefile("rb")
    setup = Setup.model_validate_json(calls.readline())
    channel = WorkerChannel(worker.makefile("wb"))
    restrict_process(ProcessLimits(address_space_bytes=setup.address_space_bytes))
    channel.send(TaskReply(number=READY, kind="ready"))
    _silence()
    with ThreadPoolExecutor(max_workers=1) as one:
        for line in calls:
            call = TaskCall.model_validate_json(line)
            doing = one.submit(perform, call, setup, channel, TASKS)
            doing.add_done_callback(lambda done, call=call: channel.send(ending(call, done)))
        os._exit(0)


def perform(call: TaskCall, setup: Setup, channel: WorkerChannel, tasks: Mapping[str, Task]) -> ActivityResult:
    """Do one task in a folder of its own. Raises whatever the task raises."""
    began = time.monotonic()
    folder = Path(setup.scratch) / f"task-{call.number}"
    private.make_folder(folder)
    store = CONNECTIONS.validate_python(setup.connections).get(setup.store_connection or "")
    if not isinstance(store, S3Connection):
        store = None
    workspace = Workspace(
        store=DatasetStore(setup.store, store, setup.compression),
        folder=folder,
        memory_bytes=setup.memory_bytes,
        connections=CONNECTIONS.validate_python(call.connections),
        kinds=call.kinds,
        progress=lambda rows, size: channel.progress(call, began, rows, size),
        threads=setup.threads,
        roots=roots_of(setup),
    )
    try:
        task = tasks.get(call.task)
        if task is None:
            raise PipelineError(FailureCode.PIPELINE_TASK_FAILED, f"there is no task {call.task!r}", final=True)
        request = task.request.model_validate(call.request)
        check_paths(request, workspace)
        return task.run(request, workspace)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ending(call: TaskCall, done: Future[ActivityResult]) -> TaskReply:
    """The reply to a call that is done, in one way or another."""
    error = done.exception()
    if error is None:
        return TaskReply(number=call.number, kind="result", result=done.result().model_dump(mode="json"))
    if isinstance(error, MemoryError):
        error = PipelineError(FailureCode.PIPELINE_OUT_OF_MEMORY, f"{call.task} needs more memory than it may have")
    if not isinstance(error, HouseError):
        error = _unforeseen(call.task, error)
    return TaskReply(number=call.number, kind="failure", failure=error.failure(1))


def _unforeseen(task: str, error: BaseException) -> PipelineError:
    """Names the error's type and place. Its text may quote rows, so it stays here."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "towpath" in frame.filename]
    place = ours[-1] if ours else frames[-1]
    where = f"{Path(place.filename).stem}.{place.name}:{place.lineno}"
    wrong = isinstance(error, ValidationError)
    message = f"{task} failed: {type(error).__name__} at {where}"
    evidence = {"error": type(error).__name__, "at": where, "peak_rss_bytes": peak_rss_bytes()}
    return PipelineError(FailureCode.PIPELINE_TASK_FAILED, message, evidence=evidence, final=wrong)


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)


if __name__ == "__main__":
    main()
