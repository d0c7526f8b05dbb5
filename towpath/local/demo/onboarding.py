"""The demo of onboarding: three customers, each a different way, and what a person does about it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from temporalio.client import WorkflowFailureError, WorkflowHandle

from towpath.contracts.core.delivery import Language
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.core.run import Cost, RunRecord
from towpath.contracts.onboarding.customer import Customer, OnboardingRequest, OnboardingResult, Plan
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.control import deadletters, reviews
from towpath.control.deadletters import Letter, NotInQueueError, summary
from towpath.control.temporal import start
from towpath.local.demo.scene import LOOK_SECONDS, POLL_SECONDS, Scene, Told, until
from towpath.views.live import RunView, Watched

STORY_SECONDS = 300
REVIEWER = "dana"
Handle = WorkflowHandle[Any, OnboardingResult]


@dataclass(slots=True)
class Story:
    """One customer, the run that belongs to it, and the panel that shows it."""

    customer: Customer
    watched: Watched
    handle: Handle | None = None
    result: OnboardingResult | None = None
    failed: Letter | None = None
    """The run before, when it failed and was redriven."""


async def show(scene: Scene) -> Told:
    """Three stories side by side, and a report of them."""
    stories = await Onboardings(scene).run()
    effects = (await scene.http.get("/_standins/effects")).json()
    return Told(
        report=report(stories, scene, effects),
        runs=[summarise(story) for story in stories],
        well=all(story.result is not None for story in stories),
    )


class Onboardings:
    """The stories. Every step of one goes through the doors that people and services use."""

    def __init__(self, scene: Scene) -> None:
        self._client = scene.client
        self._http = scene.http
        self._console = scene.console
        self._stories = [
            Story(customer, Watched(title))
            for title, customer in (
                ("1 low risk", low_risk(scene.stamp)),
                ("2 high risk", high_risk(scene.stamp)),
                ("3 billing refused", unlucky(scene.stamp)),
            )
        ]

    async def run(self) -> Sequence[Story]:
        """Raises TimeoutError when a story does not come to its end."""
        low, high, unlucky_one = self._stories
        with RunView(self._console, [story.watched for story in self._stories]) as view:
            async with asyncio.timeout(STORY_SECONDS):
                watching = asyncio.create_task(self._watch(view))
                try:
                    await asyncio.gather(
                        self._straight_through(low),
                        self._decided_by_a_person(high, view),
                        self._failed_and_redriven(unlucky_one, view),
                    )
                finally:
                    watching.cancel()
            await self._read_all()
        return self._stories

    async def _straight_through(self, story: Story) -> None:
        handle = await self._start(story)
        story.result = await handle.result()

    async def _decided_by_a_person(self, story: Story, view: RunView) -> None:
        handle = await self._start(story)
        task = await until(lambda: reviews.find_review(self._client, handle.id))
        await self._read_all()
        view.refresh()
        view.remark(story.watched, f"task for {task.team}: {task.title}")
        for reason in task.reasons:
            view.remark(story.watched, f"  {reason}")
        await asyncio.sleep(LOOK_SECONDS)
        decision = Decision(verdict=Verdict.APPROVE, reviewer=REVIEWER, reason="known to us, papers seen")
        await reviews.decide(self._client, handle.id, decision)
        view.remark(story.watched, f"{REVIEWER} approved it: {decision.reason}")
        story.result = await handle.result()

    async def _failed_and_redriven(self, story: Story, view: RunView) -> None:
        reference = story.customer.customer_id
        fault = {"service": "billing", "operation": "setUpSubscription", "reference": reference}
        order = await self._http.post("/_standins/faults", json=fault | {"status": 402, "code": "card_declined"})
        handle = await self._start(story)
        try:
            await handle.result()
        except WorkflowFailureError:
            letter = story.failed = await until(lambda: self._letter(handle.id))
            await self._read_all()
            view.refresh()
        else:
            raise RuntimeError("billing was not refused")
        view.remark(story.watched, f"in queue {letter.letter.queue}: {letter.letter.failure.message}")
        view.remark(story.watched, f"undone: {', '.join(letter.letter.undone)}; ops-team is told")
        await asyncio.sleep(LOOK_SECONDS)
        await self._http.delete("/_standins/faults", params={"id": order.json()["id"]})
        view.remark(story.watched, "the card works again: redriven")
        started = await deadletters.redrive(self._client, letter)
        story.handle = started.handle
        story.result = await started.handle.result()

    async def _letter(self, workflow_id: str) -> Letter | None:
        try:
            return await deadletters.find_letter(self._client, workflow_id)
        except NotInQueueError:
            return None

    async def _start(self, story: Story) -> Handle:
        request = OnboardingRequest(customer=story.customer)
        workflow_id = ONBOARDING.workflow_id(request, b"")
        started = await start(self._client, ONBOARDING, request, workflow_id=workflow_id, summary=summary(request))
        story.handle = started.handle
        return started.handle

    async def _watch(self, view: RunView) -> None:
        while True:
            await self._read_all()
            view.refresh()
            await asyncio.sleep(POLL_SECONDS)

    async def _read_all(self) -> None:
        for story in self._stories:
            if story.handle is not None:
                story.watched.record = await story.handle.query("status", result_type=RunRecord)


def report(stories: Sequence[Story], scene: Scene, effects: dict[str, Any]) -> list[Any]:
    """What the runs did and cost, and where to look at them; things for rich to print."""
    table = Table(
        "run", "outcome", "what was done", "Claude", box=None, title="What the runs did", title_justify="left"
    )
    for story in stories:
        if story.result is not None:
            table.add_row(story.watched.title, story.result.outcome, _done(story.result), _cost(story))
    lines: list[Any] = [table, "", "The runs in the Temporal UI (open while the stack is up: `make up`):"]
    for story in stories:
        runs = [(story.failed.run_id, " (failed)")] if story.failed else []
        runs += [(story.handle.result_run_id or "", "")] if story.handle else []
        for run_id, remark in runs:
            page = scene.page(f"{ONBOARDING.name}/{story.customer.customer_id}", run_id)
            lines.append(f"  {story.watched.title}{remark}: {page}")
    accounts = effects["accounts"]
    mine = sum(story.customer.customer_id in accounts for story in stories)
    lines += [
        "",
        f"Seen by the receivers: {effects['requests']} requests, {len(effects['applied_twice'])} effects "
        f"applied twice, {len(accounts)} accounts for {mine} customers.",
    ]
    return lines


def summarise(story: Story) -> dict[str, Any]:
    """One story for machines."""
    return {
        "process": ONBOARDING.name,
        "story": story.watched.title,
        "workflow_id": story.handle.id if story.handle else None,
        "run_id": story.handle.result_run_id if story.handle else None,
        "failed_run_id": story.failed.run_id if story.failed else None,
        "result": story.result,
    }


def _cost(story: Story) -> str:
    now = (Cost() if story.result is None else story.result.cost).in_words
    return now if story.failed is None else f"{story.failed.letter.cost.in_words}; redriven: {now}"


def _done(result: OnboardingResult) -> str:
    parts = [result.account.account_id] if result.account else []
    parts += [result.subscription.subscription_id] if result.subscription else []
    parts += [f"{delivery.channel} {delivery.state}" for delivery in result.deliveries]
    decided = result.decision.review.reviewer if result.decision and result.decision.review else "automatic"
    return f"approved: {decided}; {', '.join(parts)}"


def low_risk(stamp: str) -> Customer:
    return Customer(
        customer_id=f"demo-{stamp}-1",
        email="jiwoo@hanbit-logistics.example",
        company="한빛물류",
        plan=Plan.BUSINESS,
        contact_name="김지우",
        website="https://hanbit-logistics.example",
        country="KR",
        employees=120,
        language=Language.KO,
    )


def high_risk(stamp: str) -> Customer:
    return Customer(
        customer_id=f"demo-{stamp}-2",
        email="deals20261@mailinator.com",
        company="Fastlane Capital",
        plan=Plan.ENTERPRISE,
        country="NG",
        employees=4,
    )


def unlucky(stamp: str) -> Customer:
    return Customer(
        customer_id=f"demo-{stamp}-3",
        email="sam@northwind-bakery.example",
        company="Northwind Bakery",
        plan=Plan.STARTER,
        contact_name="Sam",
        country="GB",
        employees=12,
    )
