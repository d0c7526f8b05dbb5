"""Steps that are done again for errors which an entry of their `catch` retries, before it handles them."""

from dataclasses import replace
from datetime import timedelta

from towpath.engine.language.plan import PlanNode
from towpath.engine.run.actions import Completed, Failed, Outcome
from towpath.engine.run.evaluation import Evaluation, StepError
from towpath.engine.run.raising import caught_by
from towpath.engine.run.trying import CALL, told_trying


class DoneAgain:
    """One step under way. Each entry counts the errors that it wants."""

    def __init__(self, node: PlanNode) -> None:
        self._node = node
        self._failed: dict[int, int] = {}
        self._attempts = 0

    def wait_after(self, outcome: Outcome, evaluation: Evaluation) -> timedelta | None:
        """How long it waits until it is done again; None when that is its end."""
        if not isinstance(outcome, Failed):
            return None
        index = caught_by(self._node.catches, outcome.failure)
        retry = None if index is None else self._node.catches[index].retry
        if index is None or retry is None:
            return None
        count = self._failed[index] = self._failed.get(index, 0) + 1
        try:
            trying = told_trying(CALL, retry, evaluation)
        except StepError:
            return None
        if count >= trying.attempts or outcome.failure.code in trying.final:
            return None
        self._attempts += outcome.failure.attempts
        return trying.wait_after(outcome.failure, count)

    def counted(self, outcome: Outcome) -> Outcome:
        """With the attempts of all times that it was done."""
        if isinstance(outcome, Completed) and outcome.attempts:
            return replace(outcome, attempts=self._attempts + outcome.attempts)
        if isinstance(outcome, Failed) and self._attempts:
            attempts = self._attempts + outcome.failure.attempts
            return replace(outcome, failure=outcome.failure.model_copy(update={"attempts": attempts}))
        return outcome
