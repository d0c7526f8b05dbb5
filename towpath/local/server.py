"""The embedded Temporal server: its command line, start, readiness and end. Demo, tests and benches all start it here.

Run as a module it stays in the foreground: the `temporal` service of docker-compose.yml.
"""

import argparse
import asyncio
import os
import shutil
import socket
import sys
import sysconfig
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError

from towpath import private
from towpath.children import child_environment
from towpath.contracts.core.process import SEARCH_ATTRIBUTES
from towpath.local.processes import Child, spawn, written

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 7233
DEFAULT_UI_PORT = 8233
RETENTION = "720h"
START_SECONDS = 30
LISTENS = "Temporal Server:"
"""What it writes to its log once it has its port."""

DYNAMIC_CONFIG = (
    # The defaults cost 50 ms a hop and 1 s a timer.
    "history.transferProcessorMaxPollRPS=2000",
    'history.timerProcessorMaxTimeShift="1ms"',
    "frontend.WorkflowTimeSkippingEnabled=true",
    "matching.enableFairness=true",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=2",
    # Else the server asks a host of its makers at every start what the newest version is.
    "frontend.enableServerVersionCheck=false",
)
SQLITE_PRAGMAS = ("journal_mode=wal", "synchronous=1")


class ServerNotFoundError(Exception):
    """The `temporal` executable is not installed."""


@dataclass(frozen=True, slots=True)
class TemporalServer:
    address: str
    ui_url: str
    process: Child

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @property
    def ui_port(self) -> int:
        return int(self.ui_url.rpartition(":")[2])


def find_executable() -> Path:
    """The `temporal` beside this interpreter, else on PATH. Raises ServerNotFoundError."""
    beside = Path(sysconfig.get_path("scripts")) / "temporal"
    if os.access(beside, os.X_OK):
        return beside
    found = shutil.which("temporal")
    if found is None:
        raise ServerNotFoundError(
            "the `temporal` executable is missing: `make demo` and `make up` install what the local stack needs, "
            "as does pip install --require-hashes -r requirements-local.lock"
        )
    return Path(found)


def command(*, host: str, port: int, ui_port: int | None, db: Path | None, extra: Sequence[str] = ()) -> list[str]:
    """The server's command line. Without `db` its state is in memory."""
    line = [str(find_executable()), "server", "start-dev", "--ip", host, "--port", str(port), "--log-level", "error"]
    line += ["--headless"] if ui_port is None else ["--ui-port", str(ui_port), "--ui-ip", host]
    if db is not None:
        line += ["--db-filename", str(db)]
        line += [flag for pragma in SQLITE_PRAGMAS for flag in ("--sqlite-pragma", pragma)]
    for setting in DYNAMIC_CONFIG:
        line += ["--dynamic-config-value", setting]
    for attribute in SEARCH_ATTRIBUTES:
        line += ["--search-attribute", f"{attribute.name}={attribute.kind}"]
    return [*line, *extra]


def free_port(preferred: int = 0) -> int:
    """`preferred` when nothing listens there, else any free port."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise OSError("no free port")


@asynccontextmanager
async def temporal_server(
    *,
    db: Path | None = None,
    port: int | None = None,
    ui_port: int | None = None,
    log: Path | None = None,
    extra: Sequence[str] = (),
    keep: Sequence[int] = (),
) -> AsyncGenerator[TemporalServer]:
    """A server on loopback that answers, ended when the block ends. No `ui_port`: no UI. `keep`: see `spawn`."""
    port = free_port() if port is None else port
    if db is not None:
        private.make_folder(db.parent)
    line = command(host=LOOPBACK, port=port, ui_port=ui_port, db=db, extra=extra)
    async with spawn("temporal", line, log=log, keep=keep) as child:
        address = f"{LOOPBACK}:{port}"
        await child.ready(_answers(address, log), START_SECONDS)
        yield TemporalServer(address, f"http://{LOOPBACK}:{ui_port}" if ui_port else "", child)


async def _answers(address: str, log: Path | None) -> None:
    """Return as soon as the server serves its namespace, whose histories it then keeps for 30 days."""
    if log is not None:
        # Until it listens, it may be another server that answers there.
        await written(log, LISTENS)
    while True:
        try:
            client = await Client.connect(address)
            await client.count_workflows()
        except (RuntimeError, RPCError):
            await asyncio.sleep(0.05)
            continue
        break
    keep = await asyncio.create_subprocess_exec(
        str(find_executable()),
        *("operator", "namespace", "update", "--namespace", "default", "--retention", RETENTION),
        *("--address", address),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=child_environment({}),
    )
    await keep.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m towpath.local.server", description=__doc__)
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--ui-port", type=int, default=DEFAULT_UI_PORT)
    parser.add_argument("--db", type=Path, help="file that keeps the state; without it a restart forgets everything")
    options = parser.parse_args()
    line = command(host=options.host, port=options.port, ui_port=options.ui_port, db=options.db)
    sys.stdout.flush()
    os.execve(line[0], line, child_environment({}))


if __name__ == "__main__":
    main()
