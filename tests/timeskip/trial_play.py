"""A case on Temporal, as its test says: events, operators and people come in their time, and what differs is told."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, cast
from uuid import uuid4

from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.attempts import ActivityEdge
from activities.batch import with_batches
from tests.fakes.prompt import PROMPT
from tests.timeskip.declared import Handle, steps
from tests.timeskip.trial_cases import EACH, TrialCase
from tests.timeskip.trial_world import Ended, World, Worlds
from tests.waiting import until
from towpath.contracts.core.process import CLAUDE_QUEUE
from towpath.contracts.core.review import Decision
from towpath.contracts.core.run import Cancellation, DeadLetter, StepRecord
from towpath.contracts.declared.run import DECLARED, DeclaredResult, Edit, PauseRequest
from towpath.control.definitions import make_request
from towpath.engine.checks.loading import digest
from towpath.engine.language.definition import CaseDecision, CaseOperation
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.trial.result import CaseResult
from towpath.engine.trial.script import cloud_events, length_of, moment_of
from towpath.engine.trial.simulate import run_case
from towpath.functions.library import PURE
from workflows.declared.items import DeclaredItemsWorkflow
from workflows.declared.workflow import DeclaredWorkflow
from workflows.sandbox import runner

Act = Callable[[], Awaitable[None]]
SECONDS = 60
OWN = frozenset({"at", "time", "id", "run_id", "runs"})
"""Names of values that are each run's own."""


@dataclass(frozen=True)
class Stage:
    """One worker for all cases."""

    env: WorkflowEnvironment
    worlds: Worlds

    async def differences(self, case: TrialCase) -> list[str]:
        """What `definition test` says otherwise than Temporal; empty when they agree."""
        plan_of = World(case)
        said = run_case(plan_of.plan, case.test, PURE)
        happened = await _Play(self, case, plan_of).ended()
        return [f"{case.name}: {name}: said {one}, happened {other}" for name, one, other in _compared(said, happened)]


@asynccontextmanager
async def stage(env: WorkflowEnvironment) -> AsyncGenerator[Stage]:
    worlds = Worlds()
    common: dict[str, Any] = {"interceptors": [ActivityEdge()], "build_id": "test", **PROMPT}
    definitions = Worker(
        env.client,
        task_queue=DECLARED,
        workflows=[DeclaredWorkflow, DeclaredItemsWorkflow],
        activities=with_batches(worlds.activities()),
        workflow_runner=runner(),
        **common,
    )
    async with definitions, Worker(env.client, task_queue=CLAUDE_QUEUE, activities=[worlds.ask], **common):
        yield Stage(env, worlds)


@dataclass
class _Play:
    """One case under way."""

    stage: Stage
    case: TrialCase
    world: World
    refused: int = 0

    async def ended(self) -> Ended:
        document, name = self.case.document, f"tried/{uuid4().hex}"
        self.stage.worlds.of[name] = self.world
        request = make_request(document, digest(document), self.case.test.inputs)
        env = self.stage.env
        with env.with_time_skipping_disabled():
            handle: Handle = await env.client.start_workflow(
                DECLARED, request, id=name, task_queue=DECLARED, result_type=DeclaredResult
            )
        try:
            async with asyncio.timeout(SECONDS):
                with suppress(RPCError):
                    # It has ended before all was said.
                    await self._go_through(handle)
                    await env.fast_forward(handle)
                found = await _result(handle)
        except TimeoutError:
            found = Ended("stuck")
        records = await steps(handle)
        for item in self._items(handle):
            with suppress(RPCError):
                name = item.id.removeprefix(f"{handle.id}/")
                records |= {f"{name}/{step}": record for step, record in (await steps(item)).items()}
                undoing = await steps(
                    self.stage.env.client.get_workflow_handle_for(DeclaredWorkflow.run, f"{item.id}/undo")
                )
                records |= {f"{name}/{step}": found for step, found in undoing.items() if found.state == "undone"}
        done = {step for step, record in records.items() if record.state in {"completed", "failed"}}
        found.states = {step: str(record.state).replace("degraded", "completed") for step, record in records.items()}
        found.attempts = {step: records[step].attempts for step in done}
        found.calls = [call for call, _ in self.world.calls]
        found.told = [told for told, _ in self.world.told]
        found.refused = self.refused
        return found

    def _items(self, handle: Handle) -> list[Handle]:
        """The runs of items of the group that is tried."""
        client, name = self.stage.env.client, f"{handle.id}/{EACH}"
        return [
            client.get_workflow_handle_for(DeclaredWorkflow.run, f"{name}/{number}")
            for number in range(self.case.items)
        ]

    async def _go_through(self, handle: Handle) -> None:
        passed = timedelta()
        for after, act in self._acts(handle):
            if self.case.in_flight:
                await self.world.entered.wait()
            elif after > passed:
                if not await self.stage.env.fast_forward(handle, after - passed):
                    return
                passed = after
            await self._ready(handle)
            await act()

    async def _ready(self, handle: Handle) -> None:
        """The steps before have ended, and the one that is tried has begun or waits for its turn."""

        def is_there(found: dict[str, StepRecord]) -> bool:
            if self.case.after_failure:
                return found["broken"].state == "failed"
            return found["before"].state == "completed" if "before" in found else found["probe"].state != "pending"

        await until(lambda: steps(handle), is_there)

    def _acts(self, handle: Handle) -> list[tuple[timedelta, Act]]:
        test = self.case.test
        acts: list[tuple[timedelta, Act]] = [
            (after, partial(handle.signal, "event", event)) for after, event in cloud_events(test, moment_of(test.now))
        ]
        acts += [(length_of(told.after), partial(self._operate, handle, told)) for told in test.operations]
        given = test.answers.get("probe")
        answers = given if isinstance(given, list) else [given] if given is not None else []
        decisions = [decision for answer in answers for decision in answer.decisions or []]
        if self._asks_people and not any(answer.decisions is not None or answer.timeout for answer in answers):
            decisions = [CaseDecision(by="tester")] * self.case.visits
        asking = self._items(handle) or [handle]
        acts += [(length_of(said.after), partial(self._decide, run, said)) for said in decisions for run in asking]
        return sorted(acts, key=lambda entry: entry[0])

    @property
    def _asks_people(self) -> bool:
        return self.world.node("probe").written.get("assignee") is not None

    async def _operate(self, handle: Handle, told: CaseOperation) -> None:
        if told.cancel:
            await handle.cancel(reason=Cancellation.of(told.by, told.reason).in_words)
        elif told.pause or told.resume:
            await handle.execute_update("pause" if told.pause else "resume", PauseRequest(by=told.by))
        else:
            step = told.skip or told.set_output or ""
            edit = Edit(step=step, by=told.by, reason=told.reason, value=told.output)
            await self._refusable(handle, "skip" if told.skip else "set_output", edit)

    async def _decide(self, handle: Handle, said: CaseDecision) -> None:
        fields = {"verdict": said.verdict, "reviewer": said.by, "reason": said.reason, "data": said.data}
        if said.after == "0s":
            await until(partial(_reviews, handle), lambda found: any(task["decision"] is None for task in found))
        await self._refusable(handle, "decide", Decision.model_validate(fields))

    async def _refusable(self, handle: Handle, update: str, arg: Any) -> None:
        try:
            await handle.execute_update(update, arg)
        except WorkflowUpdateFailedError:
            self.refused += 1


