"""What strict output takes of JSON Schema, and the check of an answer against the schema that was sent.

Both are done once for each schema: a schema that was let through is kept with its validator.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from jsonschema import Draft202012Validator
from pydantic import JsonValue

from towpath.standins.claude.errors import RefusedError, invalid

JsonObject = dict[str, JsonValue]

MAX_OPTIONAL, MAX_UNIONS, MAX_NODES, MAX_DEPTH = 24, 16, 5_000, 60
"""The API's limits over all schemas of a request; nodes and depth stand for its unpublished size of a grammar."""
KEYWORDS = frozenset(
    {
        *{"$defs", "$ref", "additionalProperties", "allOf", "anyOf", "const", "description", "enum", "format"},
        *{"items", "minItems", "properties", "required", "title", "type"},
    }
)
TYPES = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})
FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
SHAPES = frozenset({"$ref", "allOf", "anyOf", "const", "enum", "type"})
"""One of them has to say what a value may be."""
_LOCAL = "#/$defs/"


@dataclass(frozen=True, slots=True)
class SchemaWeight:
    """What a schema counts against the limits; a definition counts wherever it is used."""

    optional: int = 0
    unions: int = 0
    nodes: int = 0

    def __add__(self, other: "SchemaWeight") -> "SchemaWeight":
        return SchemaWeight(self.optional + other.optional, self.unions + other.unions, self.nodes + other.nodes)


@dataclass(frozen=True, slots=True)
class StrictSchema:
    title: str
    body: JsonObject
    weight: SchemaWeight
    validator: Draft202012Validator = field(repr=False)

    def violation(self, answer: JsonValue) -> str | None:
        """Where and by which keyword an answer breaks the schema."""
        error = next(iter(self.validator.iter_errors(answer)), None)
        return None if error is None else f"{error.json_path} breaks {error.validator!r}"


def strict_schema(body: JsonObject) -> StrictSchema:
    """Raises RefusedError for recursion, other keywords, open objects, and what else strict output does not take."""
    return _compile(json.dumps(body))


def check_limits(schemas: Sequence[StrictSchema]) -> None:
    """Raises RefusedError when all schemas of a request are too much together."""
    total = sum((schema.weight for schema in schemas), SchemaWeight())
    if total.optional > MAX_OPTIONAL:
        raise invalid(f"too many optional parameters in strict schemas: {total.optional}, at most {MAX_OPTIONAL}")
    if total.unions > MAX_UNIONS:
        raise invalid(f"too many union-typed parameters in strict schemas: {total.unions}, at most {MAX_UNIONS}")
    if total.nodes > MAX_NODES:
        raise _too_large()


@lru_cache(maxsize=256)
def _compile(text: str) -> StrictSchema:
    body: JsonObject = json.loads(text)
    weight = _Walk(body).weigh(body, ())
    schema = StrictSchema(str(body.get("title", "")), body, weight, Draft202012Validator(body))
    check_limits([schema])
    return schema


class _Walk:
    """One walk over a schema. `trail` holds the definitions that a node is part of, and None for other steps down."""

    def __init__(self, body: JsonObject) -> None:
        given = body.get("$defs", {})
        self._definitions = given if isinstance(given, dict) else {}
        self._known: dict[str, SchemaWeight] = {}

    def weigh(self, node: JsonValue, trail: tuple[str | None, ...]) -> SchemaWeight:
        if not isinstance(node, dict):
            raise _broken("a schema must be an object")
        if len(trail) > MAX_DEPTH:
            raise _too_large()
        for check in CHECKS:
            check(node)
        total = SchemaWeight(_optional(node), 1 if "anyOf" in node or isinstance(node.get("type"), list) else 0, 1)
        if "$ref" in node:
            total += self._definition(node["$ref"], trail)
        for child in _children(node):
            total += self.weigh(child, (*trail, None))
        return total

    def _definition(self, reference: JsonValue, trail: tuple[str | None, ...]) -> SchemaWeight:
        if reference == "#":
            raise _recursive()
        if not isinstance(reference, str) or not reference.startswith(_LOCAL):
            raise _broken("$ref must point into $defs")
        name = reference.removeprefix(_LOCAL)
        if name in trail:
            raise _recursive()
        if name not in self._definitions:
            raise _broken(f"$ref {reference!r} points nowhere")
        if name not in self._known:
            self._known[name] = self.weigh(self._definitions[name], (*trail, name))
        return self._known[name]


def _children(node: JsonObject) -> Iterator[JsonValue]:
    properties = node.get("properties", {})
    if isinstance(properties, dict):
        yield from properties.values()
    for name in ("anyOf", "allOf"):
        variants = node.get(name, [])
        if isinstance(variants, list):
            yield from variants
    if "items" in node:
        yield node["items"]


def _optional(node: JsonObject) -> int:
    properties, required = node.get("properties", {}), node.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        raise _broken("'properties' must be an object, and 'required' a list")
    return len(properties.keys() - {name for name in required if isinstance(name, str)})


def _check_keywords(node: JsonObject) -> None:
    unknown = sorted(node.keys() - KEYWORDS)
    if unknown:
        raise _broken(f"keyword {unknown[0]!r} is not supported")
    if not SHAPES & node.keys():
        raise _broken("a type is needed")


def _check_type(node: JsonObject) -> None:
    kinds = node.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if not isinstance(kind, str) or kind not in TYPES:
            raise _broken(f"type {kind!r} is not supported")


def _check_object(node: JsonObject) -> None:
    kinds = node.get("type", [])
    is_object = "object" in (kinds if isinstance(kinds, list) else [kinds]) or "properties" in node
    if is_object and node.get("additionalProperties") is not False:
        raise _broken("for 'object' type, 'additionalProperties' must be false")


def _check_values(node: JsonObject) -> None:
    values = node.get("enum", [None])
    if not isinstance(values, list) or not values:
        raise _broken("'enum' must be a list of values")
    for value in (*values, node.get("const")):
        if isinstance(value, (dict, list)):
            raise _broken("'enum' and 'const' take strings, numbers, booleans and null only")


def _check_bounds(node: JsonObject) -> None:
    kind = node.get("format", "date")
    if not isinstance(kind, str) or kind not in FORMATS:
        raise _broken(f"format {kind!r} is not supported")
    if node.get("minItems", 0) not in (0, 1):
        raise _broken("'minItems' may be 0 or 1 only")


def _check_variants(node: JsonObject) -> None:
    for name in ("anyOf", "allOf"):
        variants = node.get(name, [None])
        if not isinstance(variants, list) or not variants:
            raise _broken(f"{name!r} must be a list of schemas")
        if name == "allOf" and any(isinstance(variant, dict) and "$ref" in variant for variant in variants):
            raise _broken("'allOf' with '$ref' is not supported")


CHECKS: tuple[Callable[[JsonObject], None], ...] = (
    _check_keywords,
    _check_type,
    _check_object,
    _check_values,
    _check_bounds,
    _check_variants,
)


def _broken(message: str) -> RefusedError:
    return invalid(f"output_config.format.schema: {message}")


def _recursive() -> RefusedError:
    return _broken("recursive schemas are not supported")


def _too_large() -> RefusedError:
    return invalid("the compiled grammar is too large: simplify the schemas of this request")
