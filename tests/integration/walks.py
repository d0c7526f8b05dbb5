"""One walk through each process and three definitions: begun without a worker, accompanied to its end by people and
systems that try again while nobody answers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from uuid import uuid4

from temporalio.client import RPCTimeoutOrCancelledError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from tests.integration import incidents, pipelines
from tests.integration.campaigns import new_campaign, published_once
from tests.integration.conftest import House, new_customer
from tests.integration.definitions import order, shipped, start, step
from tests.waiting import WAIT_SECONDS
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import CloudEvent, DeclaredOutcome
from towpath.contracts.incident.alerts import AlertmanagerWebhook
from towpath.contracts.incident.incident import IncidentOutcome, IncidentResult
from towpath.contracts.incident.remediation import ActionState
from towpath.contracts.onboarding.customer import OnboardingOutcome, OnboardingResult
from towpath.contracts.pipeline.pipeline import PipelineOutcome
from towpath.contracts.publishing.posting import JobChange
from towpath.control import campaigns as desk
from towpath.control import reviews
from towpath.control.intake import AlertIntake
from towpath.control.pipelines import request_of, start_run
from towpath.local.monitoring import webhook_body

ValueT = TypeVar("ValueT")
AnyHandle: TypeAlias = WorkflowHandle[Any, Any]
DECIDED_TOO_EARLY = Decision(verdict=Verdict.APPROVE, reviewer="nobody", reason="too early")


@dataclass(frozen=True)
class Walk:
    """A run, and what people do until it ends; `accompany` ends with it, having looked at its result."""

    handle: AnyHandle
    accompany: Callable[[], Awaitable[None]]


async def patiently(read: Callable[[], Awaitable[ValueT]], holds: Callable[[ValueT], bool]) -> ValueT:
    """The first value that holds, whoever answers; while no worker does, it is asked again."""
    async with asyncio.timeout(2 * WAIT_SECONDS):
        while True:
            try:
                value = await asyncio.wait_for(read(), WAIT_SECONDS)
            except (RPCError, RPCTimeoutOrCancelledError):
                await asyncio.sleep(0.1)
                continue
            if holds(value):
                return value
            await asyncio.sleep(0.05)


def always(_: object) -> bool:
    return True


async def approve(house: House, handle: AnyHandle, reviewer: str) -> None:
    """Approve the run's one task; once more where it is not open yet: a query may show what was not written down."""

    async def decide() -> bool:
        task = await reviews.find_review(house.client, handle.id)
        if task is None:
            return False
        decision = Decision(verdict=Verdict.APPROVE, reviewer=reviewer, reason="seen", task=task.task)
        try:
            await reviews.decide(house.client, handle.id, decision)
        except WorkflowUpdateFailedError as error:
            code = error.cause.type if isinstance(error.cause, ApplicationError) else None
            if code not in {FailureCode.REVIEW_NOT_OPEN, FailureCode.REVIEW_ALREADY_DECIDED}:
                raise
            return code == FailureCode.REVIEW_ALREADY_DECIDED
        return True

    await patiently(decide, bool)


async def begin_onboarding(house: House, _: Path) -> Walk:
    """With a review."""
    customer = new_customer(country="XX")
    handle = (await house.start(customer)).handle

    async def accompany() -> None:
        await approve(house, handle, "dana")
        result: OnboardingResult = await handle.result()
        assert result.outcome is OnboardingOutcome.ONBOARDED
        assert (await house.effects())["statuses"][handle.id.partition("/")[2]] == "onboarded"

    return Walk(handle, accompany)


async def begin_publishing(house: House, _: Path) -> Walk:
    """A thread on X and a post in the blog, approved and published at once."""
    request = new_campaign("x", "blog")
    handle = (await desk.start_campaign(house.client, request)).handle

    async def accompany() -> None:
        await approve(house, handle, "mira")
        await patiently(lambda: desk.view(house.client, handle.id), lambda view: len(view.jobs) == 2)
        change = JobChange(job="*", by="mira", reason="test")
        await patiently(lambda: desk.change_jobs(house.client, handle.id, "publish_now", change), always)
        await published_once(house, request, await handle.result())

    return Walk(handle, accompany)


