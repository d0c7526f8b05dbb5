"""Short calls of one moment of a run as one activity: what is asked of it, and what it answers for each call."""

from towpath.contracts.core.failure import Failure
from towpath.contracts.core.wire import ActivityResult, JsonObject, Wire

PERFORM_CALLS = "perform_calls"
CALLS_ENDED = "calls-ended"
"""Signal with a `CallsReport`: calls of a batch that have ended while others of it go on."""
UNWANTED_CALLS = "unwanted-calls"
"""Query with the number of a batch: ids of the calls in it that nobody waits for any more."""


class BatchedCall(Wire):
    """The first attempt of one call. `request` is the JSON form of the activity's argument."""

    id: str
    activity: str
    request: JsonObject
    seconds: float
    """How long the attempt may take."""
    once: bool = False
    """Never sent twice: if the batch is repeated and has no outcome of it, that outcome stays unknown."""


class CallBatch(Wire):
    """`number` tells it from every other batch of its run: ids of calls are used again, and a worker that was given up
    for dead may still speak of the last one.
    """

    number: int = 0
    calls: tuple[BatchedCall, ...]


class CallOutcome(Wire):
    """How one call ended: with a `value`, the JSON form of the activity's result; with a failure; or cancelled."""

    id: str
    value: JsonObject | None = None
    failure: Failure | None = None


class CallsReport(ActivityResult):
    """Outcomes of calls of the batch of that number. A call with neither value nor failure was cancelled."""

    number: int = 0
    outcomes: tuple[CallOutcome, ...] = ()
