"""The state folder of a local stack."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from towpath.local.processes import ROOT
from towpath.local.state import LOCK, StateForeignError, StateTakenError, locked

HOLDER = """
import sys
from pathlib import Path
from towpath.local.state import LOCK, StateForeignError, StateTakenError, locked
with locked(Path(sys.argv[1])) as folder:
    folder.note({"Temporal": "127.0.0.1:7233"})
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_second_stack_is_told_where_the_first_is(tmp_path: Path) -> None:
    """The text has process, addresses and what can be done; the first one is not disturbed."""
    with locked(tmp_path) as folder:
        with pytest.raises(StateTakenError, match=f"process {os.getpid()}, since .*\n  it is starting\n"):
            locked(tmp_path).__enter__()
        folder.note({"UI": "http://127.0.0.1:8233"})
        with pytest.raises(StateTakenError, match=r"\n  UI         http://127\.0\.0\.1:8233\nUse that one, or end it"):
            locked(tmp_path, emptied=True).__enter__()
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    with locked(tmp_path):
        pass


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    """Whoever is killed leaves a folder that can be used at once, and no word that somebody should delete a file."""
    line = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(StateTakenError, match=f"process {holder.pid}"):
            locked(tmp_path).__enter__()
        holder.kill()
    with locked(tmp_path):
        pass


def test_a_folder_is_free_when_the_last_process_with_the_descriptor_has_ended(tmp_path: Path) -> None:
    """The server of a stack that was killed still writes to the database: the next stack waits for its end."""
    with locked(tmp_path) as folder:
        server = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(folder.lock,))
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        (tmp_path / LOCK).write_text(json.dumps({"pid": ended.pid}))
    assert server.stdin is not None
    letting_go = subprocess.Popen([sys.executable, "-c", f"import os; os.kill({server.pid}, 9)"])
    with locked(tmp_path):
        assert server.wait() == -9
    letting_go.wait()
    server.stdin.close()


def test_logs_are_those_of_this_start(tmp_path: Path) -> None:
    """Logs of the start before are beside them, and no others."""
    for start in ("first", "second", "third"):
        with locked(tmp_path) as folder:
            folder.logs.mkdir()
            (folder.logs / "worker.log").write_text(start)
    assert (tmp_path / "logs" / "worker.log").read_text() == "third"
    assert (tmp_path / "logs.before" / "worker.log").read_text() == "second"


def test_a_demo_begins_with_nothing(tmp_path: Path) -> None:
    """What an earlier demo left is gone, but for the lock."""
    (tmp_path / "artefacts").mkdir()
    (tmp_path / "artefacts" / "one").touch()
    (tmp_path / "temporal.db").touch()
    with locked(tmp_path, emptied=True):
        assert [entry.name for entry in tmp_path.iterdir()] == [LOCK]


def precious(path: Path) -> Path:
    path.write_text("precious")
    return path


@pytest.mark.parametrize("name", [LOCK, "logs", "logs.before"])
@pytest.mark.parametrize("emptied", [True, False])
def test_what_is_not_of_a_stack_stays(name: str, emptied: bool, tmp_path: Path) -> None:
    """A lock that is another program's, or logs of one: nothing is emptied, moved or written over."""
    kept = precious(tmp_path / name) if name == LOCK else precious(_folder(tmp_path / name) / "app.log")
    other = precious(tmp_path / "notes.txt")
    with pytest.raises(StateForeignError, match="--state"), locked(tmp_path, emptied=emptied):
        pass
    assert (kept.read_text(), other.read_text()) == ("precious", "precious")


@pytest.mark.parametrize("emptied", [True, False])
def test_a_lock_behind_a_link_is_no_lock(emptied: bool, tmp_path: Path) -> None:
    """The file that the link leads to was emptied."""
    kept = precious(tmp_path / "secret.env")
    state = _folder(tmp_path / "state")
    (state / LOCK).symlink_to(kept)
    with pytest.raises(StateForeignError), locked(state, emptied=emptied):
        pass
    assert kept.read_text() == "precious"


def test_a_demo_empties_no_folder_behind_a_link(tmp_path: Path) -> None:
    """Whatever lies there is somebody else's."""
    kept = precious(_folder(tmp_path / "home") / "artefacts")
    (tmp_path / "demo").symlink_to(tmp_path / "home")
    with pytest.raises(StateForeignError), locked(tmp_path / "demo", emptied=True):
        pass
    assert kept.read_text() == "precious"


def test_a_state_folder_may_hold_other_things(tmp_path: Path) -> None:
    """Files of pipelines lie in it before the first stack is up, and stay."""
    kept = precious(tmp_path / "analytics.duckdb")
    with locked(tmp_path):
        assert kept.read_text() == "precious"


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
