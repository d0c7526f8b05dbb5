"""What a run of a definition does to the world, done on Temporal: by activities, child runs and search attributes."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

from temporalio import workflow
from temporalio.exceptions import FailureError
from temporalio.types import MethodAsyncSingleParam
from temporalio.workflow import ParentClosePolicy

from activities.cache import CacheActivities
from activities.definitions import DefinitionActivities
from activities.delivery import DeliveryActivities
from activities.emitting import EmitActivities
from activities.events import EventActivities
from activities.functions import FunctionActivities
from activities.http import HttpActivities
from activities.operations import OperationActivities
from activities.services import ServiceActivities
from towpath.contracts.core.claude import Budget
from towpath.contracts.core.delivery import Delivered, PostSlack, SendEmail, TeamNotice, UpdateCrm
from towpath.contracts.core.failure import Failure
from towpath.contracts.core.process import HELPER
from towpath.contracts.declared.http_call import HttpAnswer, HttpRequest, OperationCall
from towpath.contracts.declared.run import (
    DECLARED,
    ITEMS,
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
from towpath.policy.core.messages import task_notice
from towpath.temporal.attributes import search_attributes
from workflows.declared.effects import EffectPlace, StartedRun, Tell, Why
from workflows.kit.asking import Conversation, Notes, Question, Reply
from workflows.kit.calling import ArgT, ResultT, SelfT, call
from workflows.kit.children import ended
from workflows.kit.notices import send_notice
from workflows.kit.steps import Steps
from workflows.kit.task import Desk, HumanTask, TaskPlan

AnswerT = TypeVar("AnswerT")


class TemporalEffects:
    """Implements `Effects`."""

    async def call_http(self, request: HttpRequest, place: EffectPlace) -> HttpAnswer:
        return await _call(HttpActivities.http_request, request, place)

    async def call_service(self, request: ServiceCall, place: EffectPlace) -> CallAnswer:
        return await _call(ServiceActivities.call_service, request, place)

    async def call_operation(self, request: OperationCall, place: EffectPlace) -> CallAnswer:
        return await _call(OperationActivities.call_operation, request, place)

    async def call_function(self, request: FunctionCall, place: EffectPlace) -> CallAnswer:
        return await _call(FunctionActivities.call_function, request, place)

    async def ask_claude(
        self, question: Question[AnswerT], steps: Steps, budget: Budget, calls: int
    ) -> Reply[AnswerT] | Notes:
        return await Conversation(question, steps, budget, calls).answer()

    async def send_email(self, mail: SendEmail, place: EffectPlace) -> Delivered:
        return await _call(DeliveryActivities.send_email, mail, place)

    async def post_slack(self, post: PostSlack, place: EffectPlace) -> Delivered:
        return await _call(DeliveryActivities.post_slack, post, place)

    async def update_crm(self, update: UpdateCrm, place: EffectPlace) -> Delivered:
        return await _call(DeliveryActivities.update_crm, update, place)

    async def notify(self, notice: TeamNotice, place: EffectPlace) -> Delivered:
        return await _call(DeliveryActivities.notify_team, notice, place)

    async def emit(self, request: EmitEvent, place: EffectPlace) -> Emission:
        return await _call(EmitActivities.emit_event, request, place)

    async def tell_team(self, notice: TeamNotice, activity_id: str, summary: str) -> Failure | None:
        return await send_notice(notice, activity_id, summary)

    def open_task(self, plan: TaskPlan, tell: Tell, admitted: Callable[[HumanTask], None]) -> HumanTask:
        return HumanTask(plan, Desk(task_notice, tell), admitted)

    async def find_definition(self, wanted: FindDefinition, place: EffectPlace) -> FoundDefinition:
        return await _call(DefinitionActivities.find_definition, wanted, place)

    async def start_run(self, request: DeclaredRequest, run_id: str, summary: str, *, outlives: bool) -> StartedRun:
        child = await workflow.start_child_workflow(
            DECLARED,
            request,
            id=run_id,
            result_type=DeclaredResult,
            parent_close_policy=ParentClosePolicy.ABANDON if outlives else ParentClosePolicy.REQUEST_CANCEL,
            static_summary=summary,
        )
        return StartedRun(child.id, child.first_execution_run_id or "", lambda why: ended(child, why))

    async def run_items(
        self, request: ItemsRequest, run_id: str, summary: str, why: Why, over: asyncio.Event
    ) -> ItemsResult:
        child = await workflow.start_child_workflow(
            ITEMS,
            request,
            id=run_id,
            result_type=ItemsResult,
            search_attributes=search_attributes(HELPER),
            static_summary=summary,
        )
        telling = asyncio.ensure_future(_stop(child, over))
        try:
            return cast("ItemsResult", await ended(child, why))
        finally:
            telling.cancel()

    async def read_cache(self, request: CacheRead, place: EffectPlace) -> CacheFound:
        return await _call(CacheActivities.read_cache, request, place)

    async def write_cache(self, request: CacheWrite, place: EffectPlace) -> None:
        await _call(CacheActivities.write_cache, request, place)

    async def deliver_events(self, events: LifecycleEvents, place: EffectPlace) -> None:
        await _call(EventActivities.deliver_events, events, place)

    def set_attributes(self, *updates: Any) -> None:
        workflow.upsert_search_attributes(updates)


async def _stop(child: workflow.ChildWorkflowHandle[Any, Any], over: asyncio.Event) -> None:
    """Tell a part that it is over. One that has ended is told nothing."""
    await over.wait()
    with suppress(FailureError):
        await child.signal("stop")


async def _call(activity: MethodAsyncSingleParam[SelfT, ArgT, ResultT], arg: ArgT, place: EffectPlace) -> ResultT:
    return await call(activity, arg, place.work, activity_id=place.id, summary=place.summary)
