"""The demo of onboarding: three customers, each a different way, and what a person does about it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from temporalio.client import WorkflowFailureError, WorkflowHandle

from towpath.contracts.core.delivery import Language
from towpath.contracts.core.run import Cost
from towpath.contracts.onboarding.customer import Customer, CustomerPlan, OnboardingRequest, OnboardingResult
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.control import deadletters
from towpath.control.deadletters import Letter, NotInQueueError
from towpath.control.temporal import start
from towpath.local.demo.scene import LOOK_SECONDS, Scene, Stage, Story, Told, together, until
from towpath.views.wording import count

REVIEWER = "dana"
Handle = WorkflowHandle[Any, OnboardingResult]


@dataclass(slots=True, kw_only=True)
class OnboardingStory(Story[OnboardingResult]):
    """One customer."""

    customer: Customer
    failed: Letter | None = None
    """The run before, when it failed and was redriven."""


async def show(scene: Scene) -> Told:
    """Three stories side by side, and a report of them."""
    stories = await Onboardings(scene).run()
    return Told(
        details=[_table(stories)],
        brief=["", *(_line(story, story.result) for story in stories if story.result is not None)],
        report=report(stories, scene, await scene.effects()),
        runs=[
            story.for_machines(ONBOARDING.name, failed_run_id=story.failed.run_id if story.failed else None)
            for story in stories
        ],
        well=all(story.result is not None for story in stories),
    )


class Onboardings:
    """The stories. Every step of one goes through the doors that people and services use."""

    def __init__(self, scene: Scene) -> None:
        self._client = scene.client
        self._stories = [
            OnboardingStory(title="1 low risk", customer=low_risk(scene.stamp)),
            OnboardingStory(title="2 high risk", customer=high_risk(scene.stamp)),
            OnboardingStory(title="3 billing refused", customer=unlucky(scene.stamp)),
        ]
        self._stage = Stage(scene, self._stories)

    async def run(self) -> Sequence[OnboardingStory]:
        """Raises TimeoutError when a story does not come to its end."""
        low, high, refused = self._stories
        scripts = (self._straight_through(low), self._decided_by_a_person(high), self._failed_and_redriven(refused))
        await self._stage.play(together(*scripts))
        return self._stories

    async def _straight_through(self, story: OnboardingStory) -> None:
        story.result = await (await self._start(story)).result()

    async def _decided_by_a_person(self, story: OnboardingStory) -> None:
        handle = await self._start(story)
        task = await self._stage.task_of(story, handle)
        await self._stage.approve(story, task, REVIEWER, "known to us, papers seen")
        story.result = await handle.result()

    async def _failed_and_redriven(self, story: OnboardingStory) -> None:
        wrong = {"service": "billing", "operation": "setUpSubscription", "reference": story.customer.customer_id}
        fault = await self._stage.order_fault(**wrong, status=402, code="card_declined")
        handle = await self._start(story)
        try:
            await handle.result()
        except WorkflowFailureError:
            letter = story.failed = await until(lambda: self._letter(handle.id))
            await self._stage.look()
        else:
            raise RuntimeError("billing was not refused")
        self._stage.say(story, f"in queue {letter.letter.queue}: {letter.letter.failure.message}")
        self._stage.say(story, f"undone: {', '.join(letter.letter.undone)}; ops-team is told")
        await asyncio.sleep(LOOK_SECONDS)
        await self._stage.lift_fault(fault)
        self._stage.say(story, "the card works again: redriven")
        started = await deadletters.redrive(self._client, letter)
        story.handle = started.handle
        story.result = await started.handle.result()

    async def _letter(self, workflow_id: str) -> Letter | None:
        try:
            return await deadletters.find_letter(self._client, workflow_id)
        except NotInQueueError:
            return None

    async def _start(self, story: OnboardingStory) -> Handle:
        request = OnboardingRequest(customer=story.customer)
        workflow_id = ONBOARDING.workflow_id(request, b"")
        started = await start(self._client, ONBOARDING, request, workflow_id=workflow_id)
        story.handle = started.handle
        return started.handle


def _table(stories: Sequence[OnboardingStory]) -> Table:
    table = Table(
        "run", "outcome", "what was done", "Claude", box=None, title="What the runs did", title_justify="left"
    )
    for story in stories:
        if story.result is not None:
            table.add_row(story.title, story.result.outcome, _done(story.result), _cost(story))
    return table


def _line(story: OnboardingStory, result: OnboardingResult) -> str:
    return f"{story.title}: {result.outcome}; {_done(result)}; {_cost(story)}"


def report(stories: Sequence[OnboardingStory], scene: Scene, effects: Mapping[str, Any]) -> list[Any]:
    """Where to look at the runs, and what the receivers saw."""
    lines: list[Any] = ["The runs in Temporal's UI, while the stack is up:"]
    for story in stories:
        if story.failed is not None:
            page = scene.page(f"{ONBOARDING.name}/{story.customer.customer_id}", story.failed.run_id)
            lines.append(f"  {story.title}, the run that failed: {page}")
        lines.append(f"  {story.title}: {story.page(scene)}")
    accounts = effects["accounts"]
    mine = sum(story.customer.customer_id in accounts for story in stories)
    seen = f"{effects['requests']} requests, {len(accounts)} accounts for {mine} customers"
    return [*lines, f"Seen by the receivers: {seen}, {count(len(effects['applied_twice']), 'effect')} applied twice."]


def _cost(story: OnboardingStory) -> str:
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
        plan=CustomerPlan.BUSINESS,
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
        plan=CustomerPlan.ENTERPRISE,
        country="NG",
        employees=4,
    )


def unlucky(stamp: str) -> Customer:
    return Customer(
        customer_id=f"demo-{stamp}-3",
        email="sam@northwind-bakery.example",
        company="Northwind Bakery",
        plan=CustomerPlan.STARTER,
        contact_name="Sam",
        country="GB",
        employees=12,
    )
