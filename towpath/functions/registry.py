"""Functions that a definition may name: registered by decorator, checked by their own signatures."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError, create_model

from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.wire import EffectKey

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
KEY = "key"
"""A parameter of this name gets the step's idempotency key; a definition does not give it."""


class FunctionError(HouseError):
    """A function refuses, or was given what its signature does not take. Messages hold names, never values."""


@dataclass(frozen=True, slots=True)
class StepFunction:
    """One registered function. A pure one runs inside the workflow and again in each replay."""

    name: str
    pure: bool
    summary: str
    function: Callable[..., Any] = field(repr=False)
    params: type[BaseModel] = field(repr=False)
    result: TypeAdapter[Any] = field(repr=False)
    keyed: bool

    def params_schema(self) -> dict[str, Any]:
        return self.params.model_json_schema()

    def result_schema(self) -> dict[str, Any]:
        return self.result.json_schema(mode="serialization")

    def call_pure(self, given: dict[str, Any]) -> JsonValue:
        """Raises FunctionError."""
        return self._plain(self.function(**self._arguments(given)))

    async def call_effect(self, given: dict[str, Any], key: EffectKey) -> JsonValue:
        """Raises FunctionError, and what the function raises."""
        arguments = self._arguments(given) | ({KEY: key} if self.keyed else {})
        return self._plain(await cast("Awaitable[Any]", self.function(**arguments)))

    def _arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        try:
            model = self.params.model_validate(given)
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, problem['loc']))}: {problem['msg'].lower()}" for problem in error.errors()[:5]
            )
            raise FunctionError(FailureCode.STEP_INPUT, f"{self.name}: {wrong}") from None
        return {name: getattr(model, name) for name in type(model).model_fields}

    def _plain(self, result: Any) -> JsonValue:
        return self.result.dump_python(result, mode="json")


_REGISTERED: dict[str, StepFunction] = {}


def step_function(name: str, *, pure: bool = False) -> Callable[[FunctionT], FunctionT]:
    """Register a function under the name that definitions use. Its parameters and result must be typed.

    A pure function is plain and depends on its arguments alone. One with an effect is a coroutine function; it runs as
    an activity, and may take `key`, the idempotency key of the step.
    """

    def register(function: FunctionT) -> FunctionT:
        if name in _REGISTERED:
            raise ValueError(f"the function {name} is registered twice")
        if pure is inspect.iscoroutinefunction(function):
            raise TypeError(f"{name}: a pure function is plain, one with an effect is a coroutine function")
        _REGISTERED[name] = _described(name, function, pure=pure)
        return function

    return register


def registered() -> Mapping[str, StepFunction]:
    return _REGISTERED


def _described(name: str, function: Callable[..., Any], *, pure: bool) -> StepFunction:
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters
    fields: dict[str, Any] = {
        parameter: (hints[parameter], ... if spec.default is spec.empty else spec.default)
        for parameter, spec in parameters.items()
        if parameter != KEY
    }
    model = create_model(f"{name}Params", __config__=ConfigDict(extra="forbid"), **fields)
    summary = (inspect.getdoc(function) or "").partition("\n")[0]
    return StepFunction(name, pure, summary, function, model, TypeAdapter(hints["return"]), KEY in parameters)