async def begin_incident(house: House, _: Path) -> Walk:
    """A bad deployment, told by two deliveries, rolled back with an approval."""
    group = uuid4().hex
    await incidents.break_shop(house, "checkout", "bad-deployment")

    async def tell(*, resolved: bool = False) -> incidents.Handle:
        body = webhook_body("checkout", incidents.BEGAN, resolved=resolved) | {"groupKey": group}
        taken = await AlertIntake(house.client).take(AlertmanagerWebhook.model_validate(body))
        return incidents.incident(house, taken.workflow_id)

    handle = await tell()
    await tell()

    async def accompany() -> None:
        await approve(house, handle, "sora")
        await patiently(
            lambda: incidents.view(handle),
            lambda view: bool(view.actions) and view.actions[0].ended_at is not None,
        )
        await tell(resolved=True)
        result: IncidentResult = await handle.result()
        assert result.outcome is IncidentOutcome.RESOLVED, result
        assert [action.state for action in result.actions] == [ActionState.VERIFIED], result

    return Walk(handle, accompany)


async def begin_pipeline(house: House, folder: Path) -> Walk:
    """Two files into a DuckDB file."""
    name = uuid4().hex[:8]
    truth = pipelines.write_items(folder / name, 2, 200)
    config = pipelines.items_pipeline(folder / name, id=f"items-{name}")
    handle = (await start_run(house.client, request_of(config))).handle

    async def accompany() -> None:
        result = await handle.result()
        assert result.outcome is PipelineOutcome.LOADED
        assert pipelines.read_duckdb(folder / name) == truth

    return Walk(handle, accompany)


async def _definition(
    house: House, name: str, inputs: JsonObject, people: Callable[[AnyHandle], Awaitable[None]], key: str | None = None
) -> Walk:
    handle = await start(house, shipped(name), inputs, key=key)

    async def accompany() -> None:
        await people(handle)
        assert (await handle.result()).outcome is DeclaredOutcome.COMPLETED

    return Walk(handle, accompany)


async def begin_customer(house: House, _: Path) -> Walk:
    email = f"kim-{uuid4().hex[:8]}@hanbit.example"
    customer: JsonObject = {"email": email, "company": "Hanbit", "plan": "enterprise", "country": "XX"}
    return await _definition(
        house, "customer-onboarding", {"customer": customer}, lambda handle: approve(house, handle, "dana")
    )


async def begin_order(house: House, _: Path) -> Walk:
    inputs = order()

    async def pack(handle: AnyHandle) -> None:
        await patiently(lambda: step(handle, "what-next"), lambda found: found.state == "running")
        await handle.signal("event", CloudEvent(id=uuid4().hex, type="order.packed", subject=str(inputs["reference"])))

    return await _definition(house, "order-saga", inputs, pack, key=str(inputs["reference"]))


async def begin_review(house: House, _: Path) -> Walk:
    inputs: JsonObject = {"slug": f"post-{uuid4().hex[:6]}", "topic": "The spring release"}
    return await _definition(house, "content-review", inputs, lambda handle: approve(house, handle, "dana"))


Begin: TypeAlias = Callable[[House, Path], Awaitable[Walk]]
DEFINITIONS: Mapping[str, Begin] = {
    "customer-onboarding": begin_customer,
    "order-saga": begin_order,
    "content-review": begin_review,
}
WALKS: Mapping[str, Begin] = {
    "onboarding": begin_onboarding,
    "publishing": begin_publishing,
    "incident": begin_incident,
    "pipeline": begin_pipeline,
    **DEFINITIONS,
}


async def refused_early(handle: AnyHandle) -> None:
    """An update that waits for a run's first task: refused whenever somebody answers, as long as the run is open."""

    async def sent() -> str:
        try:
            await handle.execute_update("decide", DECIDED_TOO_EARLY)
        except WorkflowUpdateFailedError as error:
            return str(error.cause)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return "the run has ended"
        return ""

    assert await patiently(sent, always)


async def disturb(handle: AnyHandle) -> None:
    """Before a run's first task: two signals, which it then finds in one task, and nothing that decides anything."""
    for number in range(2):
        await handle.signal("event", CloudEvent(id=f"e{number}", type="test.of-no-run"))
        await handle.signal("decide", DECIDED_TOO_EARLY)
