"""Schemas of somebody else's OpenAPI document, taken over as JSON Schema 2020-12: bounded, and closed in themselves.

What is kept are the keywords that a value can break and that a matcher gets done with. `oneOf` becomes `anyOf`, since
documents rarely keep their branches apart.
"""

import re
from typing import Any

from towpath.engine.language.shapes import as_list, as_object, item
from towpath.engine.matching.dialect import PatternError
from towpath.engine.matching.patterns import read_pattern
from towpath.engine.matching.validating import MOST_OF_DOCUMENTS, schema_error, schema_excess

Json = dict[str, Any]
COMPONENTS = "#/components/schemas/"
MOST_SCHEMAS = 300
MOST_PARTS = 20_000
MOST_TRIED = 5_000
"""Ways in which one value may have to be tried: choices among choices double with each level."""
_SIMPLE = frozenset(
    {
        *{"type", "enum", "const", "default", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
        *{"multipleOf", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties"},
        *{"maxProperties", "required", "pattern"},
    }
)
_CHOICES = {"allOf": "allOf", "anyOf": "anyOf", "oneOf": "anyOf"}
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


class DocumentError(Exception):
    """A document, or one of its operations, cannot be used. The text says why, in words for its reader."""


def resolved(document: Json, value: Any) -> Json:
    """A part of a document, its reference followed. Raises DocumentError."""
    seen: list[str] = []
    while True:
        fields = as_object(value)
        if fields is None:
            raise DocumentError("a part of it has the wrong shape")
        reference = fields.get("$ref")
        if not isinstance(reference, str):
            return fields
        if reference in seen:
            raise DocumentError(f"the reference {reference[:80]!r} leads to itself")
        seen.append(reference)
        value = _at(document, reference)


def _at(document: Json, reference: str) -> Any:
    if not reference.startswith("#/"):
        where = "another address" if "://" in reference else "another file"
        raise DocumentError(f"the reference {reference[:80]!r} leads to {where}: bundle the document into one")
    found: Any = document
    for part in reference[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        there, found = item(found, int(key) if key.isdecimal() and as_list(found) is not None else key)
        if not there:
            raise DocumentError(f"the reference {reference[:80]!r} leads nowhere")
    return found


class SchemaCopy:
    """The schemas of one operation. `components` are those that references lead to."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self._names: dict[str, str] = {}
        self._parts = 0
        self.components: dict[str, Json] = {}

    def take(self, given: Any) -> Json:
        """A schema, and all that it refers to. Raises DocumentError."""
        waiting = len(self._names)
        found = self._copied(given)
        while waiting < len(self._names):
            reference = list(self._names)[waiting]
            self.components[self._names[reference]] = self._copied(_at(self._document, reference))
            waiting += 1
        return found

    def check(self, schema: Json) -> None:
        """Whether a matcher can use it, and comes to an end. Raises DocumentError."""
        whole: Json = {**schema, "components": {"schemas": self.components}}
        excess = schema_excess(whole, MOST_OF_DOCUMENTS)
        if excess is not None:
            raise DocumentError(f"one of its schemas is invalid: one {excess.what}")
        try:
            error = next(filter(None, map(schema_error, (whole, *self.components.values()))), None)
        except RecursionError:
            raise DocumentError("one of its schemas is invalid: nested too deeply") from None
        if error is not None:
            raise DocumentError(f"one of its schemas is invalid: {error.message[:100]}")
        weights: dict[str, int] = {}
        for part in (schema, *self.components.values()):
            self._weigh_all(part, weights)

    def _copied(self, given: Any) -> Json:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise DocumentError(f"its schemas have more than {MOST_PARTS:,} parts")
        if given is True or given is False:
            return {} if given else {"enum": []}
        fields = as_object(given)
        if fields is None:
            raise DocumentError("one of its schemas has the wrong shape")
        reference = fields.get("$ref")
        if isinstance(reference, str):
            resolved(self._document, fields)
            return {"$ref": COMPONENTS + self._name(reference)}
        found = {name: value for name, value in fields.items() if name in _SIMPLE and _is_kept(name, value)}
        for name, as_name in _CHOICES.items():
            choices = as_list(fields.get(name))
            if choices:
                found.setdefault("allOf", []).append({as_name: [self._copied(choice) for choice in choices]})
        properties = as_object(fields.get("properties"))
        if properties is not None:
            found["properties"] = {name: self._copied(inner) for name, inner in properties.items()}
        for name in ("items", "additionalProperties"):
            if name in fields and as_list(fields[name]) is None:
                found[name] = fields[name] if isinstance(fields[name], bool) else self._copied(fields[name])
        return _modern(found, fields)

    def _name(self, reference: str) -> str:
        if reference not in self._names:
            if len(self._names) >= MOST_SCHEMAS:
                raise DocumentError(f"one of its operations needs more than {MOST_SCHEMAS} schemas")
            own = reference.removeprefix(COMPONENTS)
            is_plain = reference.startswith(COMPONENTS) and _NAME.fullmatch(own) is not None
            self._names[reference] = own if is_plain else f"part--{len(self._names)}"
        return self._names[reference]

    def _weigh_all(self, schema: Json, weights: dict[str, int]) -> None:
        waiting: list[Json] = [schema]
        while waiting:
            part = waiting.pop()
            if self._weight(part, weights, frozenset()) > MOST_TRIED:
                raise DocumentError("one of its schemas has too many choices within choices")
            inner = [*(as_object(part.get("properties")) or {}).values(), part.get("items")]
            inner += [part.get("additionalProperties"), *(as_list(part.get("allOf")) or [])]
            inner += as_list(part.get("anyOf")) or []
            waiting.extend(fields for fields in map(as_object, inner) if fields is not None)

    def _weight(self, schema: Json, weights: dict[str, int], above: frozenset[str]) -> int:
        """In how many ways one value is looked at: by a schema and all that speak of the same value."""
        reference = schema.get("$ref")
        if isinstance(reference, str):
            name = reference.removeprefix(COMPONENTS)
            if name in above:
                raise DocumentError(f"its schema {name!r} is made of itself")
            if name not in weights:
                weights[name] = self._weight(self.components[name], weights, above | {name})
            return weights[name]
        parts = [*(as_list(schema.get("allOf")) or []), *(as_list(schema.get("anyOf")) or [])]
        return min(1 + sum(self._weight(as_object(part) or {}, weights, above) for part in parts), 10 * MOST_TRIED)


def _is_kept(name: str, value: Any) -> bool:
    """Whether a keyword can be used. Documents of earlier drafts, and careless ones, write some otherwise."""
    if name == "pattern":
        try:
            return isinstance(value, str) and bool(read_pattern(value))
        except PatternError:
            return False
    if name == "required":
        return isinstance(value, list)
    if name in {"exclusiveMinimum", "exclusiveMaximum"}:
        return not isinstance(value, bool)
    return not (name == "type" and value == "file")


def _modern(found: Json, fields: Json) -> Json:
    """What OpenAPI 3.0 and Swagger 2.0 say otherwise than JSON Schema does."""
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if fields.get(exclusive) is True and bound in found:
            found[exclusive] = found.pop(bound)
    if fields.get("nullable") is True or fields.get("x-nullable") is True:
        if isinstance(found.get("type"), str):
            found["type"] = [found["type"], "null"]
        if as_list(found.get("enum")) and None not in found["enum"]:
            found["enum"] = [*found["enum"], None]
    return found
