"""The registry of processes, found in the folders of the contracts; what lists, starts, ends or shows runs reads it.

A folder of `towpath/contracts` with a `process.py` is a process, and nothing else has to name it.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from towpath import contracts
from towpath.contracts.core.process import Process

AnyProcess = Process[Any, Any, Any]
ENTRY = "process"
SHARED = "core"
"""The folder whose `process.py` says what an entry is."""


class RegistryError(Exception):
    """An entry cannot be used; the text says which, and what it lacks."""


@cache
def processes() -> Mapping[str, AnyProcess]:
    """All of them by Temporal type, in the order of their folders. Raises RegistryError."""
    found: dict[str, AnyProcess] = {}
    for folder in _folders():
        entry = _entry(folder)
        if entry.name in found:
            raise RegistryError(f"two processes are called {entry.name}: in {found[entry.name].folder} and {folder}")
        found[entry.name] = entry
    return found


def default_process() -> AnyProcess:
    """The process whose runs people name by their key alone. Raises RegistryError."""
    named = [process for process in processes().values() if process.named_by_key]
    if len(named) != 1:
        raise RegistryError(f"{len(named)} processes have runs that are named by their key alone, and one must")
    return named[0]


def _folders() -> list[str]:
    found = (path.parent.name for root in contracts.__path__ for path in Path(root).glob(f"*/{ENTRY}.py"))
    return sorted(name for name in found if name != SHARED)


def _entry(folder: str) -> AnyProcess:
    module = import_module(f"{contracts.__name__}.{folder}.{ENTRY}")
    entries: list[AnyProcess] = [value for value in vars(module).values() if isinstance(value, Process)]
    if len(entries) != 1:
        raise RegistryError(f"{module.__name__} holds {len(entries)} entries of processes, and must hold one")
    entry = entries[0]
    if entry.folder != folder:
        raise RegistryError(f"{module.__name__}: the entry's folder is {entry.folder!r}, and must be {folder!r}")
    return entry
