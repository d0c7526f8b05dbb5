"""Signals that end a stack."""

import asyncio
import os
import select
import signal
import subprocess
import sys

import pytest

from tests.waiting import WAIT_SECONDS
from towpath.local.stopping import until_stopped
from towpath.local.tether import tethered

SLEEPER = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"]
TETHERED = """
import os, signal, subprocess, sys
from towpath.local.tether import tethered
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
with tethered(child.pid):
    print(child.pid, flush=True)
    signal.pause()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_what_was_begun(number: signal.Signals) -> None:
    """The work is cancelled and cleans up; that it was a signal is told."""
    said: list[str] = []

    async def work() -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            said.append("cleaned up")

    assert await until_stopped(work(), said.append)
    assert said == ["Stopping …", "cleaned up"]


async def test_work_that_ends_by_itself_was_not_stopped() -> None:
    """Its failure is its own, too."""

    async def work() -> None:
        await asyncio.sleep(0)

    async def failing() -> None:
        raise ValueError("broken")

    said: list[str] = []
    assert not await until_stopped(work(), said.append)
    with pytest.raises(ValueError, match="broken"):
        await until_stopped(failing(), said.append)
    assert said == []


def test_a_tethered_process_ends_after_its_parent() -> None:
    """Where the kernel does not do it: kill -9 of the parent, and the child is asked to end."""
    with subprocess.Popen([sys.executable, "-c", TETHERED], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        pidfd = os.pidfd_open(child)
        parent.kill()
    readable, _, _ = select.select([pidfd], [], [], WAIT_SECONDS)
    os.close(pidfd)
    assert readable


def test_a_process_that_is_done_with_is_let_go() -> None:
    """The watcher of a process that was not needed any more ends without a signal to it."""
    with subprocess.Popen(SLEEPER, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with tethered(child.pid):
            pass
        assert child.poll() is None
        assert child.communicate() == (b"", None)
    assert child.returncode == 0
