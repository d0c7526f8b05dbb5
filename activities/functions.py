"""The activity that runs a registered function with an effect."""

from typing import TYPE_CHECKING

from temporalio import activity

from towpath.contracts.declared import CallAnswer, FunctionCall
from towpath.contracts.failure import FailureCode
from towpath.engine.selecting import pick
from towpath.functions.library import FUNCTIONS
from towpath.functions.registry import FunctionError

if TYPE_CHECKING:
    from towpath.clients.secrets import Secrets


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
        value = await function.call_effect(params, request.key)
        return CallAnswer(value=pick(value, request.select))
