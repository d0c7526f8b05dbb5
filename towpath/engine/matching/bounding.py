"""What a look at a schema costs, so that one validation ends soon: its keywords are counted, equal items found at once.

Counts depend on schema and value alone, so a replay decides the same.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

from jsonschema import ValidationError

MOST_STEPS = 300_000
"""Of one validation: about a second at the worst."""
COSTS = {"$ref": 4, "$dynamicRef": 4, "unevaluatedProperties": 4, "unevaluatedItems": 4}
"""Keywords that take longer than a step."""
ERROR = 3
CHARACTERS = 100
"""Of the words of an error, and of an item that is compared: as many take a step."""
Errors = Iterator[ValidationError]
Keyword = Callable[[Any, Any, Any, Any], Errors | None]


class StepCounter(Protocol):
    def spend(self, steps: int) -> None: ...


def counted(keyword: str, check: Keyword, counter_of: Callable[[Any], StepCounter]) -> Keyword:
    """The keyword, each time for its cost."""

    def check_for_steps(validator: Any, wanted: Any, instance: Any, schema: Any) -> Errors:
        counter = counter_of(validator)
        counter.spend(COSTS.get(keyword, 1) + (len(wanted) if keyword == "enum" else 0))
        for error in check(validator, wanted, instance, schema) or ():
            counter.spend(ERROR + len(error.message) // CHARACTERS)
            yield error

    return check_for_steps


def unique_items(counter_of: Callable[[Any], StepCounter]) -> Keyword:
    """`uniqueItems` by the texts of the items: its time grows with their length, not with its square."""

    def check(validator: Any, wanted: Any, instance: Any, schema: Any) -> Errors:
        del schema
        if not wanted or not validator.is_type(instance, "array"):
            return
        seen: set[str] = set()
        for item in instance:
            text = canonical(item)
            counter_of(validator).spend(len(text) // CHARACTERS)
            if text in seen:
                yield ValidationError("has items that are equal")
                return
            seen.add(text)

    return check


def canonical(value: Any) -> str:
    """The same text for values that JSON Schema holds for equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, dict):
        fields = sorted(cast("dict[str, Any]", value).items())
        return "{" + ",".join(f"{json.dumps(name)}:{canonical(inner)}" for name, inner in fields) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(canonical, cast("list[Any]", value))) + "]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value)
