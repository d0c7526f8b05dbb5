"""Every timeout and retry of an activity, by class of work, in one table.

| class  | tried first as                | attempts | waits between      | one attempt may take |
|--------|-------------------------------|----------|--------------------|----------------------|
| CHECK  | local activity, at most 3 s   | 3        | 2 s, 4 s           | 10 s                 |
| EFFECT | local activity, at most 4 s   | 3        | 2 s, 4 s           | 15 s                 |
| NOTICE | local activity, at most 4 s   | 3        | 2 s, 4 s           | 15 s                 |
| UNDO   | local activity, at most 4 s   | 20       | 1 s, doubling to 1 min | 15 s             |
| LOOKUP | local activity, at most 4 s   | 5        | 1 s, 2 s, 4 s, 8 s | 10 s                 |
| FETCH  | local activity, at most 4 s   | 4        | 1 s, 2 s, 4 s      | 30 s                 |
| PAGE   | local activity, at most 4 s   | 12       | 1 s, doubling to 1 min | 15 s             |
| TEXTS  | local activity, at most 4 s   | 3        | 2 s, 4 s           | 60 s                 |
| POST   | an ordinary activity          | 1        | none               | 30 s                 |
| CLAUDE | an activity on Claude's queue | 8        | 2 s, doubling to 1 min | 5 min, 30 min in all |
| TOLD   | an activity on the data queue | 3        | 2 s, 4 s           | 5 min, heard of every 15 s |
| DATA   | an activity on the data queue | 6        | 1 s, doubling to 1 min | 2 h, heard of every 6 s |

A permanent error is not retried. A longer `Retry-After` replaces the wait. Three attempts with doubling waits are the
article's; an undo gets more, since giving up on it leaves an effect behind; so does a page, since nobody would come. An
action of a catalogue is an EFFECT with the time-out that its entry states. A POST has no key that its receiver knows:
it is never tried again by itself, and never local, since a local activity is run again when its worker dies.
"""

from dataclasses import dataclass
from datetime import timedelta

from temporalio.common import RetryPolicy

from towpath.contracts.process import CLAUDE_QUEUE, DATA_QUEUE


@dataclass(frozen=True, slots=True)
class Work:
    """Options of one class of work. With `first_try`, the first attempt runs as a local activity of that length."""

    retry: RetryPolicy
    start_to_close: timedelta
    first_try: timedelta | None = None
    schedule_to_close: timedelta | None = None
    heartbeat: timedelta | None = None
    queue: str | None = None


def _exponential(attempts: int, initial: timedelta = timedelta(seconds=2)) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=initial,
        backoff_coefficient=2.0,
        maximum_interval=timedelta(minutes=1),
        maximum_attempts=attempts,
    )


CHECK = Work(_exponential(3), start_to_close=timedelta(seconds=10), first_try=timedelta(seconds=3))
EFFECT = Work(_exponential(3), start_to_close=timedelta(seconds=15), first_try=timedelta(seconds=4))
NOTICE = EFFECT
UNDO = Work(
    _exponential(20, timedelta(seconds=1)), start_to_close=timedelta(seconds=15), first_try=timedelta(seconds=4)
)
LOOKUP = Work(
    _exponential(5, timedelta(seconds=1)), start_to_close=timedelta(seconds=10), first_try=timedelta(seconds=4)
)
FETCH = Work(
    _exponential(4, timedelta(seconds=1)), start_to_close=timedelta(seconds=30), first_try=timedelta(seconds=4)
)
PAGE = Work(
    _exponential(12, timedelta(seconds=1)), start_to_close=timedelta(seconds=15), first_try=timedelta(seconds=4)
)
TEXTS = Work(_exponential(3), start_to_close=timedelta(seconds=60), first_try=timedelta(seconds=4))
POST = Work(_exponential(1), start_to_close=timedelta(seconds=30))
CLAUDE = Work(
    _exponential(8),
    start_to_close=timedelta(minutes=5),
    schedule_to_close=timedelta(minutes=30),
    heartbeat=timedelta(seconds=10),
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
