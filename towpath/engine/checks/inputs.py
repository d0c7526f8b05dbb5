"""Inputs of a run against the schemas of its definition: every violation, with its pointer, before anything starts."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, cast

from jsonschema import ValidationError
from pydantic import JsonValue
from referencing.exceptions import Unresolvable

from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.definition import Header
from towpath.engine.language.diagnostics import path_text
from towpath.engine.language.plan import Plan
from towpath.engine.matching.validating import NotMatchedError, errors_of

SENSITIVE = "x-secret"
MOST = 50


Check = Callable[[dict[str, Any], JsonValue, tuple[str | int, ...]], list[str]]
"""What breaks a schema, as `violations` says it."""


def inputs_schema(header: Header) -> dict[str, Any]:
    """JSON Schema of all inputs together, closed: what a step that runs this definition may give."""
    must = [name for name, schema in header.inputs.items() if schema.get("x-optional") is not True]
    return {
        "type": "object",
        "properties": dict(header.inputs),
        "required": [name for name in must if "default" not in header.inputs[name]],
        "additionalProperties": False,
    }


def secret_inputs(plan: Plan) -> tuple[str, ...]:
    """Inputs that are given as the name of a secret."""
    return tuple(name for name, schema in plan.definition.header.inputs.items() if schema.get(SENSITIVE) is True)


def accept_inputs(
    header: Header, given: dict[str, JsonValue], check: Check | None = None
) -> tuple[dict[str, JsonValue], list[str]]:
    """The inputs with defaults filled in, and what is wrong with them, a sentence each; values are not repeated.

    A field counts as required when it has no default and its schema does not say `x-optional: true`.
    """
    values: dict[str, JsonValue] = {}
    problems = [
        f"/{name}: there is no such input{did_you_mean(name, header.inputs)}"
        for name in given
        if name not in header.inputs
    ]
    for name, schema in header.inputs.items():
        if name in given:
            value = _reference(given[name]) if schema.get(SENSITIVE) is True else given[name]
            values[name] = value
            if schema.get(SENSITIVE) is not True:
                problems.extend((check or violations)(schema, value, (name,)))
        elif "default" in schema:
            values[name] = schema["default"]
        elif schema.get("x-optional") is not True:
            problems.append(f"/{name}: is missing")
        else:
            values[name] = None
    return values, problems


def violations(
    schema: dict[str, Any],
    value: JsonValue,
    path: tuple[str | int, ...] = (),
    matching: Callable[[Any, Any], Iterator[ValidationError]] = errors_of,
) -> list[str]:
    """What breaks a schema, a sentence each, with JSON pointers."""
    try:
        return [
            f"{path_text((*path, *error.absolute_path)) or '/'}: {_sentence(error)}"
            for error in islice(matching(schema, value), MOST)
        ]
    except NotMatchedError as error:
        return [f"{path_text(path) or '/'}: {error}"]
    except (Unresolvable, RecursionError):
        return [f"{path_text(path) or '/'}: its schema refers to what is not there, or to itself without end"]


def _sentence(error: ValidationError) -> str:
    """Without the value: it may be personal."""
    wanted: Any = error.validator_value
    match error.validator:
        case "required":
            missing = [name for name in wanted if name not in cast("dict[str, Any]", error.instance)]
            return f"misses {', '.join(missing)}"
        case "type":
            return f"must be {wanted if isinstance(wanted, str) else ' or '.join(wanted)}"
        case "enum":
            return f"must be one of {', '.join(map(str, wanted))}"
        case "additionalProperties":
            return "holds a field that is not in its schema"
        case _:
            return f"breaks {error.validator}: {str(wanted)[:80]}"


def _reference(value: JsonValue) -> JsonValue:
    """A secret input is given by the name of the secret."""
    return {"$secret": value} if isinstance(value, str) else value
