"""All registered functions. A new module of functions is imported here."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import JsonValue

from towpath.functions import control, customers
from towpath.functions.registry import StepFunction, registered

MODULES = (control, customers)
FUNCTIONS: Mapping[str, StepFunction] = registered()
PURE: Mapping[str, Callable[[dict[str, Any]], JsonValue]] = {
    name: function.call_pure for name, function in FUNCTIONS.items() if function.pure
}
