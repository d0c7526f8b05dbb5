"""Whatever opens a path goes through the roots, or is listed with its reason: each way around is planted, and found."""

from pathlib import Path

import pytest

from tests.house.openers import PLACES, ROOMS, openings, past_the_roots

ROOT = Path(__file__).resolve().parents[2]
PLANTED = (
    "def f(request):\n    return open(request.path)",
    "from pathlib import Path\n\n\ndef f(request):\n    return Path(request.path).read_bytes()",
    "from pathlib import Path\n\n\ndef f(name):\n    return (Path('a') / name).read_text()",
    "from pathlib import Path as P\n\n\ndef f(path):\n    return P(path).open('rb')",
    "import os\n\n\ndef f(path):\n    return os.open(path, os.O_RDONLY)",
    "from os import open as begin\n\n\ndef f(path):\n    return begin(path, 0)",
    "import os\n\n\ndef f(path):\n    return os.listdir(path)",
    "import asyncio\n\n\nasync def f(path):\n    return await asyncio.to_thread(path.read_bytes)",
    "import shutil\n\n\ndef f(path):\n    shutil.rmtree(path)",
    "import duckdb\n\n\ndef f(path):\n    return duckdb.connect(path)",
    "import sqlite3\n\n\ndef f(path):\n    return sqlite3.connect(path)",
    "from sqlite3 import connect\n\n\ndef f(path):\n    return connect(path)",
    "from pyarrow import parquet\n\n\ndef f(path):\n    return parquet.read_table(path)",
    "import gzip\n\n\ndef f(path):\n    return gzip.open(path)",
    "import fsspec\n\n\ndef f(url):\n    return fsspec.url_to_fs(url)",
    "from towpath import private\n\n\ndef f(path):\n    return private.read(path)",
    "from towpath import private\n\n\ndef f(path):\n    return private.open_text(path)",
    "def f(folder):\n    return list(folder.glob('*.csv'))",
    "import jinja2\n\n\ndef f(path):\n    return jinja2.FileSystemLoader(path)",
    "class Reader:\n    def f(self, path):\n        return [one for one in path.iterdir()]",
)
OURS = (
    "def f(work, path):\n    return work.roots.sources.open(path)",
    "class Place:\n    def f(self, name):\n        return self._root.matching(name)",
    "from pathlib import Path\n\nFOLDER = Path('definitions')\nHERE = Path(__file__).parent",
    "from towpath.roots import inside\n\n\ndef f(folder, name):\n    return inside(folder, name)",
)


def test_paths_are_opened_by_the_roots() -> None:
    """No other place of our code opens one, but for those that are listed."""
    assert past_the_roots(ROOT) == []


def test_what_is_listed_is_there() -> None:
    """A place that is gone leaves the list."""
    known = openings(ROOT)
    assert [place for places in PLACES.values() for place in places if place not in known] == []
    assert [room for room in ROOMS if not (ROOT / room).exists()] == []


@pytest.mark.parametrize("text", PLANTED)
@pytest.mark.parametrize("room", ["towpath/dataplane/extract", "towpath/integrations", "activities", "towpath/control"])
def test_planted_opener_is_found(text: str, room: str, tmp_path: Path) -> None:
    """Whatever its spelling, and wherever it stands."""
    (tmp_path / room).mkdir(parents=True)
    (tmp_path / room / "planted.py").write_text(text)
    assert past_the_roots(tmp_path)


@pytest.mark.parametrize("text", OURS)
def test_what_goes_through_the_roots_stands(text: str, tmp_path: Path) -> None:
    """What opens by a root, and a path that is written out, is nobody's concern."""
    (tmp_path / "ours.py").write_text(text)
    assert past_the_roots(tmp_path) == []
