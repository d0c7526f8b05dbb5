"""starter.py run as a user runs it."""

import asyncio
import json
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.integration.conftest import House
from towpath.local.stack import ROOT


async def begin_starter(
    house: House, *arguments: str, folder: Path | None = None, env: Mapping[str, str] | None = None
) -> Process:
    """A command as it goes on; whoever begins it waits for its end. `folder` is where it is given."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "starter.py"), *arguments),
        cwd=folder,
        env={**house.environment(), "PATH": "", "COLUMNS": "200", **(env or {})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def starter(
    house: House,
    *arguments: str,
    given: str = "",
    folder: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    process = await begin_starter(house, *arguments, folder=folder, env=env)
    output, problems = await process.communicate(given.encode())
    return process.returncode or 0, output.decode(), problems.decode()


async def starter_json(house: House, *arguments: str, given: str = "", folder: Path | None = None) -> Any:
    code, output, problems = await starter(house, *arguments, "--json", given=given, folder=folder)
    assert code == 0, problems
    return json.loads(output)
