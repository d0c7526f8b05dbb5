"""CPU and memory of trees of processes, read from outside."""

import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil

RSS_SECONDS = 0.05
TREE_SECONDS = 0.25
"""How often children are looked for and shared pages are taken apart: both read much of /proc."""
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Used:
    """CPU in seconds; the greatest sums over the tree at one moment, in MiB. PSS counts a shared page once."""

    cpu: float
    rss: float
    pss: float


class TreeMeter:
    """Samples a process and all below it while its block is open; `used` is settled at the end of the block.

    The tree may end before the block: what it had used is known to 50 ms.
    """

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._cpu = self._rss = self._pss = 0.0
        self._before = 0.0

    def __enter__(self) -> Self:
        self._before = tree_cpu(self._root.pid)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def used(self) -> Used:
        return Used(max(0.0, self._cpu - self._before), self._rss / MIB, self._pss / MIB)

    def _sample(self) -> None:
        tree, turn = [self._root], 0
        while True:
            last = self._ended.wait(RSS_SECONDS)
            if turn % round(TREE_SECONDS / RSS_SECONDS) == 0 or last:
                tree = _tree(self._root)
                self._pss = max(self._pss, sum(_pss(process) for process in tree))
            self._rss = max(self._rss, sum(_rss(process) for process in tree))
            self._cpu = max(self._cpu, sum(_cpu(process) for process in tree))
            turn += 1
            if last:
                return


def tree_cpu(pid: int) -> float:
    """Seconds that a process used with all below it, those included that ended and were waited for."""
    return sum(_cpu(process) for process in _tree(psutil.Process(pid)))


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system + times.children_user + times.children_system


def _rss(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def _pss(process: psutil.Process) -> int:
    """0 where the system does not tell it."""
    try:
        return getattr(process.memory_full_info(), "pss", 0)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
