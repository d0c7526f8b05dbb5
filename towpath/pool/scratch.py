"""Folders in which the children of a worker work, below one that workers share. What a killed worker left goes."""

import fcntl
import shutil
import threading
from pathlib import Path
from typing import TextIO
from uuid import uuid4

from towpath import private

ALIVE = "alive"


class Scratch:
    """A worker's folder. The system lets go of the lock in it when the worker ends, in whatever way."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / f"worker-{uuid4().hex}"
        self._alive: TextIO | None = None
        self._turn = threading.Lock()

    def new(self) -> Path:
        """An empty folder for a child."""
        with self._turn:
            if self._alive is None:
                self._alive = self._open()
        made = self._folder / f"child-{uuid4().hex}"
        private.make_folder(made)
        return made

    def close(self) -> None:
        """To be called when no child is left."""
        if self._alive is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._alive.close()
            self._alive = None

    def _open(self) -> TextIO:
        private.make_folder(self._root)
        with private.open_text(self._root / "workers.lock", append=True) as turn:
            # Nobody must take a folder for left whose worker is about to lock it.
            fcntl.flock(turn, fcntl.LOCK_EX)
            for folder in self._root.glob("worker-*"):
                if _is_left(folder):
                    shutil.rmtree(folder, ignore_errors=True)
            private.make_folder(self._folder)
            alive = private.open_text(self._folder / ALIVE)
            fcntl.flock(alive, fcntl.LOCK_EX)
        return alive


def _is_left(folder: Path) -> bool:
    try:
        with private.open_text(folder / ALIVE, append=True) as alive:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError):
        return False
    return True
