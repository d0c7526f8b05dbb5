"""Where cases run: a Temporal server in memory, Claude's queue served as the worker serves it, and its answers kept."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.worker import Worker

from activities.attempts import ActivityEdge
from tests.evaluations.properties import CaseReport, Held
from tests.replaying import StartsSeen, Watch, watched
from towpath.contracts.core.claude import Answer, AskRequest
from towpath.contracts.core.process import CLAUDE_QUEUE
from towpath.contracts.core.run import RunRecord, StepState
from towpath.control.temporal import converter
from towpath.integrations.storage.payloads import PayloadStore
from towpath.local.server import temporal_server

LONGEST = 900.0
"""Seconds after which a case is given up."""
LOOK_SECONDS = 0.1
OPEN = frozenset({StepState.PENDING, StepState.RUNNING})
Ask = Callable[[AskRequest], Awaitable[Answer]]


@dataclass
class Recorder:
    """The activity `ask`, which passes questions on and keeps the answers by run, in their order."""

    ask_claude: Ask
    answers: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))

    @activity.defn(name="ask")
    async def ask(self, request: AskRequest) -> Answer:
        answer = await self.ask_claude(request)
        self.answers[activity.info().workflow_id or ""].append(answer)
        return answer


@dataclass(frozen=True)
class Place:
    client: Client
    folder: Path
    recorder: Recorder


@asynccontextmanager
async def open_place(folder: Path, ask: Ask, at_once: int = 20) -> AsyncGenerator[Place]:
    """`ask` answers Claude's queue, at most `at_once` questions together."""
    async with temporal_server(log=folder / "temporal.log") as server:
        store, starts = PayloadStore(str(folder / "payloads")), StartsSeen()
        data_converter = converter(None, store)
        client = await Client.connect(server.address, data_converter=data_converter, interceptors=[starts])
        watch = Watch(client, folder / "unreplayed", starts, str(folder / "payloads"))
        recorder = Recorder(ask)
        claude = Worker(
            client,
            task_queue=CLAUDE_QUEUE,
            activities=[recorder.ask],
            interceptors=[ActivityEdge()],
            max_concurrent_activities=at_once,
            build_id="evaluation",
        )
        async with watched(watch), claude:
            yield Place(client, folder, recorder)


def new_id(case: str) -> str:
    return f"evaluation/{case}/{uuid4().hex[:8]}"


async def until_ended(handle: WorkflowHandle[Any, Any], step: str) -> RunRecord:
    """The run's record as soon as the step or the whole run is over, at the latest after 15 minutes."""
    clock = Clock()
    while True:
        record: RunRecord = await handle.query("status", result_type=RunRecord)
        if any(one.step == step and one.state not in OPEN for one in record.steps):
            return record
        is_open = (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
        if not is_open or clock.seconds() > LONGEST:
            return await handle.query("status", result_type=RunRecord)
        await asyncio.sleep(LOOK_SECONDS)


async def end(handle: WorkflowHandle[Any, Any]) -> None:
    """End the run where it is: nothing of it goes out."""
    if (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
        await handle.terminate("the evaluation has seen enough")


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()

    def seconds(self) -> float:
        return time.perf_counter() - self._begun


def report(
    place: Place, process: str, case: str, properties: tuple[Held, ...], record: RunRecord, seconds: float
) -> CaseReport:
    """What the run's own record says of its cost, with the answers that it got."""
    cost = record.cost
    return CaseReport(
        process=process,
        case=case,
        properties=properties,
        calls=cost.calls,
        input_tokens=cost.input_tokens,
        output_tokens=cost.output_tokens,
        usd=cost.usd if cost.priced else None,
        seconds=seconds,
        models=cost.models,
        answers=tuple(place.recorder.answers[record.workflow_id]),
    )
