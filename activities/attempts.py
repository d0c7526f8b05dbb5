"""The edge of every activity: heartbeats, attempts counted into results, house errors as ApplicationErrors.

A failure that leaves the edge says whether the effect may have happened in this attempt or in one before it. What
earlier attempts said travels in the heartbeat's details: history holds the last failure only.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from towpath.contracts.core.failure import HouseError
from towpath.contracts.core.wire import ActivityResult, Wire
from towpath.temporal.failures import to_application_error

BEAT_SECONDS = 1.0
"""A cancellation arrives with the answer to a heartbeat, so this is also about how long a cancelled call goes on."""


class Certain(Wire):
    """Heartbeat details of an activity that has none of its own: so many attempts surely had no effect."""

    without_effect: int


class ActivityEdge(Interceptor):
    """Worker interceptor: activities return their results and raise HouseError; what leaves them is Temporal's."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Edge(next)


class _Edge(ActivityInboundInterceptor):
    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._pulse = _Pulse(outbound)
        super().init(self._pulse)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        attempt = activity.info().attempt
        self._pulse.begin()
        try:
            result = await super().execute_activity(input)
        except HouseError as error:
            unknown = error.unknown or self._pulse.earlier_unknown(attempt)
            if not unknown and error.retryable:
                self._pulse.tell_certain(attempt)
            raise to_application_error(error, attempts=attempt, unknown=unknown) from None
        finally:
            self._pulse.end()
        if isinstance(result, ActivityResult) and result.attempt != attempt:
            return result.model_copy(update={"attempt": attempt})
        return result


class _Pulse(ActivityOutboundInterceptor):
    """Heartbeats of one attempt, a second apart. Details that the activity gave are kept, those of the attempt before
    it too: a heartbeat without them would lose them.
    """

    def __init__(self, next: ActivityOutboundInterceptor) -> None:
        super().__init__(next)
        self._details: Sequence[Any] = ()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        info = activity.info()
        self._details = info.heartbeat_details
        if info.heartbeat_timeout is not None:
            self._wait()

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def heartbeat(self, *details: Any) -> None:
        self._details = details
        super().heartbeat(*details)

    def earlier_unknown(self, attempt: int) -> bool:
        """Whether an attempt before this one may have had its effect. Without a word of it, it may."""
        certain = _certain(self._details)
        return (0 if certain is None else certain.without_effect) < attempt - 1

    def tell_certain(self, attempt: int) -> None:
        if not self._details or _certain(self._details) is not None:
            self.heartbeat(Certain(without_effect=attempt))

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        super().heartbeat(*self._details)
        self._wait()


def _certain(details: Sequence[Any]) -> Certain | None:
    if len(details) != 1:
        return None
    try:
        return Certain.model_validate(details[0])
    except ValidationError:
        return None
