"""An answer to a schema that no template is for: fields of the input with the same name, the rest is empty.

Nothing is invented: what the input does not hold becomes "unknown", an empty list, 0 or false. A string of a format
that "unknown" would break gets a value that is visibly none.
"""

from typing import Any

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
EMPTY: JsonObject = {"null": None, "boolean": False, "integer": 0, "number": 0, "string": "unknown"}
_PYTHON = {"boolean": bool, "integer": int, "number": (int, float), "string": str, "array": list, "object": dict}


def filled(schema: JsonObject, given: JsonObject) -> JsonValue:
    """A value for a strict schema, which has no recursion."""
    return _Filling(schema.get("$defs"), given).fill(schema, given)


class _Filling:
    """Nodes are parts of a schema that was let through, so their keywords are well-formed."""

    def __init__(self, definitions: Any, given: JsonObject) -> None:
        self._definitions = definitions
        self._given = given

    def fill(self, node: Any, given: JsonValue) -> JsonValue:
        """`given` is what the input holds under the name of this node, None when it holds nothing."""
        if "$ref" in node:
            return self.fill(self._definitions[node["$ref"].rpartition("/")[2]], given)
        choices = [node["const"]] if "const" in node else node.get("enum")
        if choices:
            return given if given in choices else choices[0]
        if "anyOf" in node:
            variants = node["anyOf"]
            return self.fill(next((one for one in variants if _is(one.get("type"), given)), variants[0]), given)
        if "allOf" in node:
            parts = [self.fill(part, given) for part in node["allOf"]]
            return {name: value for part in parts if isinstance(part, dict) for name, value in part.items()} or parts[0]
        return self._typed(node, given)

    def _typed(self, node: Any, given: JsonValue) -> JsonValue:
        kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
        kind = next((kind for kind in kinds if _is(kind, given)), "null" if "null" in kinds else kinds[0])
        if kind == "object":
            known = given if isinstance(given, dict) and given else self._given
            return {name: self.fill(child, known.get(name)) for name, child in node.get("properties", {}).items()}
        if kind == "array":
            listed = given if isinstance(given, list) else []
            entries = listed or ([None] if node.get("minItems") == 1 else [])
            return [self.fill(node["items"], entry) for entry in entries] if node.get("items") else entries
        return _scalar(kind, node.get("format", ""), given)


def _is(kind: Any, given: JsonValue) -> bool:
    if kind == "null" or isinstance(given, bool):
        return given is None or (isinstance(given, bool) and kind == "boolean")
    return isinstance(given, _PYTHON.get(str(kind), ()))


def _scalar(kind: str, form: str, given: JsonValue) -> JsonValue:
    if _is(kind, given) and given != "":
        return given
    if kind == "string" and form in PLACEHOLDERS:
        return PLACEHOLDERS[form]
    return str(given) if kind == "string" and _is("number", given) else EMPTY[kind]
