"""Quotas: what a place outside takes over all runs and workers, and the turns that calls take in it."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from towpath.contracts.core.wire import ActivityResult, Wire, canonical_digest

QUOTA = "quota"
"""Temporal type and id prefix of the records of turns, and the head of the task queues of places with limits."""
YOUR_TURN = "your-turn"
"""Signal of a record to a run: the id of its call that may go now."""
LEAVE_LINE = "leave-line"
"""Signal of a run to a record: a call that waits there no more."""
CLAUDE_PLACE = "claude"

ELSEWHERE: Mapping[str, str] = {
    "key": "stands in the definition, as limits: {key: …} of the step",
    "tokens_per_min": "are known of Claude only: set TOWPATH_CLAUDE_TOKENS_PER_MINUTE",
}
"""What is no limit of a place, and where it is said instead."""


class Limits(BaseModel):
    """Of a service or a connection, as people write them. Without any, its calls only have a queue of their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rps: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)] | None = None
    """Calls a second."""
    concurrent: Annotated[int, Field(ge=1, le=1_000)] | None = None
    """Calls at once."""

    @model_validator(mode="before")
    @classmethod
    def _knows_its_place(cls, given: Any) -> Any:
        fields = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
        for name, instead in ELSEWHERE.items():
            if name in fields:
                raise ValueError(f"{name} {instead}")
        return fields if isinstance(given, dict) else given


@dataclass(frozen=True, slots=True)
class Quota:
    """The limits of one place, and the task queue on which its calls are made."""

    place: str
    queue: str
    rps: float | None = None
    concurrent: int | None = None
    tokens_per_min: int | None = None

    @property
    def has_line(self) -> bool:
        """Whether a record says whose turn it is; the rate is kept by the queue."""
        return self.concurrent is not None or self.tokens_per_min is not None

    @property
    def in_words(self) -> str:
        told = (
            f"{self.rps:g} calls a second" if self.rps is not None else "",
            f"{self.concurrent} at once" if self.concurrent is not None else "",
            f"{self.tokens_per_min} tokens a minute" if self.tokens_per_min is not None else "",
        )
        return f"{self.place}: {', '.join(filter(None, told)) or 'no limit'}"


def service_place(name: str) -> str:
    return f"service/{name}"


def connection_place(name: str) -> str:
    return f"connection/{name}"


def quota_queue(place: str) -> str:
    """The task queue of a place."""
    return f"{QUOTA}/{place}"


def in_words(place: str) -> str:
    """A place as people read it: `service orders`."""
    return place.replace("/", " ", 1)


def group_of(key: JsonValue) -> str:
    """What calls of one key are told by: short enough for Temporal, and nothing that a person is named by."""
    return canonical_digest(key)[:32]


class TurnKeeper(Protocol):
    """The quotas of a worker, for what sends."""

    def turn(self, place: str) -> AbstractAsyncContextManager[None]:
        """Around one call. Raises QuotaError where it must wait for its turn: nothing was sent."""
        ...


class JoinLine(Wire):
    """A call asks for its turn. `group` is what it shares fairly with; `tokens` is what it may use at most."""

    place: str
    call: str
    group: str = ""
    tokens: int = 0


class LinePlace(ActivityResult):
    """Whether the call may go; else how many stand before it."""

    granted: bool
    ahead: int = 0


class TurnRequest(Wire):
    """What a record is asked: for a call of a run, under the limits that the asking worker has."""

    call: str
    workflow_id: str
    run_id: str
    group: str = ""
    tokens: int = 0
    concurrent: int | None = None
    tokens_per_min: int | None = None
    seconds: float = 60.0
    """How long its turn is kept unless it is asked for again."""
    attempt: int = 0
    """Of the call, where one is under way."""


class TurnEnded(Wire):
    """The call is over, or waits no more. `tokens` is what it used; None: what it asked for."""

    call: str
    tokens: int | None = None
    attempt: int = 0
    """The attempt that is over; a turn of another one goes on. 0 is any."""


class TurnQuestion(Wire):
    """`join`: stand in line, or have the turn at once. `take`: it is about to be sent, has it its turn? `leave`: it is
    over.
    """

    verb: Literal["join", "take", "leave"]
    request: TurnRequest
    used: int | None = None


class TurnQuestions(Wire):
    """All that a worker has to ask at one moment: a record takes ten questions at a time, and no more."""

    questions: tuple[TurnQuestion, ...]


class TurnAnswers(Wire):
    """In the order of the questions."""

    places: tuple[LinePlace, ...]


class Ticket(Wire):
    """A call that waits. `start` is its place among all groups: see `towpath.policy.core.turns`."""

    request: TurnRequest
    start: float
    number: int


class HeldTurn(Wire):
    call: str
    tokens: int
    until: datetime
    attempt: int = 0


class SpentTokens(Wire):
    at: datetime
    tokens: int


class LineRecord(Wire):
    """The state of one place: who waits, who may go, and what was used in the last minute."""

    place: str
    waiting: tuple[Ticket, ...] = ()
    held: tuple[HeldTurn, ...] = ()
    spent: tuple[SpentTokens, ...] = ()
    groups: dict[str, float] = {}
    """Where the next call of a group begins."""
    clock: float = 0
    numbers: int = 0
    concurrent: int | None = None
    tokens_per_min: int | None = None