async def _reviews(handle: Handle) -> list[Any]:
    """Of an item that has not begun, none."""
    with suppress(RPCError):
        return await handle.query("reviews")
    return []


async def _result(handle: Handle) -> Ended:
    try:
        result = await handle.result()
    except WorkflowFailureError as error:
        if isinstance(error.cause, CancelledError):
            return Ended("cancelled")
        cause = cast("ApplicationError", error.cause)
        letter = DeadLetter.model_validate(cause.details[0])
        undone, not_undone = list(letter.undone), list(letter.not_undone)
        code = str(letter.failure.code)
        return Ended("failed", code, letter.step, undone=undone, not_undone=not_undone, queue=letter.queue)
    single = (result.output,) if result.is_single else ()
    undone, not_undone = list(result.undone), list(result.not_undone)
    return Ended(str(result.outcome), outputs=result.outputs, single=single, undone=undone, not_undone=not_undone)


def _compared(said: CaseResult, happened: Ended) -> list[tuple[str, Any, Any]]:
    """Name and both values of what differs."""
    pairs: list[tuple[str, Any, Any]] = [
        ("status", said.status, happened.status),
        ("failure", said.failure, happened.failure),
        ("failed step", said.failed_step if said.status == "failed" else "", happened.failed_step),
        ("states", {step: said.states.get(step) for step in happened.states}, happened.states),
        ("attempts", {step: said.attempts.get(step) for step in happened.attempts}, happened.attempts),
        ("calls", sorted(map(_item_of, said.calls)), sorted(happened.calls)),
        ("told", said.told, happened.told),
        ("refused", len(said.refused), happened.refused),
        ("outputs", _settled(said.outputs), _settled(happened.outputs)),
        ("output", _settled([*said.single]), _settled([*happened.single])),
    ]
    if happened.undone is not None:
        pairs += [("undone", said.undone, happened.undone), ("not undone", said.not_undone, happened.not_undone)]
    if happened.queue is not None:
        pairs.append(("queue", said.queue, happened.queue))
    return [pair for pair in pairs if pair[1] != pair[2]]


def _item_of(call: str) -> str:
    """The call of a step, whichever item, visit and copy it is of."""
    return re.sub(rf"^(?:{EACH}[a-z-]*(?:~\d+)?/\d+/)+|/\d+|~\d+|\[\d+\]", "", call)


def _settled(value: Any) -> Any:
    """Values that are each run's own, made the same."""
    fields, items = as_object(value), as_list(value)
    if fields is not None:
        return {name: "…" if name in OWN and inner is not None else _settled(inner) for name, inner in fields.items()}
    return value if items is None else [_settled(inner) for inner in items]
