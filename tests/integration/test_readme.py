"""README's commands as they stand there, in order, in a fresh clone with the stack that README starts."""

import asyncio
import os
import re
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio

from tests.readme import README, Command, blocks
from tests.waiting import WAIT_SECONDS, until
from towpath.local.stack import ROOT

TEMPORAL = "127.0.0.1:7233"
"""The address in README; `make up` says another one where it is taken."""
COMMAND_SECONDS = 120
TRY_AGAIN_SECONDS = 1.0
MARK = "== ended with"


@dataclass(frozen=True)
class Clone:
    """A copy of what is tracked, with a stack that was started in it."""

    folder: Path
    temporal: str

    def adapted(self, text: str) -> str:
        return text.replace(TEMPORAL, self.temporal)


async def _tracked() -> list[str]:
    listing = await asyncio.create_subprocess_exec(
        "git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", stdout=PIPE
    )
    output, _ = await listing.communicate()
    return [name for name in output.decode().split("\0") if name and (ROOT / name).exists()]


async def _copy(folder: Path) -> None:
    for name in await _tracked():
        if not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])


def _environment(**more: str) -> dict[str, str]:
    wanted = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return wanted | {"COLUMNS": "200", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "", **more}


@asynccontextmanager
async def _up(folder: Path) -> AsyncGenerator[Clone]:
    """`make up`, without the installation."""
    log = folder / "up.log"
    with log.open("wb") as output:
        stack = await asyncio.create_subprocess_exec(
            *(sys.executable, "starter.py", "up"), cwd=folder, env=_environment(), stdout=output, stderr=output
        )

    async def said() -> str:
        assert stack.returncode is None, log.read_text()
        return log.read_text()

    try:
        text = await until(said, lambda text: "Ctrl-C" in text)
        address = re.search(r"^ +Temporal +(\S+)", text, re.MULTILINE)
        assert address is not None, text
        yield Clone(folder, address[1])
    finally:
        if stack.returncode is None:
            stack.send_signal(signal.SIGINT)
        await stack.wait()


@pytest_asyncio.fixture(loop_scope="session")
async def clone(tmp_path: Path) -> AsyncIterator[Clone]:
    folder = tmp_path / "towpath"
    folder.mkdir()
    await _copy(folder)
    async with _up(folder) as started:
        yield started


class Terminal:
    """One shell, into which commands are typed one after the other."""

    def __init__(self, shell: Process, clone: Clone) -> None:
        self._shell = shell
        self._clone = clone

    async def run(self, command: Command) -> None:
        """A reader who is quicker than the run types it again; so does this, for a minute."""
        async with asyncio.timeout(COMMAND_SECONDS):
            began = asyncio.get_running_loop().time()
            while True:
                code, output = await self._type(self._clone.adapted(command.text))
                if code == command.exit_code:
                    return
                late = asyncio.get_running_loop().time() - began > WAIT_SECONDS
                assert not late, f"{command.text}\nended with {code}, not {command.exit_code}:\n{output}"
                await asyncio.sleep(TRY_AGAIN_SECONDS)

    async def _type(self, text: str) -> tuple[int, str]:
        assert self._shell.stdin is not None and self._shell.stdout is not None
        typed = f"{{ {text}\n}} </dev/null\nprintf '\\n{MARK} %s\\n' $?\n"
        self._shell.stdin.write(typed.encode())
        seen: list[str] = []
        while line := (await self._shell.stdout.readline()).decode():
            if line.startswith(MARK):
                return int(line.removeprefix(MARK)), "".join(seen)
            seen.append(line)
        raise AssertionError(f"the shell ended: {text}\n{''.join(seen)}")


@asynccontextmanager
async def terminal(clone: Clone) -> AsyncGenerator[Terminal]:
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-O", "expand_aliases"),
        cwd=clone.folder,
        env=_environment(TEMPORAL_ADDRESS=clone.temporal),
        stdin=PIPE,
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=1 << 20,
    )
    try:
        yield Terminal(shell, clone)
    finally:
        if shell.returncode is None:
            shell.terminate()
        await shell.wait()


async def test_commands_work_as_written(clone: Clone) -> None:
    """Every block of commands, from the first customer on; nothing is left in the clone but .towpath."""
    before = {path.name for path in clone.folder.iterdir()}
    async with terminal(clone) as shell:
        for block in blocks(README):
            for command in block.commands if block.is_run else ():
                await shell.run(command)

    assert {path.name for path in clone.folder.iterdir()} - before <= {".towpath"}
