"""Every timeout and retry of an activity, by class of work, in one table.

| class  | runs as                       | attempts | waits between      | one attempt may take |
|--------|-------------------------------|----------|--------------------|----------------------|
| CHECK  | short                         | 3        | 2 s, 4 s           | 10 s                 |
| EFFECT | short                         | 3        | 2 s, 4 s           | 15 s                 |
| FUNCTION | an activity by itself       | 3        | 2 s, 4 s           | 10 min               |
| EMIT   | an activity by itself         | 3        | 2 s, 4 s           | 2 min                |
| NOTICE | short                         | 3        | 2 s, 4 s           | 15 s                 |
| UNDO   | short                         | 20       | 1 s, doubling to 1 min | 15 s             |
| LOOKUP | short                         | 5        | 1 s, 2 s, 4 s, 8 s | 10 s                 |
| FETCH  | an activity by itself         | 4        | 1 s, 2 s, 4 s      | 30 s                 |
| PAGE   | short                         | 12       | 1 s, doubling to 1 min | 15 s             |
| TEXTS  | an activity by itself         | 3        | 2 s, 4 s           | 60 s                 |
| POST   | an activity by itself         | 1        | none               | 30 s                 |
| CLAUDE | an activity on Claude's queue | 8        | 2 s, doubling to 1 min | 5 min, 30 min in all |
| TOLD   | an activity on the data queue | 3        | 2 s, 4 s           | 5 min                |
| DATA   | an activity on the data queue | 6        | 1 s, doubling to 1 min | 2 h              |

First attempts of short calls that a run makes at one moment are one activity (`workflows/kit/batching.py`); a single
one is an activity by itself. All are heard of every second: a cancellation ends one within two, and a worker that died
is missed after 10 s (6 s for DATA, 15 s for TOLD).

A permanent error is not retried. A longer `Retry-After` replaces the wait. Three attempts with doubling waits are the
article's; an undo gets more, since giving up on it leaves an effect behind; so does a page, since nobody would come. An
action of a catalogue is an EFFECT with the time-out that its entry states. A POST has no key that its receiver knows:
it is never tried again by itself.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from temporalio.common import RetryPolicy

from towpath.contracts.core.process import CLAUDE_QUEUE, DATA_QUEUE
from towpath.contracts.core.run import Waiting

HEARD = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Terms:
    """How a call stands at a place with limits. `group` is what it takes turns with fairly; `whole` is the time of the
    call that counts its wait in line, too; `tell` hears what the call waits for, and None when it waits no more.
    """

    group: str = ""
    whole: timedelta | None = None
    tell: Callable[[str, Waiting | None], None] | None = None

    @contextmanager
    def waits(self, call: str, what: Waiting) -> Generator[None]:
        if self.tell is None:
            yield
            return
        self.tell(call, what)
        try:
            yield
        finally:
            self.tell(call, None)


@dataclass(frozen=True, slots=True)
class Work:
    """Options of one class of work. What is `short` may share an activity with other calls of its moment; `once` says
    that it is not sent again when that activity is repeated.
    """

    retry: RetryPolicy
    start_to_close: timedelta
    short: bool = False
    once: bool = False
    schedule_to_close: timedelta | None = None
    heartbeat: timedelta = HEARD
    queue: str | None = None
    terms: Terms = Terms()


def _exponential(attempts: int, initial: timedelta = timedelta(seconds=2)) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=initial,
        backoff_coefficient=2.0,
        maximum_interval=timedelta(minutes=1),
        maximum_attempts=attempts,
    )


CHECK = Work(_exponential(3), start_to_close=timedelta(seconds=10), short=True)
EFFECT = Work(_exponential(3), start_to_close=timedelta(seconds=15), short=True)
FUNCTION = Work(_exponential(3), start_to_close=timedelta(minutes=10))
EMIT = Work(_exponential(3), start_to_close=timedelta(minutes=2))
NOTICE = EFFECT
UNDO = Work(_exponential(20, timedelta(seconds=1)), start_to_close=timedelta(seconds=15), short=True)
LOOKUP = Work(_exponential(5, timedelta(seconds=1)), start_to_close=timedelta(seconds=10), short=True)
LAST_LOOKUP = Work(_exponential(1), start_to_close=timedelta(seconds=5), short=True)
"""Of a run that is being cancelled."""
FETCH = Work(_exponential(4, timedelta(seconds=1)), start_to_close=timedelta(seconds=30))
PAGE = Work(_exponential(12, timedelta(seconds=1)), start_to_close=timedelta(seconds=15), short=True)
TEXTS = Work(_exponential(3), start_to_close=timedelta(seconds=60))
POST = Work(_exponential(1), start_to_close=timedelta(seconds=30))
CLAUDE = Work(
    _exponential(8),
    start_to_close=timedelta(minutes=5),
    schedule_to_close=timedelta(minutes=30),
    queue=CLAUDE_QUEUE,
)
TOLD = Work(
    _exponential(3),
    start_to_close=timedelta(minutes=5),
    heartbeat=timedelta(seconds=15),
    queue=DATA_QUEUE,
)
DATA = Work(
    _exponential(6, timedelta(seconds=1)),
    start_to_close=timedelta(hours=2),
    heartbeat=timedelta(seconds=6),
    queue=DATA_QUEUE,
)
