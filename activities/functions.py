"""The activity that runs a registered function with an effect."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from temporalio import activity

from towpath.contracts.core.failure import FailureCode
from towpath.contracts.declared.run import CallAnswer, FunctionCall
from towpath.engine.run.selecting import pick
from towpath.functions.library import FUNCTIONS
from towpath.functions.registry import FunctionError

if TYPE_CHECKING:
    from towpath.config.secrets import Secrets


LET_GO_SECONDS = 1.5
"""How long a function that is cancelled may take to end. One that goes on after that is left to itself."""
ResultT = TypeVar("ResultT")


class FunctionActivities:
    """Secrets are resolved here: a function gets their values."""

    def __init__(self, secrets: "Secrets") -> None:
        self._secrets = secrets

    @activity.defn(name="call_function")
    async def call_function(self, request: FunctionCall) -> CallAnswer:
        function = FUNCTIONS.get(request.handler)
        if function is None or function.pure:
            raise FunctionError(
                FailureCode.FUNCTION_UNKNOWN,
                f"this worker has no effect {request.handler!r}: is it the right version?",
            )
        params = self._secrets.resolve_named(request.params, request.secrets)
        value = await ended_when_cancelled(function.call_effect(params, request.key), request.handler)
        return CallAnswer(value=pick(value, request.select))


async def ended_when_cancelled(work: Coroutine[Any, Any, ResultT], handler: str) -> ResultT:
    """A function is not ours: it may hold a cancellation up. What it gives all the same while it ends is its result."""
    running = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        running.cancel()
        await asyncio.wait([running], timeout=LET_GO_SECONDS)
        if running.done():
            return running.result()
        activity.logger.warning("a cancelled function goes on", extra={"handler": handler})
        raise
