"""What a run in memory has spent of its budget, and what it finds in the cache of its steps."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from towpath.contracts.core.failure import CallFailedError, Failure, FailureCode
from towpath.engine.expression.values import Value
from towpath.engine.language.definition import CaseCost, RunBudget
from towpath.engine.trial.virtual import VirtualTime


@dataclass(slots=True)
class Spending:
    """Of one run. Only an answer that says so costs something."""

    budget: RunBudget
    usd: Decimal = Decimal(0)
    tokens: int = 0

    def check(self) -> None:
        """Before each call of Claude. Raises CallFailedError."""
        if self.usd >= Decimal(str(self.budget.usd)) or self.tokens >= self.budget.tokens:
            raise CallFailedError(Failure(code=FailureCode.BUDGET_EXCEEDED, message="the run's budget is spent"))

    def book(self, cost: CaseCost | None) -> None:
        if cost is not None:
            self.usd += Decimal(str(cost.usd))
            self.tokens += cost.tokens


@dataclass(slots=True)
class TrialCache:
    """Outputs that the run kept itself, by step and key. What earlier runs kept is said by the test."""

    time: VirtualTime
    _entries: dict[tuple[str, str], tuple[Value, datetime]] = field(
        default_factory=dict[tuple[str, str], tuple[Value, datetime]]
    )

    def find(self, step: str, key: str) -> tuple[Value, ...]:
        """The output, where it is still kept."""
        entry = self._entries.get((step, key))
        return () if entry is None or entry[1] <= self.time.now else (entry[0],)

    def keep(self, step: str, key: str, value: Value, ttl: timedelta) -> None:
        """The first one stays until its time is over."""
        if not self.find(step, key):
            self._entries[step, key] = (value, self.time.now + ttl)
