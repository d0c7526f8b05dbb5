"""What a redrive of a run keeps and does again, and what people may change of it.

A process whose runs can be changed has a module of its folder's name here, with a `PLANNER`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from pydantic import JsonValue
from temporalio.client import Client

from towpath.cli.terminal import Exit, fail
from towpath.contracts.core.wire import Wire
from towpath.control.deadletters import Letter
from towpath.registry import AnyProcess


@dataclass(frozen=True, slots=True)
class RedriveChange:
    """What a person changes for the run that goes on: its definition, and outputs of steps."""

    target: str | None = None
    outputs: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    by: str | None = None
    """Who does it, where that is known."""

    def __bool__(self) -> bool:
        return self.target is not None or bool(self.outputs)


@dataclass(frozen=True, slots=True)
class RedrivePlan:
    """What is kept, and what is done again or sent how, by step.

    Without a `request` the process makes one of the failure.
    """

    kept: list[str]
    again: dict[str, str] = field(default_factory=dict[str, str])
    sends: dict[str, str] = field(default_factory=dict[str, str])
    request: Wire | None = None


Planner = Callable[[Client, Letter, Any, RedriveChange], Awaitable[RedrivePlan]]
"""From the letter, its failure and the change. Ends the command for a change that the run cannot take."""


def planner_of(process: AnyProcess) -> Planner:
    name = f"{__package__}.{process.folder}"
    if find_spec(name) is None:
        return _unchanged
    planner: Planner = import_module(name).PLANNER
    return planner


async def _unchanged(temporal: Client, letter: Letter, failure: Any, change: RedriveChange) -> RedrivePlan:
    del temporal, failure
    if change:
        fail(
            Exit.WRONG_INPUT,
            f"{letter.workflow_id} is no run of a definition, and --with and --set are for those: leave them out.",
        )
    return RedrivePlan(letter.keeps)
