"""The tasks that a child process can do, by name: plain functions of a request and the child's workspace."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from towpath.contracts.wire import ActivityResult, Wire
from towpath.dataplane.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Task:
    """`run` takes a validated request. It raises HouseError for what it knows; anything else is a crash of the task."""

    request: type[Wire]
    run: Callable[[Any, Workspace], ActivityResult]


TASKS: Mapping[str, Task] = {}
"""By the name of the activity that asks for it."""
