"""What a worker serves, found in the rooms: the workflows of each process, and every activity, on its connections.

A class of activities asks for its connections by the names of its parameters.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from inspect import signature
from pkgutil import walk_packages
from types import ModuleType
from typing import Any

import activities
import workflows
from towpath.registry import AnyProcess

WORKFLOW, ACTIVITY = "__temporal_workflow_definition", "__temporal_activity_definition"
"""Where the SDK's decorators leave what they were told."""


class RoomError(Exception):
    """A room does not fit what a worker needs of it; the text says what is missing where."""


def workflows_of(process: AnyProcess) -> tuple[type, ...]:
    """The workflows that the folder of a process defines, its own type first. Raises RoomError."""
    room = import_module(f"{workflows.__name__}.{process.folder}")
    found = [kind for module in _modules(room) for kind in _classes(module) if WORKFLOW in vars(kind)]
    if process.name not in {workflow_name(kind) for kind in found}:
        raise RoomError(f"no module of {room.__name__} defines the workflow {process.name}")
    return tuple(sorted(found, key=lambda kind: workflow_name(kind) != process.name))


def workflow_name(kind: type) -> str:
    """The Temporal type of a workflow class."""
    name: str = vars(kind)[WORKFLOW].name
    return name


def activity_classes() -> tuple[type, ...]:
    """Every class of the activities' room that has one."""
    return tuple(kind for module in _modules(activities) for kind in _classes(module) if activity_methods(kind))


def activity_methods(kind: type) -> list[str]:
    """Names of the methods of a class that are activities."""
    return [name for name in dir(kind) if hasattr(getattr(kind, name), ACTIVITY)]


def activities_of(room: object) -> list[Callable[..., Any]]:
    """All activity methods of an instance."""
    return [getattr(room, name) for name in activity_methods(type(room))]


def connected(kinds: Sequence[type], connections: Mapping[str, object]) -> list[object]:
    """An instance of each class, with the connections that its parameters name. Raises RoomError."""
    made: list[object] = []
    for kind in kinds:
        wanted = signature(kind).parameters
        missing = [name for name in wanted if name not in connections]
        if missing:
            known = ", ".join(sorted(connections))
            raise RoomError(f"{kind.__name__} asks for {', '.join(missing)}; what a worker connects is {known}")
        made.append(kind(**{name: connections[name] for name in wanted}))
    return made


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in walk_packages(package.__path__, f"{package.__name__}."):
        yield import_module(found.name)


def _classes(module: ModuleType) -> Iterator[type]:
    """Those that the module defines, in the order of their definition."""
    return (value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__)
