"""`starter.py up` as a user has it in a terminal: its worker dies, its ports are taken, its settings are wrong."""

import asyncio
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from tests.waiting import WAIT_SECONDS, until
from towpath.local.processes import ChildFailedError, spawn
from towpath.local.restarting import keep_working, until_one_ends
from towpath.local.server import DEFAULT_UI_PORT, TemporalServer, free_port
from towpath.local.stack import ROOT, LocalStack, RunningStandIns


@asynccontextmanager
async def started(folder: Path, *arguments: str, **env: str) -> AsyncGenerator[Process]:
    """A command of the starter, given in `folder`, which ends with the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "starter.py"), *arguments),
        cwd=folder,
        start_new_session=True,
        env={"PATH": "/usr/bin", "COLUMNS": "200", **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.wait()


async def says(process: Process, pattern: str) -> re.Match[str]:
    """The first line that matches."""
    assert process.stdout is not None
    seen: list[str] = []
    async with asyncio.timeout(WAIT_SECONDS):
        while line := await process.stdout.readline():
            seen.append(line.decode())
            found = re.search(pattern, seen[-1])
            if found is not None:
                return found
    raise AssertionError("".join(seen))


@contextmanager
def taken(port: int) -> Generator[None]:
    """Somebody listens there: this test, or whoever did before."""
    with ExitStack() as listening:
        with suppress(OSError):
            listening.enter_context(socket.create_server(("127.0.0.1", port)))
        yield


def workers_of(process: Process) -> list[int]:
    """Process ids of the workers that it started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"worker.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _at_home(folder: Path) -> list[int]:
    """Processes that work in the folder: the starters of this test, and their children."""
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == folder:
                found.append(int(process.name))
    return found


async def at_home(folder: Path) -> list[int]:
    return await asyncio.to_thread(_at_home, folder)


async def written(folder: Path, name: str) -> bool:
    """Whether something of the name is there, at any depth; yes without a name."""
    return not name or await asyncio.to_thread(lambda: any(folder.rglob(name)))


async def test_a_second_stack_leaves_the_first_alone(tmp_path: Path) -> None:
    """It says where the first one is, and ends; kill -9 of the first leaves no child, and a folder that can be used."""
    async with started(tmp_path, "up") as first:
        address = (await says(first, r"Temporal +(\S+)"))[1]
        await says(first, "Ctrl-C stops")
        async with started(tmp_path, "up") as second:
            await says(second, f"runs already with its state in .towpath: process {first.pid}, since")
            await says(second, rf"Temporal +{re.escape(address)}")
            assert await second.wait() == 1
        first.kill()
        await until(partial(at_home, tmp_path), lambda left: not left)
    async with started(tmp_path, "up") as third:
        await says(third, r"Temporal +(\S+)")


@pytest.mark.parametrize("moment", ["", "temporal.log", "standins.log", "worker.log"])
async def test_ctrl_c_at_any_moment_of_the_start(moment: str, tmp_path: Path) -> None:
    """The terminal's signal reaches the command alone; it ends what it began, in order, and ends well."""
    async with started(tmp_path, "up") as up:
        await says(up, "Starting Temporal")
        await until(partial(written, tmp_path / ".towpath", moment), bool)
        os.killpg(up.pid, signal.SIGINT)
        assert await up.wait() == 0
    await until(partial(at_home, tmp_path), lambda left: not left)


async def test_a_worker_that_dies_is_followed_by_another(tmp_path: Path) -> None:
    """kill -9 of the worker is told, a run that is started afterwards ends well, and its link leads to the real UI."""
    with taken(DEFAULT_UI_PORT):
        async with started(tmp_path, "up") as up:
            await says(up, "The usual port of ui is in use")
            address = (await says(up, r"Temporal +(\S+)"))[1]
            ui = (await says(up, r"UI +(\S+)"))[1]
            await says(up, "Ctrl-C stops")
            (worker,) = workers_of(up)
            os.kill(worker, signal.SIGKILL)
            await says(up, r"The worker ended with -9; another one begins in 0\.5 s")
            given = ("--email", "kim@hanbit.example", "--company", "Hanbit", "--plan", "business", "--wait")
            async with started(tmp_path, "onboarding", *given, TEMPORAL_ADDRESS=address) as run:
                await says(run, re.escape(f"{ui}/namespaces/default/workflows/customer-onboarding"))
                assert await run.wait() == 0
            await says(up, "The worker is ready again")
            (another,) = workers_of(up)
        assert another != worker
        assert up.returncode == 0
        assert not any((tmp_path / ".towpath" / "ui").iterdir())


async def test_a_worker_that_cannot_live_is_given_up(tmp_path: Path) -> None:
    """After five deaths within a minute the stack ends: waits grow from one to the next."""
    said: list[str] = []
    log = tmp_path / "worker.log"
    dying = partial(spawn, "worker", [sys.executable, "-c", "raise SystemExit(1)"], log=log)
    async with dying() as first:
        server = TemporalServer(f"127.0.0.1:{free_port()}", "", first)
        stack = LocalStack(server, RunningStandIns("", 0, first), first, dying, "", offline=True, moved_ports={})
        with pytest.raises(ChildFailedError, match=r"ended 5 times within a minute; see .*worker\.log"):
            await keep_working(stack, said.append, first_wait=0.001)

    waits = [re.findall(r"begins in (\S+) s", line) for line in said]
    assert waits == [["0.001"], ["0.002"], ["0.004"], ["0.008"]]


async def test_a_stack_without_its_server_ends(tmp_path: Path) -> None:
    """Temporal is not started again: what it kept in memory would be gone."""
    line = [sys.executable, "-c", "raise SystemExit(7)"]
    waiting = [sys.executable, "-c", "import signal; signal.pause()"]
    async with spawn("temporal", line, log=tmp_path / "temporal.log") as server, spawn("stand-ins", waiting) as others:
        with pytest.raises(ChildFailedError, match=r"temporal ended with 7; see .*temporal\.log"):
            await until_one_ends([others, server])


async def test_settings_that_cannot_be_used_end_the_stack(tmp_path: Path) -> None:
    """A worker whose settings are wrong is not started again and again."""
    async with started(tmp_path, "up", TOWPATH_GRACEFUL_SHUTDOWN_SECONDS="soon") as up:
        await says(up, r"worker ended with 2; the end of .*worker\.log")
        await says(up, "worker.py: TOWPATH_GRACEFUL_SHUTDOWN_SECONDS: ")
        assert await up.wait() == 4
