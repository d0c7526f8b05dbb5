"""The tasks that a child process can do, by name: plain functions of a request and the child's workspace."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from towpath.contracts.loading import CleanDestination, LoadPart, PrepareDestination
from towpath.contracts.stages import WatermarkTask
from towpath.contracts.wire import ActivityResult, Wire
from towpath.dataplane.load.parts import clean_destination, load_part, prepare_destination, read_watermark
from towpath.dataplane.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Task:
    """`run` takes a validated request. It raises HouseError for what it knows; anything else is a crash of the task."""

    request: type[Wire]
    run: Callable[[Any, Workspace], ActivityResult]


TASKS: Mapping[str, Task] = {
    "prepare_destination": Task(PrepareDestination, prepare_destination),
    "load_part": Task(LoadPart, load_part),
    "read_watermark": Task(WatermarkTask, read_watermark),
    "clean_destination": Task(CleanDestination, clean_destination),
}
"""By the name of the activity that asks for it."""
