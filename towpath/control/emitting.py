"""An event from outside to the runs that it is for: those that wait for it, and those that a trigger starts."""

from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError

from towpath.contracts.core.process import AWAITED_EVENTS
from towpath.contracts.core.wire import JsonObject, clip
from towpath.contracts.declared.published import Version
from towpath.contracts.declared.run import LISTED_RECEIVERS, CloudEvent, Emission, EventReceivers
from towpath.control.definitions import DefinitionError, Definitions, make_request
from towpath.control.temporal import in_query, is_done
from towpath.engine.checks.loading import load_plan
from towpath.engine.language.definition import EventTrigger
from towpath.engine.language.shapes import as_object
from towpath.engine.run.awaited import awaited_names
from towpath.engine.run.evaluation import Evaluation, RunFacts, StepError


@dataclass(frozen=True, slots=True)
class Emitted:
    """Runs that got the event, runs that it started or joined, and what kept triggers from starting one."""

    told: list[str]
    started: list[str]
    problems: list[str]


async def emit(client: Client, event: CloudEvent) -> Emitted:
    """Deliver an event. The same id twice is one event to each run, and starts no second run."""
    return Emitted(await _tell(client, event), *(await _trigger(client, event)))


class Emitter:
    """Delivers the events of a namespace, for steps that emit one."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def emit(self, event: CloudEvent) -> Emission:
        emitted = await emit(self._client, event)
        return Emission(
            delivered=EventReceivers.of(emitted.told),
            started=EventReceivers.of(emitted.started),
            problems=tuple(map(clip, emitted.problems[:LISTED_RECEIVERS])),
        )


async def _tell(client: Client, event: CloudEvent) -> list[str]:
    names = ", ".join(in_query(name) for name in awaited_names(event.type, event.subject))
    query = f"{AWAITED_EVENTS.name} IN ({names}) AND ExecutionStatus = 'Running'"
    return [
        run.id
        async for run in client.list_workflows(query)
        if await is_done(client.get_workflow_handle(run.id, run_id=run.run_id).signal("event", event))
    ]


async def _trigger(client: Client, event: CloudEvent) -> tuple[list[str], list[str]]:
    definitions = Definitions(client)
    started: list[str] = []
    problems: list[str] = []
    for record in await definitions.records():
        version = await definitions.version(record.id)
        if version.document is None:
            continue
        triggers = load_plan(version.digest, version.document).definition.triggers
        for trigger, _ in triggers:
            if isinstance(trigger, EventTrigger) and trigger.source == event.type:
                await _start(definitions, version, version.document, trigger, event, started, problems)
    return started, problems


async def _start(
    definitions: Definitions,
    version: Version,
    document: JsonObject,
    trigger: EventTrigger,
    event: CloudEvent,
    started: list[str],
    problems: list[str],
) -> None:
    given = event.model_dump(mode="json")
    facts = RunFacts(id=event.id, started_at=datetime.now(UTC), event=given)
    evaluation = Evaluation(facts, {}, {}, {}, lambda: event.id)
    try:
        if trigger.filter is not None and not evaluation.is_true(trigger.filter, "filter"):
            return
        data = given["data"]
        inputs = (as_object(data) or {}) if trigger.inputs is None else evaluation.value(trigger.inputs, "inputs")
        key = event.id if trigger.correlate is None else str(evaluation.value(trigger.correlate, "correlate"))
        request = make_request(document, version.digest, inputs, "event").model_copy(update={"event": given})
        run = await definitions.start(request, key)
    except (StepError, DefinitionError) as error:
        problems.append(f"{document['id']}: {error}")
    except WorkflowAlreadyStartedError as error:
        started.append(error.workflow_id)
    else:
        started.append(run.handle.id)
