"""Each thing that a pure room may not do is planted in each pure room, and the commands of `make lint` refuse it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import purity

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("towpath/contracts", "towpath/engine", "towpath/functions", "towpath/policy", "workflows")
RUFF = (str(Path(sys.executable).with_name("ruff")), "check", "--no-cache", ".")

NAMES = (
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
    *("time.time", "time.time_ns", "time.monotonic", "time.perf_counter", "time.localtime", "time.sleep"),
    *("random.random", "random.choice", "random.Random", "secrets.token_hex", "os.urandom"),
    *("uuid.uuid1", "uuid.uuid4", "uuid.getnode"),
    *(
        "os.environ",
        "os.getenv",
        "os.getpid",
        "os.listdir",
        "sys.argv",
        "sys.stdin",
        "platform.node",
        "getpass.getuser",
    ),
    *("pathlib.Path", "io.open", "os.path.exists", "glob.glob", "shutil.copy", "tempfile.mkdtemp", "sqlite3.connect"),
    *("socket.socket", "ssl.create_default_context", "http.client.HTTPConnection", "urllib.request.urlopen"),
    *("httpx.Client", "httpx.get", "httpx2.get", "requests.get", "aiohttp.ClientSession", "anthropic.Anthropic"),
    *("smtplib.SMTP", "duckdb.connect", "psycopg.connect", "logging.getLogger", "structlog.get_logger", "rich.print"),
    *("subprocess.run", "multiprocessing.Process", "threading.Thread", "concurrent.futures.ThreadPoolExecutor"),
    *("queue.Queue", "signal.signal", "ctypes.CDLL", "importlib.import_module", "builtins.open", "builtins.hash"),
    *("asyncio.to_thread", "asyncio.run", "asyncio.sleep", "asyncio.wait_for", "asyncio.wait", "asyncio.timeout"),
    *("asyncio.as_completed", "asyncio.open_connection", "asyncio.create_subprocess_exec"),
    *("temporalio.workflow.unsafe.is_replaying", "temporalio.workflow.unsafe.sandbox_unrestricted"),
    *(
        "towpath.config.settings.WorkerSettings",
        "towpath.control.temporal.connect",
        "towpath.dataplane.core.store.DatasetStore",
    ),
)
LINES = (
    *(
        'open("x")',
        'read = open\nread("x")',
        "print(1)",
        "tell = print",
        "input()",
        'hash("x")',
        "id(1)",
        "breakpoint()",
    ),
    *('__import__("time").time()', 'eval("1")', 'exec("1")', "globals()"),
    "from datetime import datetime\nclock = datetime\nclock.now()",
    "import datetime as dt\nclock = dt.datetime\nclock.now()",
    'from datetime import datetime\ngetattr(datetime, "now")()',
    "from datetime import date\n\n\ndef today() -> date:\n    return (day := date).today()",
    "import asyncio\n\n\ndef f() -> None:\n    asyncio.get_running_loop().run_in_executor(None, f)",
    'def f(path: object) -> str:\n    return path.read_text() + path.read_bytes() + path.write_text("")',
    "NAMES = frozenset({'a', 'b'})\nfor name in NAMES:\n    pass",
    "LIST = [each for each in {1, 2} | {3}]",
    "def f(names: set[str]) -> str:\n    return ', '.join(names)",
    "def f(names: set[str]) -> list[str]:\n    return list(names)",
    "def f(names: set[str]) -> list[str]:\n    return [*names]",
    "class F:\n    def __init__(self) -> None:\n        self.names: set[str] = set()\n\n"
    "    def f(self) -> tuple[str, ...]:\n        return tuple(self.names)",
    "class F:\n    names: frozenset[str]\n\n    def f(self) -> str:\n        return ''.join(n for n in self.names)",
    "import asyncio\n\n\nasync def f(g) -> None:\n    await asyncio.gather(g(1), g(2))",
    "import asyncio\n\n\nasync def f(g) -> None:\n    await asyncio.gather(*(g(n) for n in range(2)))",
    "import asyncio\n\n\nasync def f(g) -> None:\n    await asyncio.gather(*map(g, range(2)))",
    "def f(names: frozenset[str]) -> dict[str, int]:\n    return {name: 1 for name in names - {'a'}}",
)
ALLOWED = (
    "from datetime import UTC, datetime, timedelta\n\nAT = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=1)",
    "from datetime import datetime\n\nAT = datetime.fromisoformat('2026-01-01T00:00:00Z')\nTYPES = {'at': datetime}",
    "from datetime import time\n\nNOON = time(12)",
    "import hashlib\n\nDIGEST = hashlib.sha256(b'x').hexdigest()",
    "from urllib.parse import quote\n\nNAME = quote('a b')",
    "def f(names: set[str]) -> list[str]:\n    return sorted(names)",
    "def f(names: set[str]) -> bool:\n    return len(names) > 1 and any(name for name in names)",
    "def f(names: set[str]) -> set[str]:\n    return {name.lower() for name in names}",
    "class F:\n    def open(self) -> str:\n        return ''\n\n\nX = F().open()",
)
ALLOWED_IN_WORKFLOWS = (
    "import asyncio\n\nfrom temporalio import workflow\n\n\n"
    "async def f() -> None:\n    await asyncio.gather(asyncio.ensure_future(workflow.sleep(1)))",
    "from temporalio import workflow\n\n\ndef f() -> tuple[object, ...]:\n"
    "    return workflow.now(), workflow.time(), workflow.uuid4(), workflow.random().random()",
)


def spellings(name: str) -> list[str]:
    """The ways to write a dotted name: whole, under another name, and with its last or middle part imported."""
    module, _, member = name.rpartition(".")
    *above, last = module.split(".")
    written = [
        f"import {module}\n\nX = {name}",
        f"import {module} as other\n\nX = other.{member}",
        f"from {module} import {member}\n\nX = {member}",
        f"from {module} import {member} as other\n\nX = other",
        f"def f() -> object:\n    from {module} import {member} as other\n\n    return other",
    ]
    if module in {"datetime.datetime", "datetime.date"}:
        written = ["import datetime\n\nX = " + name, f"import datetime as other\n\nX = other.{last}.{member}"]
    if above:
        written += [
            f"from {'.'.join(above)} import {last}\n\nX = {last}.{member}",
            f"from {'.'.join(above)} import {last} as other\n\nX = other.{member}",
        ]
    return written


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The configuration of this checkout, without its code."""
    for path in (
        ROOT / "pyproject.toml",
        ROOT / "pure.toml",
        *(room / "ruff.toml" for room in purity.pure_rooms(ROOT)),
    ):
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return tmp_path


