"""How the runs of a process are shown, where that is not as every other's: each has a module of its folder's name here.

A process without one is shown by what every run has.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel
from rich.console import RenderableType
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError

from towpath.contracts.core.run import Cost
from towpath.contracts.core.wire import Wire
from towpath.registry import AnyProcess

ResultT = TypeVar("ResultT", bound=Wire)
VIEWS = "VIEWS"


def result_lines(result: Wire) -> list[str]:
    """Each field of a result that says something, in a line, and what Claude cost."""
    fields = (
        (name, value) for name, value in result if not isinstance(value, Cost) and value not in (None, "", (), {})
    )
    lines = [f"{name}: {_text(value)}" for name, value in fields]
    return [*lines, *(f"cost: {value.in_words}" for _, value in result if isinstance(value, Cost))]


def _text(value: Any) -> str:
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, default=str)


def failure_lines(workflow_id: str, error: WorkflowFailureError) -> list[str]:
    """Why a run failed, and where to look."""
    cause = error.cause
    if isinstance(cause, CancelledError):
        return [f"{workflow_id}: cancelled", f"What was undone: python starter.py runs status {workflow_id}"]
    kind = f" ({cause.type})" if isinstance(cause, ApplicationError) else ""
    return [f"{workflow_id}: failed: {cause}{kind}", f"See: python starter.py queue show {workflow_id}"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a task is about."""

    facts: Wire
    """All of it, for programs."""
    page: Sequence[RenderableType]
    """The same for people, above the task."""
    told: frozenset[str] = frozenset()
    """Reasons of the task that stand on the page."""


@dataclass(frozen=True, slots=True)
class Views(Generic[ResultT]):
    """Words and tables of one process."""

    result: Callable[[ResultT], Sequence[str]] = result_lines
    """How a run ended."""
    failure: Callable[[str, WorkflowFailureError], Sequence[str]] = failure_lines
    """Why a run failed, from its id and its failure."""
    task: Callable[[Client, str, int], Awaitable[Subject]] | None = None
    """What a reviewer has to know, from the run's id and the width of the terminal."""


PLAIN: Views[Any] = Views()


def views_of(process: AnyProcess) -> Views[Any]:
    """Raises TypeError for a module that does not hold its views."""
    name = f"{__package__}.{process.folder}"
    if find_spec(name) is None:
        return PLAIN
    views: object = getattr(import_module(name), VIEWS, None)
    if not isinstance(views, Views):
        raise TypeError(f"{name} has no {VIEWS}")
    return cast("Views[Any]", views)
