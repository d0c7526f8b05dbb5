"""Human tasks that are offered while their condition holds, and those that the run does not wait for.

What an approval guards is not reached because nobody could be asked: a task that closes undecided ends as one whose
deadline passed, and fails where it was never offered. Only an optional one is skipped. A repeatable one is completed
with what was submitted, whatever ends it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.review import DecidedReview
from towpath.contracts.core.run import Cancellation
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.language.steps import HumanTaskConfig
from towpath.engine.run.actions import Failed, Outcome
from towpath.engine.run.deciding import collected, verdict
from towpath.engine.run.evaluation import Evaluation

OVER = Cancellation(by="the run", reason="it is offered no longer: its enabled_while is false")
LAPSED = Cancellation(by="the run", reason="nobody decided in time")
LAST = Cancellation(by="the run", reason="nothing else is left to do")


class OpenTasks(Protocol):
    """What is known of the human tasks of a run where people decide them, by the places of their steps."""

    def is_over(self, place: str) -> bool:
        """Whether it is decided or past its deadline: its step ends a moment later, when its team has been told."""
        ...

    def shut(self, place: str) -> Sequence[DecidedReview]:
        """From now on nobody decides it; what was submitted by then."""
        ...


class Milestones:
    """The tasks of a plan that have a condition or are optional, and which of them wait for their condition."""

    def __init__(self, plan: Plan, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self.tasks: dict[int, HumanTaskConfig] = {
            node.index: node.config
            for node in plan.nodes
            if isinstance(node.config, HumanTaskConfig)
            and node.step is not None
            and node.step.for_each is None
            and (node.config.enabled_while is not None or node.config.optional)
        }
        self.waiting: dict[int, None] = {}
        self.people: OpenTasks | None = None

    def is_over(self, place: str) -> bool:
        return self.people is not None and self.people.is_over(place)

    def shut(self, place: str) -> Sequence[DecidedReview]:
        return () if self.people is None else self.people.shut(place)

    def waits(self, node: PlanNode) -> bool:
        """Whether a step that could begin must wait for its condition. Raises StepError."""
        if self.holds(node.index):
            return False
        self.waiting[node.index] = None
        return True

    def holds(self, index: int) -> bool:
        """Whether a task may be offered now. Raises StepError."""
        given = self.tasks.get(index)
        condition = None if given is None else given.enabled_while
        return condition is None or self._evaluation.is_true(condition, "config.enabled_while")

    def unmet(self, index: int) -> Outcome | None:
        """The end of a task that was never offered; None when its step is skipped."""
        if self.tasks[index].repeatable:
            return replace(collected((), "it was never offered"), attempts=0)
        if self.tasks[index].optional:
            return None
        message = "it was never offered: its enabled_while did not become true"
        return Failed(Failure(code=FailureCode.REVIEW_EXPIRED, message=message))

    def lapsed(self, index: int, why: Cancellation, submitted: Sequence[DecidedReview]) -> Outcome | None:
        """The end of a task that is closed undecided; None when its step is skipped."""
        given = self.tasks[index]
        if given.repeatable:
            return collected(submitted, why.reason)
        return None if given.optional else verdict(None, (), self._evaluation.now, given, lapse=why.reason)

    def ended(self, index: int, outcome: Outcome) -> Outcome | None:
        """The end of a task as its step takes it: nobody needs to decide an optional one; None when it is skipped."""
        if index not in self.tasks or not self.tasks[index].optional:
            return outcome
        undecided = isinstance(outcome, Failed) and outcome.failure.code is FailureCode.REVIEW_EXPIRED
        return None if undecided else outcome