def plant(tree: Path, room: str, sources: list[str]) -> dict[str, str]:
    """Files of a room, one for each source."""
    planted = {f"{room}/planted_{number}.py": source for number, source in enumerate(sources)}
    for name, source in planted.items():
        (tree / name).write_text(f'"""Planted."""\n\n{source}\n', encoding="utf-8")
    return planted


def linted(tree: Path, *flags: str) -> tuple[int, set[str]]:
    """Exit code of ruff as `make lint` calls it, and the files that it refuses."""
    ended = subprocess.run([*RUFF, *flags, "--output-format", "json"], cwd=tree, capture_output=True, check=False)
    return ended.returncode, {
        str(Path(one["filename"]).relative_to(tree.resolve())) for one in json.loads(ended.stdout)
    }


def refused(tree: Path) -> set[str]:
    """Files that the bans of ruff or the rule of the house refuse."""
    return linted(tree, "--select", "TID251")[1] | {line.partition(":")[0] for line in purity.impure(tree)}


def test_pure_rooms_are_pure() -> None:
    """No module of a pure room depends on more than its input."""
    assert [str(room.relative_to(ROOT)) for room in purity.pure_rooms(ROOT)] == list(ROOMS)
    assert purity.impure(ROOT) == []


def test_lint_runs_both() -> None:
    """`make lint` runs the two commands that the tests below run."""
    lint = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nlint:")[2].partition("\n\n")[0]

    assert "$(BIN)/ruff check --no-cache .\n" in lint
    assert "$(BIN)/pytest -q tests/house" in lint


@pytest.mark.parametrize("room", ROOMS)
def test_whatever_is_forbidden_is_refused(tree: Path, room: str) -> None:
    """Clock, randomness, environment, I/O, threads and the order of sets: in every spelling, lint fails."""
    planted = plant(tree, room, [*(written for name in NAMES for written in spellings(name)), *LINES])

    caught = refused(tree)

    assert [source for name, source in planted.items() if name not in caught] == []
    assert linted(tree)[0] != 0


@pytest.mark.parametrize("room", ROOMS)
def test_what_is_next_to_it_is_allowed(tree: Path, room: str) -> None:
    """Values of time, digests, sorted sets, and in workflows Temporal's own clock and randomness pass."""
    plant(tree, room, [*ALLOWED, *(ALLOWED_IN_WORKFLOWS if room == "workflows" else ())])

    assert purity.impure(tree) == []
    assert linted(tree) == (0, set())


def test_outside_the_pure_rooms_the_world_may_be_touched(tree: Path) -> None:
    """The bans are those of the pure rooms: an activity reads files and the clock."""
    (tree / "activities").mkdir()
    planted = plant(tree, "activities", ["import os\n\nX = os.getpid()", "import time\n\nX = time.monotonic()"])

    assert len(planted) == 2
    assert refused(tree) == set()
