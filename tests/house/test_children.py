"""No child inherits the environment of its parent: each way to let it is planted, and found."""

from pathlib import Path

import pytest

from tests.house.children import PLACE, inheriting

ROOT = Path(__file__).resolve().parents[2]
PLANTED = (
    "import asyncio\n\n\nasync def f() -> None:\n    await asyncio.create_subprocess_exec('temporal')",
    "import asyncio\n\n\nasync def f() -> None:\n    await asyncio.create_subprocess_shell('temporal', env=None)",
    "import subprocess\n\nsubprocess.run(['temporal'])",
    "from subprocess import run\n\nrun(['temporal'])",
    "import subprocess\n\nsubprocess.Popen(['temporal'])",
    "import subprocess\n\nsubprocess.check_output(['temporal'])",
    "import os\n\nos.execv('/bin/sh', ['sh'])",
    "import os\n\nos.system('temporal')",
    "import os\nimport subprocess\n\nsubprocess.run(['temporal'], env={**os.environ, 'A': 'b'})",
    "import os\n\nENV = os.environ.copy()",
    "import os\n\nENV = dict(os.environ)",
    "import os\n\nENV = os.environ | {'A': 'b'}",
    "from os import environ\n\nENV = {**environ}",
)
OURS = (
    "import os\n\nDEBUG = os.environ.get('TOWPATH_DEBUG')",
    "import os\n\nos.environ['TEMPORAL_ADDRESS'] = 'a'",
    "import subprocess\n\nsubprocess.run(['temporal'], env={})",
    "import os\n\nos.execve('/bin/sh', ['sh'], {})",
    "import asyncio\n\nasyncio.run(f())",
)


def test_no_child_inherits_the_environment() -> None:
    """Each gets what it needs by name."""
    assert (ROOT / PLACE).exists()
    assert inheriting(ROOT) == []


@pytest.mark.parametrize("text", PLANTED)
@pytest.mark.parametrize("room", ["towpath/local", "towpath/pool", "towpath/cli/local", "workflows/kit"])
def test_planted_child_is_found(text: str, room: str, tmp_path: Path) -> None:
    """Whatever its spelling, and wherever it stands."""
    (tmp_path / room).mkdir(parents=True)
    (tmp_path / room / "planted.py").write_text(text)
    assert inheriting(tmp_path)


@pytest.mark.parametrize("text", OURS)
def test_single_variables_and_told_environments_stand(text: str, tmp_path: Path) -> None:
    """One variable by its name is no environment."""
    (tmp_path / "ours.py").write_text(text)
    assert inheriting(tmp_path) == []
