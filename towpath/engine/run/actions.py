"""What goes into the scheduler and what comes out: outcomes of steps, and the next actions."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import JsonValue

from towpath.contracts.core.failure import Failure
from towpath.contracts.core.run import Cancellation
from towpath.engine.expression.values import Value


class State(StrEnum):
    """Of a node. The last four are settled; `undone` was completed before."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    UNDONE = "undone"


SETTLED = frozenset({State.COMPLETED, State.FAILED, State.SKIPPED, State.CANCELLED, State.UNDONE})
RunStatus = Literal["completed", "failed", "rejected", "cancelled"]


@dataclass(frozen=True, slots=True)
class Completed:
    """The step gave an output. `attempts` is how many it took, 0 when it was taken over."""

    output: Value = None
    attempts: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The step failed for good. `unknown`: its effect may have happened all the same.

    `partial` is what it gave before, for its undo: of a for_each, the results of the items so far.
    """

    failure: Failure
    unknown: bool = False
    partial: Value = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The step was ended before it was done. `unknown` and `partial` as in `Failed`."""

    reason: str = ""
    unknown: bool = False
    partial: Value = None
    why: Cancellation | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A person said no, and that ends the run."""

    output: JsonValue = None


Outcome = Completed | Failed | Cancelled | Rejected


@dataclass(frozen=True, slots=True)
class Start:
    """Begin a step with its config as rendered. `items` are there when it is to be done for each of them.

    `visit` is its name in a later visit of its cycle, empty in the first.
    """

    step: str
    config: dict[str, Value] = field(default_factory=dict[str, Value])
    items: list[Value] | None = None
    cache_key: str | None = None
    visit: str = ""

    @property
    def place(self) -> str:
        """What it is called in effect keys, in history, and by people."""
        return self.visit or self.step


@dataclass(frozen=True, slots=True)
class Cancel:
    """End a running step; its outcome is still to be reported."""

    step: str
    why: Cancellation


@dataclass(frozen=True, slots=True)
class UndoStep:
    """Compensate a step, with the config of its compensation. `unknown`: ask its check first.

    `config` is None when there is no compensation, or when it reads what only the check can tell. `visit` is as in
    `Start`.
    """

    step: str
    config: dict[str, Value] | None
    unknown: bool = False
    visit: str = ""

    @property
    def place(self) -> str:
        return self.visit or self.step


@dataclass(frozen=True, slots=True)
class FallBack:
    """Do the entry of the fallback chain with this index."""

    index: int
    message: str


@dataclass(frozen=True, slots=True)
class End:
    """The run is over. `step` and `failure` say why it failed. `single` holds what `output` of the definition gave, and
    is empty where there is none.
    """

    status: RunStatus
    outputs: dict[str, Value] = field(default_factory=dict[str, Value])
    step: str = ""
    failure: Failure | None = None
    single: tuple[Value, ...] = ()


Action = Start | Cancel | UndoStep | FallBack | End


@dataclass(slots=True)
class StepRun:
    """What is known of one step of a run. Times are the run's own clock."""

    state: State = State.PENDING
    attempts: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    failure: Failure | None = None
    note: str = ""
    unknown: bool = False
    partial: Value = None
    cancelled: Cancellation | None = None

    def keep(self, outcome: Failed | Cancelled) -> None:
        """What is known of a step that was not completed."""
        self.unknown, self.partial = outcome.unknown, outcome.partial
        if isinstance(outcome, Failed):
            self.failure, self.attempts = outcome.failure, outcome.failure.attempts
        else:
            self.cancelled = outcome.why
