"""An answer to a schema that nobody wrote a handler for: fields of the input with the same name, the rest is empty.

Nothing is invented: what the input does not hold becomes "unknown", an empty list, 0 or false. A string of a format
that "unknown" would break gets a value that is visibly none.
"""

from typing import cast

from pydantic import JsonValue

JsonObject = dict[str, JsonValue]

PLACEHOLDERS = {
    "date-time": "1970-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "date": "1970-01-01",
    "duration": "PT0S",
    "email": "unknown@offline.invalid",
    "hostname": "offline.invalid",
    "uri": "https://offline.invalid/",
    "ipv4": "192.0.2.0",
    "ipv6": "2001:db8::",
    "uuid": "00000000-0000-0000-0000-000000000000",
}


def filled(schema: JsonObject, given: JsonObject) -> JsonValue:
    """A value for a strict schema, which has no recursion."""
    return _Filling(_object(schema.get("$defs")), given).fill(schema, given)


class _Filling:
    def __init__(self, definitions: JsonObject, given: JsonObject) -> None:
        self._definitions = definitions
        self._given = given

    def fill(self, node: JsonObject, given: JsonValue) -> JsonValue:
        """`given` is what the input holds under the name of this node, None when it holds nothing."""
        if "$ref" in node:
            return self.fill(_object(self._definitions[str(node["$ref"]).rpartition("/")[2]]), given)
        choices = [node["const"]] if "const" in node else _list(node.get("enum"))
        if choices:
            return given if given in choices else choices[0]
        variants = [_object(variant) for variant in _list(node.get("anyOf"))]
        if variants:
            return self.fill(_fitting(variants, given), given)
        parts = [self.fill(_object(part), given) for part in _list(node.get("allOf"))]
        if parts:
            return {name: value for part in parts for name, value in _object(part).items()} or parts[0]
        return self._typed(node, given)

    def _typed(self, node: JsonObject, given: JsonValue) -> JsonValue:
        kinds = _list(node.get("type")) or [node.get("type")]
        kind = next((kind for kind in kinds if _is(kind, given)), "null" if "null" in kinds else kinds[0])
        if kind == "object":
            known = _object(given) or self._given
            children = _object(node.get("properties")).items()
            return {name: self.fill(_object(child), known.get(name)) for name, child in children}
        if kind == "array":
            return self._items(node, _list(given))
        return _scalar(kind, str(node.get("format", "")), given)

    def _items(self, node: JsonObject, given: list[JsonValue]) -> JsonValue:
        wanted = _object(node.get("items"))
        entries = given or ([None] if node.get("minItems") == 1 else [])
        return [self.fill(wanted, entry) for entry in entries] if wanted else entries


def _fitting(variants: list[JsonObject], given: JsonValue) -> JsonObject:
    """The variant that takes what was given; without anything given, null if it may be."""
    same = (variant for variant in variants if _is(variant.get("type"), given))
    return next(same, variants[0])


def _is(kind: JsonValue, given: JsonValue) -> bool:
    if given is None:
        return kind == "null"
    if isinstance(given, bool):
        return kind == "boolean"
    if isinstance(given, int):
        return kind in ("integer", "number")
    names = {float: "number", str: "string", list: "array", dict: "object"}
    return kind == names[type(given)]


def _scalar(kind: JsonValue, form: str, given: JsonValue) -> JsonValue:
    if kind == "null":
        return None
    if kind == "boolean":
        return given is True
    if kind in ("integer", "number"):
        return given if _is(kind, given) else 0
    if form in PLACEHOLDERS:
        return given if isinstance(given, str) and given else PLACEHOLDERS[form]
    if isinstance(given, (str, int, float)) and not isinstance(given, bool):
        return str(given) or "unknown"
    return "unknown"


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _list(value: JsonValue) -> list[JsonValue]:
    return cast("list[JsonValue]", value) if isinstance(value, list) else []
