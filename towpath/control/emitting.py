"""An event from outside to the runs that it is for: those that wait for it, and those that a trigger starts."""

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime

from temporalio.client import Client, WorkflowExecution
from temporalio.exceptions import WorkflowAlreadyStartedError

from towpath.contracts.core.listing import in_query
from towpath.contracts.core.process import AWAITED_EVENTS
from towpath.contracts.core.wire import clip
from towpath.contracts.declared.run import DECLARED, LISTED_RECEIVERS, CloudEvent, Emission, EventReceivers
from towpath.control.correlating import start_correlated
from towpath.control.definitions import DefinitionError, Definitions, make_request
from towpath.control.listening import Latest, latest_of, listeners
from towpath.control.temporal import is_done
from towpath.engine.checks.loading import load_plan
from towpath.engine.language.definition import EventTrigger
from towpath.engine.language.shapes import as_object
from towpath.engine.run.awaited import awaited_names
from towpath.engine.run.evaluation import Evaluation, RunFacts, StepError

AT_ONCE = 16
"""So many runs are told beside each other."""
LONGEST_KEY, MOST_BYTES = 400, 800
"""Of an id of an event, and of what names a run: Temporal takes workflow ids of up to 1,000 bytes."""


@dataclass(frozen=True, slots=True)
class Emitted:
    """Runs that got the event, runs that it started or joined, and what kept triggers from starting one.

    `unlisted` are definitions that were published before lists showed what starts them: each was looked at.
    """

    told: list[str]
    started: list[str] = field(default_factory=list[str])
    problems: list[str] = field(default_factory=list[str])
    unlisted: list[str] = field(default_factory=list[str])


async def emit(client: Client, event: CloudEvent) -> Emitted:
    """Deliver an event. The same id twice is one event to each run, and starts no second run. No worker is asked."""
    emitted = Emitted(await _tell(client, event))
    for listener in await listeners(client, event.type):
        latest = await latest_of(client, listener)
        if latest is None:
            continue
        if not listener.listed:
            emitted.unlisted.append(str(latest.document["id"]))
        for trigger, _ in load_plan(latest.digest, latest.document).definition.triggers:
            if isinstance(trigger, EventTrigger) and trigger.source == event.type:
                await _start(client, latest, trigger, event, emitted)
    return emitted


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
    wanted = f"{AWAITED_EVENTS.name} IN ({names}) AND WorkflowType = {in_query(DECLARED)}"
    query = f"{wanted} AND ExecutionStatus = 'Running'"
    waiting = [run async for run in client.list_workflows(query)]
    turn = asyncio.Semaphore(AT_ONCE)

    async def told(run: WorkflowExecution) -> bool:
        async with turn:
            return await is_done(client.get_workflow_handle(run.id, run_id=run.run_id).signal("event", event))

    done = await asyncio.gather(*map(told, waiting))
    return [run.id for run, is_told in zip(waiting, done, strict=True) if is_told]


async def _start(client: Client, latest: Latest, trigger: EventTrigger, event: CloudEvent, emitted: Emitted) -> None:
    given, document = event.model_dump(mode="json"), latest.document
    facts = RunFacts(id=event.id, started_at=datetime.now(UTC), event=given)
    evaluation = Evaluation(facts, {}, {}, {}, lambda: event.id)
    try:
        if trigger.filter is not None and not evaluation.is_true(trigger.filter, "filter"):
            return
        data = given["data"]
        inputs = (as_object(data) or {}) if trigger.inputs is None else evaluation.value(trigger.inputs, "inputs")
        own = event.id if trigger.correlate is None else str(evaluation.value(trigger.correlate, "correlate"))
        request = make_request(document, latest.digest, inputs, "event").model_copy(update={"event": given})
        if trigger.correlate is None:
            run = (await Definitions(client).start(request, _key(own, LONGEST_KEY), once=True)).handle.id
        else:
            run = await start_correlated(client, request, _key(own), event.id)
    except (StepError, DefinitionError) as error:
        emitted.problems.append(f"{document['id']}: {error}")
    except WorkflowAlreadyStartedError as error:
        emitted.started.append(error.workflow_id)
    else:
        emitted.started.append(run)


def _key(text: str, most: int = MOST_BYTES) -> str:
    """What names the run that an event starts. An event that a run emits has that run's id in its own."""
    is_short = len(text) <= most and len(text.encode()) <= MOST_BYTES
    return text if is_short else hashlib.sha256(text.encode()).hexdigest()
