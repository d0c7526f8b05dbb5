"""What the parts of one run in memory share: its clock, its answers, what it sent, and the events that came to it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from towpath.contracts.core.review import DecidedReview
from towpath.contracts.core.run import Cancellation
from towpath.contracts.declared.run import CloudEvent
from towpath.engine.expression.values import Value
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.language.steps import CancelOn, Choice, ForEach, Step, WaitConfig
from towpath.engine.run.awaited import awaited, awaited_events, awaited_names
from towpath.engine.run.doubts import Doubts
from towpath.engine.run.evaluation import Evaluation
from towpath.engine.trial.result import CaseResult
from towpath.engine.trial.script import Script
from towpath.engine.trial.spending import Spending, TrialCache
from towpath.engine.trial.virtual import VirtualTime

if TYPE_CHECKING:
    from towpath.engine.trial.groups import TrialItems
    from towpath.engine.trial.waits import TrialTask

Awaits = CancelOn | Choice | ForEach | WaitConfig
Names = dict[str, Value]


class Arrivals:
    """Events that came to the run. One that nobody waits for yet is kept; one that a step took is gone."""

    def __init__(self) -> None:
        self.kept: list[CloudEvent] = []
        self.waiting: list[tuple[Callable[[CloudEvent], bool], list[CloudEvent]]] = []

    def put(self, event: CloudEvent) -> None:
        for entry in self.waiting:
            matches, taken = entry
            if not taken and matches(event):
                taken.append(event)
                self.waiting.remove(entry)
                return
        self.kept.append(event)


class TrialRun:
    """One run of a definition in memory. The performers of steps get it, and nothing else."""

    def __init__(
        self, plan: Plan, evaluation: Evaluation, time: VirtualTime, script: Script, beside: "list[TrialRun]", name: str
    ) -> None:
        """`beside` are all open runs of a test, `name` is `group/index/` of an item; empty for the run itself."""
        self.plan = plan
        self.time = time
        self.script = script
        self.kept = TrialCache(time)
        self.spending = Spending(plan.definition.header.budget)
        self.doubts = Doubts()
        self.inbox = Arrivals()
        self.result = CaseResult()
        self.tasks: dict[str, TrialTask] = {}
        """Human tasks that were opened, by their places."""
        self.teams: Mapping[str, Collection[str]] = {}
        """Who belongs to which; of a team that is not here, anybody does."""
        self.cancelled: dict[str, Cancellation] = {}
        self._evaluation = evaluation
        self._sent: set[str] = set()
        self.name = name
        self.beside = beside
        self.items: TrialItems | None = None

    @property
    def evaluation(self) -> Evaluation:
        self._evaluation.now = self.time.now
        return self._evaluation

    def send(self, name: str, *, again: bool = False) -> None:
        """A call that is made once more under its key is the same one; one that asks anew is another."""
        if again or name not in self._sent:
            self._sent.add(name)
            self.result.calls.append(f"{self.name}{name}")

    def notify(self, name: str, team: str) -> None:
        """A notice that is sent once more under its key is the same one."""
        if name not in self._sent:
            self._sent.add(name)
            self.tell(team, "notice")

    def tell(self, team: str, event: str) -> None:
        self.result.told.append(f"{team}: {event}")

    def is_over(self, place: str) -> bool:
        """Whether a human task, by its place, is decided."""
        return place in self.tasks and self.tasks[place].is_decided()

    def shut(self, place: str) -> Sequence[DecidedReview]:
        """Nobody decides a human task from now on; what was submitted by then."""
        task = self.tasks.get(place)
        if task is None:
            return ()
        task.closed = True
        return task.submissions

    def deliver(self, event: CloudEvent) -> list[str]:
        """Give an event to the runs of the test that may wait for it, as whoever emits one finds them. Their ids."""
        found = [run for run in self.beside if run.may_wait_for(event)]
        for run in found:
            run.inbox.put(event)
        return [f"{run.evaluation.facts.id}/{run.name}".rstrip("/") for run in found]

    def may_wait_for(self, event: CloudEvent) -> bool:
        names = awaited_names(event.type, event.subject)
        return not set(names).isdisjoint(awaited_events(self.plan, self.evaluation))

    async def event(self, kind: str, awaits: Awaits, names: Names) -> CloudEvent:
        """The first that matches, of those kept and those to come. Raises StepError."""
        wanted = awaited(self.evaluation, kind, awaits.correlate, awaits.filter, **names)

        def matches(event: CloudEvent) -> bool:
            return wanted.takes(event, self.evaluation)

        for event in self.inbox.kept:
            if matches(event):
                self.inbox.kept.remove(event)
                return event
        taken: list[CloudEvent] = []
        entry = (matches, taken)
        self.inbox.waiting.append(entry)
        try:
            await self.time.until(lambda: bool(taken))
        finally:
            if entry in self.inbox.waiting:
                self.inbox.waiting.remove(entry)
        return taken[0]


@dataclass(frozen=True, slots=True)
class TrialJob:
    """One thing to do: a step, or one item of it, with its config as rendered."""

    run: TrialRun
    node: PlanNode
    config: dict[str, Value]
    index: int | None = None
    names: Names = field(default_factory=dict[str, Value])
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
        return self.at if self.index is None else f"{self.at}/{self.index}"

    def sending(self, call: str = "") -> AbstractContextManager[None]:
        """Around its call, or one of several, that has an effect."""
        return self.run.doubts.sending(self.at, call or self.name)

    @property
    def in_doubt(self) -> bool:
        """Whether it has had its effect, or may have."""
        return self.run.doubts.is_open(self.at, self.name)
