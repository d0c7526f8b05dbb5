"""The activity that runs a registered function with an effect."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError

from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.declared.run import CallAnswer, FunctionCall
from towpath.engine.run.selecting import pick
from towpath.functions.library import FUNCTIONS
from towpath.functions.registry import FunctionError

if TYPE_CHECKING:
    from towpath.config.masking import Masker
    from towpath.config.secrets import Secrets


LET_GO_SECONDS = 1.5
"""How long a function that is cancelled may take to end. One that goes on after that is left to itself."""
ResultT = TypeVar("ResultT")


class FunctionActivities:
    """Secrets are put in here: a function gets their values, and neither its result nor its error tells them."""

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
        params = self._secrets.fill(request.params, request.references, request.secrets)
        work = function.call_effect(params, request.key)
        if not request.references:
            return CallAnswer(value=pick(await ended_when_cancelled(work, request.handler), request.select))
        masker = self._secrets.masker(request.references)
        with _MaskedErrors(masker):
            value = await ended_when_cancelled(work, request.handler)
        return CallAnswer(value=pick(masker.masked(value), request.select))


class _MaskedErrors:
    """Around a function that was given secrets: what it raises is told without them, and without its causes."""

    def __init__(self, masker: "Masker") -> None:
        self._masker = masker

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mask = self._masker.mask
        if isinstance(error, HouseError):
            error.message = mask(error.message)
            error.args = (error.message,)
            error.evidence = {mask(name): self._told(value) for name, value in error.evidence.items()}
        elif isinstance(error, TimeoutError):
            raise TimeoutError from None
        elif isinstance(error, Exception):
            name, final = type(error).__name__, False
            if isinstance(error, ApplicationError):
                name, final = error.type or name, error.non_retryable
            raise ApplicationError(mask(str(error)), type=name, non_retryable=final) from None

    def _told(self, value: str | float | None) -> str | int | float | None:
        found = self._masker.masked(value)
        return found if isinstance(found, str | int | float) else None


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
