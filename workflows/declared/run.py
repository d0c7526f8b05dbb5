"""What the parts of one run of a definition share: its request, its scheduler, its record, its inbox of events."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import cast

from pydantic import JsonValue
from temporalio import workflow
from temporalio.common import RetryPolicy

from towpath.contracts.core.claude import Budget
from towpath.contracts.core.quota import group_of
from towpath.contracts.core.run import Cancellation
from towpath.contracts.core.wire import EffectKey, JsonObject, effect_key
from towpath.contracts.declared.run import CloudEvent, DeclaredRequest
from towpath.contracts.declared.within import Left, Sending
from towpath.engine.expression.values import Value, as_json
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.language.steps import Retry, Step
from towpath.engine.run.awaited import AwaitedEvent, awaited
from towpath.engine.run.doubts import Doubts
from towpath.engine.run.evaluation import Evaluation
from towpath.engine.run.trying import CALL, own_retry, told_trying
from workflows.declared.effects import EffectPlace, Effects
from workflows.kit.children import asked_for
from workflows.kit.options import Terms, Work
from workflows.kit.steps import Steps

KEPT_EVENTS = 500


@dataclass(slots=True)
class Item:
    """One item of a for_each, as expressions know it."""

    index: int
    names: dict[str, Value]


class Inbox:
    """Events that came to a run. One that nobody waits for yet is kept; one that a step took is gone."""

    def __init__(self) -> None:
        self._seen: dict[str, set[str]] = {}
        self._kept: list[CloudEvent] = []
        self._waiting: list[tuple[AwaitedEvent, asyncio.Future[CloudEvent], Callable[[CloudEvent], bool]]] = []
        self._watches: list[tuple[Callable[[CloudEvent], bool], Callable[[CloudEvent], None]]] = []

    def put(self, event: CloudEvent) -> None:
        """The same event delivered twice counts once; what names it is its id and its source."""
        sources = self._seen.setdefault(event.id, set())
        if event.source in sources:
            return
        sources.add(event.source)
        while len(self._seen) > 2 * KEPT_EVENTS:
            del self._seen[next(iter(self._seen))]
        for entry in self._waiting:
            _, future, matches = entry
            if not future.done() and matches(event):
                future.set_result(event)
                self._waiting.remove(entry)
                return
        for matches, tell in self._watches:
            if matches(event):
                tell(event)
        self._kept = [*self._kept, event][-KEPT_EVENTS:]

    def watch(self, matches: Callable[[CloudEvent], bool], tell: Callable[[CloudEvent], None]) -> None:
        """Tell of each event that matches and that nobody waits for: of those kept, and of those to come."""
        for event in filter(matches, self._kept):
            tell(event)
        self._watches.append((matches, tell))

    async def take(self, wanted: AwaitedEvent, matches: Callable[[CloudEvent], bool]) -> CloudEvent:
        """The first event that matches, of those kept and those to come."""
        for event in self._kept:
            if matches(event):
                self._kept.remove(event)
                return event
        future: asyncio.Future[CloudEvent] = asyncio.get_running_loop().create_future()
        entry = (wanted, future, matches)
        self._waiting.append(entry)
        try:
            return await future
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    def dump(self) -> JsonObject:
        """For `take_over`, in a run that continues as new."""
        events: list[JsonValue] = [event.model_dump(mode="json") for event in self._kept]
        return {"events": events, "seen": {name: list[JsonValue](sorted(found)) for name, found in self._seen.items()}}

    def take_over(self, dumped: JsonObject) -> None:
        self._kept = [CloudEvent.model_validate(event) for event in cast("list[JsonValue]", dumped["events"])]
        seen = cast("dict[str, list[str]]", dumped.get("seen", {event.id: [event.source] for event in self._kept}))
        self._seen = {name: set(sources) for name, sources in seen.items()}


class DeclaredRun:
    """One run. The performers of steps get it, and nothing else."""

    def __init__(
        self,
        request: DeclaredRequest,
        plan: Plan,
        evaluation: Evaluation,
        steps: Steps,
        effects: Effects,
        owner: str | None = None,
        variants: Mapping[str, str] | None = None,
    ) -> None:
        """`owner` is the workflow id that keys are made of: another one in a run that does a part of a for_each.
        `variants` are the ends of keys of what was sent otherwise by an earlier run.
        """
        header = plan.definition.header
        self.request = request
        self.plan = plan
        self.steps = steps
        self.effects = effects
        self.owner = workflow.info().workflow_id if owner is None else owner
        self._evaluation = evaluation
        self._variants: Mapping[str, str] = {} if variants is None else variants
        self.inbox = Inbox()
        self.queued = ""
        self.doubts = Doubts()
        self.inside: dict[str, Sending] = {}
        """What failed runs of its steps sent, by their workflow ids: begun again, they send the same."""
        self.left: dict[str, Left] = {}
        """What items of its groups leave that may have to be undone, by their names, in the order of their ends."""
        self.approvers: dict[str, frozenset[str] | None] = {}
        """By place, of groups that ask people in their items: who may decide all of that; None when nobody was asked.
        A group is missing while that is not known.
        """
        self.cancelled: dict[str, Cancellation] = {}
        """Who ended a step that was under way, and why: also within its for_each. By place, as all that is sent."""
        self._secrets: dict[int, tuple[str, ...]] = {}
        self.budget = Budget.model_validate({"usd": str(header.budget.usd), "tokens": header.budget.tokens})

    @property
    def evaluation(self) -> Evaluation:
        self._evaluation.now = workflow.now()
        return self._evaluation

    def key(self, name: str) -> EffectKey:
        """The same over retries, crashes and redrives, while the same is sent."""
        variant = self._variants.get(name.partition("/")[0])
        return effect_key(self.owner, name if variant is None else f"{name}/{variant}")

    def variant(self, place: str) -> str:
        return self._variants.get(place, "")

    def asked(self, place: str, people: Iterable[str] | None) -> None:
        """People who may decide what an item of a group asked; None when it asked nobody."""
        if place in self.approvers and people is not None:
            before, found = self.approvers[place], frozenset(people)
            self.approvers[place] = found if before is None else before & found

    def why_cancelled(self, place: str) -> Cancellation:
        return self.cancelled.get(place) or asked_for()

    def title(self, step: str) -> str:
        return self.steps[step].title

    def secrets(self, node: PlanNode) -> tuple[str, ...]:
        """Names of the secrets that a step may have sent. Kept: each item of a for_each asks."""
        found = self._secrets.get(node.index)
        if found is None:
            found = self._secrets[node.index] = () if node.step is None else self._evaluation.may_send(node.step.config)
        return found

    def work(self, step: Step, base: Work) -> Work:
        """Options of a step's call: its own retry, else the definition's; its time-out bounds all attempts together."""
        retry = own_retry(step, self.plan.definition.header.error_handling)
        work = base if retry is None else replace(base, retry=self._policy(retry))
        if step.check is not None:
            # Its outcome may be unknown: the check is asked before any second attempt.
            work = replace(work, retry=replace(work.retry, maximum_attempts=1), once=True)
        if step.timeout is None:
            return work
        whole = self.evaluation.duration(step.timeout, "timeout")
        return replace(work, schedule_to_close=whole, start_to_close=min(work.start_to_close, whole), short=False)

    def terms(self, node: PlanNode, names: Mapping[str, Value], whole: timedelta | None = None) -> Terms:
        """How a call of the step stands at a place with limits. Raises StepError."""
        own = None if node.step is None else node.step.limits
        limits = own or self.plan.definition.header.limits
        group = "" if limits is None else group_of(as_json(self.evaluation.value(limits.key, "limits.key", **names)))
        return Terms(group, whole, partial(self.steps.wait_for_quota, node.id))

    def _policy(self, retry: Retry) -> RetryPolicy:
        trying = told_trying(CALL, retry, self.evaluation)
        return RetryPolicy(
            initial_interval=trying.initial,
            backoff_coefficient=trying.coefficient,
            maximum_interval=trying.longest,
            maximum_attempts=trying.attempts,
            non_retryable_error_types=sorted(trying.final) or None,
        )

    async def event(self, wanted: AwaitedEvent, within: timedelta | None, step: str) -> CloudEvent | None:
        """The event, or None when it did not come in time."""
        taking = asyncio.ensure_future(self.inbox.take(wanted, lambda event: wanted.takes(event, self.evaluation)))
        try:
            await workflow.wait_condition(taking.done, timeout=within, timeout_summary=f"{step}: {wanted.type}")
        except TimeoutError:
            return None
        finally:
            if not taking.done():
                taking.cancel()
        return taking.result()

    def wanted(self, event: str, correlate: str | None, condition: str | None, **names: Value) -> AwaitedEvent:
        """Raises StepError."""
        return awaited(self.evaluation, event, correlate, condition, **names)


@dataclass(frozen=True, slots=True)
class StepJob:
    """One thing to do: a step, or one item of it, with its config as rendered."""

    run: DeclaredRun
    node: PlanNode
    config: dict[str, Value]
    item: Item | None = None
    visit: str = ""
    """What the step is called in a later visit of its cycle."""

    @property
    def step(self) -> Step:
        if self.node.step is None:
            raise TypeError(self.node.id)
        return self.node.step

    @property
    def at(self) -> str:
        """What the step is called in this visit of its cycle."""
        return self.visit or self.node.id

    @property
    def name(self) -> str:
        """Its name in history: `step`, or `step/index`."""
        return self.at if self.item is None else f"{self.at}/{self.item.index}"

    @property
    def key(self) -> EffectKey:
        return self.run.key(self.name)

    @property
    def title(self) -> str:
        return self.run.title(self.node.id)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Those that the step's own config names: data gets none."""
        return self.run.secrets(self.node)

    @property
    def names(self) -> dict[str, Value]:
        """What the item adds to the roots of expressions."""
        return {} if self.item is None else self.item.names

    def sending(self, call: str = "") -> AbstractContextManager[None]:
        """Around its call, or one of several, that has an effect."""
        return self.run.doubts.sending(self.at, call or self.name)

    @property
    def in_doubt(self) -> bool:
        """Whether it has had its effect, or may have."""
        return self.run.doubts.is_open(self.at, self.name)

    def place(self, base: Work) -> EffectPlace:
        """Of its one effect, by the class of work and the step's own options."""
        return EffectPlace(self.name, self.title, self.work(base))

    def work(self, base: Work) -> Work:
        """Options of its calls. Raises StepError."""
        work = self.run.work(self.step, base)
        whole = None if self.step.timeout is None else work.schedule_to_close
        return replace(work, terms=self.run.terms(self.node, self.names, whole))


def moment_left(until: datetime) -> timedelta:
    """How long it is until a moment, at least nothing."""
    return max(until - workflow.now(), timedelta())
