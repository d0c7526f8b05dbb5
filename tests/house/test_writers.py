"""What we write beside the histories is for its owner alone: each way around the helper is planted, and found."""

from pathlib import Path

import pytest

from tests.house.writers import ELSEWHERE, open_to_others

ROOT = Path(__file__).resolve().parents[2]
PLANTED = (
    "from pathlib import Path\n\nPath('a').mkdir(parents=True)",
    "import os\n\nos.makedirs('a')",
    "from os import makedirs as make\n\nmake('a')",
    "from pathlib import Path\n\nPath('a').write_text('a')",
    "import asyncio\nfrom pathlib import Path\n\nasyncio.run(asyncio.to_thread(Path('a').write_bytes, b'a'))",
    "with open('a', 'w') as opened:\n    opened.write('a')",
    "def f(mode: str) -> None:\n    open('a', mode)",
    "open('a', mode='xb')",
    "from pathlib import Path\n\nPath('a').open('r+b')",
    "from pathlib import Path\n\nPath('a').open(mode='a')",
    "import os\n\nos.open('a', os.O_WRONLY | os.O_CREAT, 0o600)",
    "import shutil\n\nshutil.copyfile('a', 'b')",
    "import shutil\n\nshutil.copy('a', 'b')",
    "import gzip\n\ngzip.open('a', 'wb')",
    "from pathlib import Path\n\nPath('a').touch()",
)
OURS = (
    "from pathlib import Path\n\nPath('a').open('rb')",
    "open('a', encoding='utf-8')",
    "import os\n\nos.open(os.devnull, os.O_RDWR)",
    "def f(task: object) -> None:\n    task.open('execute', 'approval of it', 'waiting-for-approval')",
    "from pathlib import Path\n\nfrom towpath import private\n\nprivate.write(Path('a'), b'a')",
)


def test_files_are_for_their_owner() -> None:
    """Files are 0600 in folders of 0700, but for the places that are listed with their reason."""
    assert open_to_others(ROOT) == []


@pytest.mark.parametrize("text", PLANTED)
@pytest.mark.parametrize("room", ["towpath/integrations", "towpath/dataplane/core", "activities"])
def test_planted_writer_is_found(text: str, room: str, tmp_path: Path) -> None:
    """Whatever its spelling, and wherever it stands."""
    (tmp_path / room).mkdir(parents=True)
    (tmp_path / room / "planted.py").write_text(text)
    assert open_to_others(tmp_path)


@pytest.mark.parametrize("text", OURS)
def test_readers_stand(text: str, tmp_path: Path) -> None:
    """What reads, and what writes through the helper, is nobody's concern."""
    (tmp_path / "ours.py").write_text(text)
    assert open_to_others(tmp_path) == []


def test_what_is_left_out_is_there() -> None:
    """A place that is gone leaves the list."""
    assert [place for place in ELSEWHERE if not (ROOT / place).exists()] == []
