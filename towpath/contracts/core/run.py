"""What every observer of a run reads: its steps, what it waits for, what it cost."""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from towpath.contracts.core.claude import Provenance, Usage
from towpath.contracts.core.failure import Failure
from towpath.contracts.core.moments import in_utc
from towpath.contracts.core.wire import Wire, clip


class StepState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    DEGRADED = "degraded"
    """The step could not be had and the process went on by its stated policy."""
    FAILED = "failed"
    SKIPPED = "skipped"
    UNDONE = "undone"
    CANCELLED = "cancelled"


SIGNS: Mapping[StepState, str] = dict(zip(StepState, "·▶✓≈✗–↩⊘", strict=True))
"""One for each state, in their order, wherever people see steps."""


class Cancellation(Wire):
    """Who or what ended a run or a step before it was done, and why. In words it travels with Temporal's request."""

    by: str
    reason: str = ""

    @property
    def in_words(self) -> str:
        return f"by {self.by}: {self.reason}" if self.reason else f"by {self.by}"

    @classmethod
    def of(cls, by: str, reason: str) -> "Cancellation":
        """As a person gave it, so that `parse` finds both again."""
        return cls(by=clip(by.replace(":", " ").strip(), 100), reason=clip(reason.strip()))

    @classmethod
    def parse(cls, words: str) -> "Cancellation":
        """What `in_words` said. Other words are of somebody who asked Temporal itself."""
        said = _SAID_BY.fullmatch(words.strip())
        if said is None:
            return cls(by="somebody", reason=clip(words.strip()))
        return cls(by=said["by"], reason=clip(said["reason"] or ""))


_SAID_BY = re.compile(r"by (?P<by>[^:]{1,100})(?:: (?P<reason>.*))?", re.DOTALL)


class Waiting(Wire):
    """What is waited for, who can end the wait, and until when; None: for as long as it takes."""

    what: str
    who: str
    until: datetime | None


class StepRecord(Wire):
    """One step of a run. `cost_usd` is None where there is no price, never zero."""

    step: str
    title: str
    state: StepState = StepState.PENDING
    attempts: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    note: str = ""
    failure: Failure | None = None
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    provenance: Provenance | None = None
    waiting: tuple[Waiting, ...] = ()
    cancelled: Cancellation | None = None
    """Who ended it before it was done, whatever became of it then: it may be undone since, or skipped."""
    visit: int = 1
    """Of a step in a cycle: how often it has begun, or will have."""

    @property
    def waits_for(self) -> str:
        """What the step waits for, in words: the first of several that comes."""
        if not self.waiting:
            return ""
        due = [waiting.until for waiting in self.waiting if waiting.until is not None]
        until = f", until {in_utc(min(due))}" if due else ""
        return f"waits for {' or '.join(waiting.what for waiting in self.waiting)}{until}"


class Cost(Wire):
    """Sum over a run. `priced` is False when some calls had no known price, so `usd` is not the whole."""

    usd: Decimal = Decimal(0)
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    priced: bool = True
    models: tuple[str, ...] = ()

    def plus(self, other: "Cost") -> "Cost":
        return Cost(
            usd=self.usd + other.usd,
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            priced=self.priced and other.priced,
            models=tuple(dict.fromkeys((*self.models, *other.models))),
        )

    @property
    def in_words(self) -> str:
        """A model without a price costs "no known price", never nothing."""
        if self.calls == 0:
            return "Claude not asked"
        calls = f"{self.calls} call{'s' if self.calls != 1 else ''}, {self.input_tokens + self.output_tokens} tokens"
        if self.priced:
            return f"{calls}, ${self.usd:.4f}"
        known = f"${self.usd:.4f} and " if self.usd else ""
        return f"{calls}, {known}no known price ({', '.join(self.models)})"


class RunRecord(Wire):
    """A whole run as the query `status` answers it."""

    process: str
    workflow_id: str
    run_id: str
    status: str
    started_at: datetime
    ended_at: datetime | None = None
    steps: tuple[StepRecord, ...] = ()
    waiting: Waiting | None = None
    cost: Cost = Cost()
    redrive_of: str | None = None
    version: str = ""
    """Of the definition, in a run of one; `digest` is the definition's SHA-256."""
    digest: str = ""
    paused: bool = False
    edits: tuple[str, ...] = ()
    """What people changed in this run by hand: who, what, why, when."""
    cancelled: Cancellation | None = None


class DeadLetter(Wire):
    """Why a run lies in a dead-letter queue: the step and failure that ended it. First detail of the run's failure."""

    queue: str
    step: str
    failure: Failure
    at: datetime
    undone: tuple[str, ...] = ()
    not_undone: tuple[str, ...] = ()
    """Steps whose undo failed for good: somebody must look."""
    cost: Cost = Cost()


class Discard(Wire):
    """Takes a failed run out of its queue; who and why are kept in the result of a run that does nothing else."""

    by: str
    reason: str
