"""All that a run of a definition can do to the world: whoever reads this knows it whole.

Besides, a run waits for moments and for events that are sent to it, and computes. Its own record of steps, its status
and its metrics are kept by `Steps` and `count_run`. `temporal_effects.py` does these things on Temporal.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from towpath.contracts.core.claude import Budget
from towpath.contracts.core.delivery import Delivered, PostSlack, SendEmail, TeamNotice, UpdateCrm
from towpath.contracts.core.failure import Failure
from towpath.contracts.core.run import Cancellation
from towpath.contracts.declared.http_call import HttpAnswer, HttpRequest, OperationCall
from towpath.contracts.declared.run import (
    CacheFound,
    CacheRead,
    CacheWrite,
    CallAnswer,
    DeclaredRequest,
    DeclaredResult,
    Emission,
    EmitEvent,
    FindDefinition,
    FoundDefinition,
    FunctionCall,
    ItemsRequest,
    ItemsResult,
    LifecycleEvents,
    ServiceCall,
)
from workflows.kit.asking import Notes, Question, Reply
from workflows.kit.options import Work
from workflows.kit.steps import Steps
from workflows.kit.task import HumanTask, TaskPlan

AnswerT = TypeVar("AnswerT")
Why = Callable[[], Cancellation]
"""Who cancels, and why: asked when it happens."""
Tell = Callable[[str, str, str, str], Awaitable[Failure | None]]
"""Tells a team of a task: team, event, title and text."""


@dataclass(frozen=True, slots=True)
class EffectPlace:
    """Where in its run an effect belongs: its id in history, what people read of it, its time-outs and retries."""

    id: str
    summary: str
    work: Work


@dataclass(frozen=True, slots=True)
class StartedRun:
    """The run of another definition."""

    id: str
    run_id: str
    ended: Callable[[Why], Awaitable[DeclaredResult]]
    """Its result; a cancellation of the wait is passed on to it with its reason. Raises ChildWorkflowError."""


class Effects(Protocol):
    """Unless it says otherwise, an effect that failed for good raises CallFailedError."""

    async def call_http(self, request: HttpRequest, place: EffectPlace) -> HttpAnswer:
        """A request to a host of a connection."""
        ...

    async def call_service(self, request: ServiceCall, place: EffectPlace) -> CallAnswer:
        """An operation of a service of the catalogue."""
        ...

    async def call_operation(self, request: OperationCall, place: EffectPlace) -> CallAnswer:
        """An operation of an OpenAPI document that the definition brought along."""
        ...

    async def call_function(self, request: FunctionCall, place: EffectPlace) -> CallAnswer:
        """A function of the library that touches something. Pure ones are computed in the run."""
        ...

    async def ask_claude(
        self, question: Question[AnswerT], steps: Steps, budget: Budget, calls: int
    ) -> Reply[AnswerT] | Notes:
        """A conversation within the run's budget, booked on its step."""
        ...

    async def send_email(self, mail: SendEmail, place: EffectPlace) -> Delivered: ...

    async def post_slack(self, post: PostSlack, place: EffectPlace) -> Delivered: ...

    async def update_crm(self, update: UpdateCrm, place: EffectPlace) -> Delivered: ...

    async def notify(self, notice: TeamNotice, place: EffectPlace) -> Delivered:
        """A notice to a team as a step of its own."""
        ...

    async def emit(self, request: EmitEvent, place: EffectPlace) -> Emission:
        """An event to all runs that wait for it, and to the definitions that it starts."""
        ...

    async def tell_team(self, notice: TeamNotice, activity_id: str, summary: str) -> Failure | None:
        """A notice that nothing waits for: an alert, a fallback, news of a task. What failed, if it did."""
        ...

    def open_task(self, plan: TaskPlan, tell: Tell, admitted: Callable[[HumanTask], None]) -> HumanTask:
        """A decision by people: who may decide is looked up, and they are told."""
        ...

    async def find_definition(self, wanted: FindDefinition, place: EffectPlace) -> FoundDefinition:
        """Which version of another definition runs."""
        ...

    async def start_run(self, request: DeclaredRequest, run_id: str, summary: str, *, outlives: bool) -> StartedRun:
        """A run of a definition as a child; `outlives` says that it is left alone when this run ends.

        Raises WorkflowAlreadyStartedError.
        """
        ...

    async def run_items(
        self, request: ItemsRequest, run_id: str, summary: str, why: Why, over: asyncio.Event
    ) -> ItemsResult:
        """A part of a large for_each, in a run of its own, which begins no more items once it is `over`.

        Raises ChildWorkflowError.
        """
        ...

    async def read_cache(self, request: CacheRead, place: EffectPlace) -> CacheFound: ...

    async def write_cache(self, request: CacheWrite, place: EffectPlace) -> None: ...

    async def deliver_events(self, events: LifecycleEvents, place: EffectPlace) -> None:
        """News of the run, to the installation's sinks."""
        ...

    def set_attributes(self, *updates: Any) -> None:
        """Show in lists of runs: the queue, the awaited events, who is waited for."""
        ...
