"""The workflow of a firing of a schedule trigger with for_each: it fetches the items and starts a run for each."""

import asyncio
from typing import cast

from pydantic import JsonValue
from temporalio import workflow
from temporalio.exceptions import ApplicationError, ChildWorkflowError, is_cancelled_exception

from activities.definitions import DefinitionActivities
from activities.services import ServiceActivities
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.wire import effect_key
from towpath.contracts.declared.published import LAUNCHER, Launch, Launched
from towpath.contracts.declared.run import DECLARED, DeclaredRequest, DeclaredResult, FindDefinition, ServiceCall
from towpath.engine.checks.loading import load_plan
from towpath.engine.language.definition import ScheduleTrigger, TriggerForEach
from towpath.engine.language.shapes import as_list
from towpath.engine.run.evaluation import Evaluation, RunFacts, StepError
from towpath.temporal.failures import failure_of, to_application_error
from workflows.kit.calling import CallFailedError, call
from workflows.kit.options import EFFECT, LOOKUP

AT_ONCE = 20
MOST = 2_000


class RefusedLaunchError(HouseError):
    """A firing cannot start its runs."""


async def launch(request: Launch) -> Launched:
    """Ids of the runs, and what kept others from starting or ending well. Raises ApplicationError."""
    try:
        return await _launch(request)
    except CallFailedError as error:
        raise _refused(error.failure.message) from error
    except StepError as error:
        raise _refused(error.failure.message) from error


async def _launch(request: Launch) -> Launched:
    wanted = FindDefinition(id=request.definition, check=False)
    found = await call(
        DefinitionActivities.find_definition, wanted, LOOKUP, activity_id="definition", summary="The latest version"
    )
    run = found.request
    trigger = load_plan(run.digest, run.definition).definition.triggers[request.trigger][0]
    if not isinstance(trigger, ScheduleTrigger) or trigger.for_each is None:
        raise _refused("the trigger has no for_each any more")
    facts = RunFacts(id=workflow.info().workflow_id, started_at=workflow.now(), trigger="schedule")
    evaluation = Evaluation(facts, {}, {}, {}, lambda: str(workflow.uuid4()))
    items = await _items(trigger.for_each, evaluation)
    started: list[str] = []
    problems: list[str] = []
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(index: int, item: JsonValue) -> None:
        async with turns:
            names = {cast("TriggerForEach", trigger.for_each).as_: item, "index": index}
            inputs = evaluation.value(trigger.inputs or {}, "inputs", **names)
            child = f"{request.definition}/{workflow.info().workflow_id.rpartition('/')[2]}-{index}"
            problem = await _run(run.model_copy(update={"inputs": inputs, "trigger": "schedule"}), child, request)
            started.append(child)
            if problem:
                problems.append(f"{child}: {problem}")

    await asyncio.gather(*(asyncio.ensure_future(one(index, item)) for index, item in enumerate(items)))
    return Launched(started=tuple(started), problems=tuple(problems[:50]))


async def _items(loop: TriggerForEach, evaluation: Evaluation) -> list[JsonValue]:
    if loop.service is None or loop.method is None:
        items = as_list(evaluation.value(loop.in_, "for_each.in"))
    else:
        key = effect_key(workflow.info().workflow_id, "items")
        params = evaluation.value(loop.params, "for_each.params")
        asked = ServiceCall(service=loop.service, operation=loop.method, params=params, key=key)
        answer = await call(
            ServiceActivities.call_service, asked, EFFECT, activity_id="items", summary="The items of this firing"
        )
        items = as_list(evaluation.value(loop.items or "{{ output }}", "for_each.items", output=answer.value))
    if items is None:
        raise _refused("for_each: it is not a list")
    if len(items) > MOST:
        raise _refused(f"for_each: {len(items)} items; at most {MOST} runs start at one firing")
    return items


async def _run(run: DeclaredRequest, child: str, request: Launch) -> str:
    given = run.model_copy(update={"sinks": request.sinks})
    try:
        await workflow.execute_child_workflow(
            DECLARED, given, id=child, result_type=DeclaredResult, static_summary=f"Run {child}"
        )
    except ChildWorkflowError as error:
        if is_cancelled_exception(error):
            raise
        return failure_of(error.cause or error).message
    return ""


def _refused(message: str) -> ApplicationError:
    return to_application_error(RefusedLaunchError(FailureCode.STEP_INPUT, message))


@workflow.defn(name=LAUNCHER)
class LauncherWorkflow:
    """Lives as long as the runs it started, so that the schedule's overlap policy counts them."""

    @workflow.run
    async def run(self, request: Launch) -> Launched:
        return await launch(request)
