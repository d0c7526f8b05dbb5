"""A request of every kind that the data plane does, with names of connections wherever one can stand."""

import re
from typing import Any

from towpath.contracts.core.wire import Wire

CANDIDATES = ("items", "a", "A", "1", "1.0.0", "2026-01-01", "0" * 64, "items.items", "s3://items/items", "x/y")
BY_FORMAT = {"date-time": "2026-01-01T00:00:00Z", "date": "2026-01-01", "duration": "PT1S"}
CONNECTION = "connection"


def sample(request: type[Wire], name: str) -> Wire:
    """What must be there, and every connection, which is `name`. Of things that may be several, one that has one."""
    schema = request.model_json_schema()
    return request.model_validate(_Sampling(schema.get("$defs", {}), name).value(schema))


class _Sampling:
    def __init__(self, definitions: dict[str, Any], name: str) -> None:
        self._definitions = definitions
        self._name = name

    def value(self, schema: dict[str, Any]) -> Any:
        schema = self._followed(schema)
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        for several in ("oneOf", "anyOf"):
            if several in schema:
                return self.value(max(schema[several], key=self._has_connection))
        kind = schema.get("type")
        if kind == "object":
            return self._object(schema)
        if kind == "array":
            return [self.value(schema["items"])] * max(schema.get("minItems", 0), int(self._leads(schema["items"])))
        if kind == "string":
            return self._text(schema)
        return {"integer": 1, "number": 1.0, "boolean": False}.get(str(kind))

    def _object(self, schema: dict[str, Any]) -> dict[str, Any]:
        required = set(schema.get("required", ()))
        made = {
            field: self.value(inner)
            for field, inner in schema.get("properties", {}).items()
            if field in required or "const" in inner or self._leads(inner)
        }
        return made | {CONNECTION: self._name} if CONNECTION in schema.get("properties", {}) else made

    def _text(self, schema: dict[str, Any]) -> str:
        if "format" in schema:
            return BY_FORMAT[schema["format"]]
        pattern = schema.get("pattern", "")
        return next(text for text in CANDIDATES if re.search(pattern, text) and len(text) >= schema.get("minLength", 0))

    def _followed(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = self._definitions[schema["$ref"].rpartition("/")[2]]
        return schema

    def _has_connection(self, schema: dict[str, Any]) -> int:
        """A database before an API before a file."""
        fields = self._followed(schema)
        return (
            (CONNECTION in fields.get("properties", {}))
            + (CONNECTION in fields.get("required", ()))
            + ("table" in fields.get("properties", {}) and CONNECTION in fields.get("properties", {}))
        )

    def _leads(self, schema: dict[str, Any], depth: int = 0) -> bool:
        """Whether a connection can stand in it."""
        schema = self._followed(schema)
        inner = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("properties", {}).values()]
        inner += [schema["items"]] if isinstance(schema.get("items"), dict) else []
        return CONNECTION in schema.get("properties", {}) or (
            depth < 3 and any(self._leads(each, depth + 1) for each in inner)
        )
