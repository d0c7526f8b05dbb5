"""The state folder of a local stack: one stack at a time uses it, and its logs are those of this start."""

import fcntl
import json
import os
import shutil
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from towpath import private
from towpath.contracts.core.moments import clock_in_utc

LOCK = "stack.lock"
LOGS, LOGS_BEFORE = "logs", "logs.before"
OWN = frozenset(
    {
        *("artefacts", "payloads", "datasets", "scratch", "definitions", "monitoring", LOGS, LOGS_BEFORE),
        *("temporal.db", "temporal.db-shm", "temporal.db-wal", "temporal.db-journal"),
    }
)
"""What a stack without a lock of its own may have left: an earlier version, or a worker beside it."""
ENDING_SECONDS, LOOK_SECONDS = 20.0, 0.2
"""How long the server of a stack that was killed may take to end."""


@dataclass(frozen=True, slots=True)
class _About:
    """Who has the folder. An empty address book: it is starting."""

    pid: int = 0
    since: str = ""
    addresses: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def is_alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return self.pid > 0


class StateForeignError(Exception):
    """The folder, or the lock in it, is somebody else's: nothing of it is changed. The text has the mend."""


class StateTakenError(Exception):
    """Another stack uses the folder; the text says which one, where it is, and what can be done."""


@dataclass(frozen=True, slots=True)
class StateFolder:
    """A folder that is locked. `lock` is a descriptor: the lock lasts as long as any process has it open."""

    path: Path
    lock: int

    @property
    def logs(self) -> Path:
        return self.path / LOGS

    def note(self, addresses: Mapping[str, str]) -> None:
        """Say where the stack is, for whoever finds the folder locked."""
        about = _About(os.getpid(), clock_in_utc(datetime.now(UTC), seconds=True), dict(addresses))
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, json.dumps(asdict(about)).encode(), 0)


@contextmanager
def locked(path: Path, *, emptied: bool = False) -> Generator[StateFolder]:
    """The folder, for this process and the children that get the descriptor. Raises StateTakenError, StateForeignError.

    Logs of the start before are moved to `logs.before`. With `emptied` nothing that was there before is kept.
    """
    private.make_folder(path)
    _refuse_foreign(path, emptied=emptied)
    try:
        lock = private.open_lock(path / LOCK)
    except OSError as error:
        raise StateForeignError(f"{path / LOCK} cannot be locked ({error.strerror}): move it away") from error
    try:
        _take(lock, path)
        folder = StateFolder(path, lock)
        folder.note({})
        if emptied:
            _empty(path)
        _put_logs_aside(path)
        yield folder
    finally:
        os.close(lock)


def _refuse_foreign(path: Path, *, emptied: bool) -> None:
    """What would be written over, moved or removed has to be that of a stack. Raises StateForeignError."""
    lock = path / LOCK
    if emptied and path.is_symlink():
        raise StateForeignError(f"{path} is a symbolic link, and would be emptied: give another folder by --state")
    if lock.is_symlink() or (lock.exists() and not _is_ours(lock)):
        raise StateForeignError(f"{lock} is no lock of a local stack, and stays as it is: give another --state")
    found = {entry.name for entry in path.iterdir()}
    at_stake = sorted(found - OWN if emptied else found & {LOGS, LOGS_BEFORE})
    if at_stake and LOCK not in found:
        what = f"there is {at_stake[0]} in it, and no lock of a local stack"
        raise StateForeignError(f"{path} is no state folder: {what}: give another folder by --state")


def _is_ours(lock: Path) -> bool:
    with private.open_regular(lock) as opened:
        content = opened.read()
    try:
        return not content or _About(**json.loads(content)).pid >= 0
    except (TypeError, ValueError):
        return False


def _take(lock: int, path: Path) -> None:
    """A stack that was killed has a server that is still ending: that one is waited for."""
    waiting = threading.Event()
    for _ in range(int(ENDING_SECONDS / LOOK_SECONDS)):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            about = _read(path)
            if about.is_alive:
                raise StateTakenError(_in_words(about, path)) from None
            waiting.wait(LOOK_SECONDS)
        else:
            return
    raise StateTakenError(f"The server of a stack that was killed still uses {path}. End it, then try again.")


def running(path: Path) -> Mapping[str, str] | None:
    """Addresses of the stack that has the folder and is up; None when there is none."""
    try:
        with (path / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except OSError:
        about = _read(path)
        return about.addresses if about.is_alive and about.addresses else None
    return None


def _read(path: Path) -> _About:
    try:
        return _About(**json.loads((path / LOCK).read_text(encoding="utf-8")))
    except (TypeError, ValueError):
        return _About()


def _in_words(about: _About, path: Path) -> str:
    where = [f"  {name:<10} {address}" for name, address in about.addresses.items()] or ["  it is starting"]
    return "\n".join(
        (
            f"A local stack runs already with its state in {path}: process {about.pid}, since {about.since}.",
            *where,
            f"Use that one, or end it with Ctrl-C in its terminal or `kill {about.pid}`.",
            "A second stack beside it needs a folder of its own: --state FOLDER.",
        )
    )


def _empty(path: Path) -> None:
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != LOCK:
            entry.unlink()


def _put_logs_aside(path: Path) -> None:
    logs, before = path / LOGS, path / LOGS_BEFORE
    if logs.exists():
        shutil.rmtree(before, ignore_errors=True)
        logs.rename(before)
