"""JSON Schema of a pipeline's file, for editors: the contracts' own, with durations as they are written in files."""

from typing import Any

from towpath.contracts.pipeline.pipeline import PipelineConfig
from towpath.engine.language.shapes import as_list, as_object
from towpath.policy.pipeline.configuration import NULLS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DURATION = {"type": "string", "pattern": "^[0-9P]", "examples": ["15m", "2h", "7d"]}
_LEFT_OUT = frozenset({"discriminator"})
"""A word of OpenAPI."""


def pipeline_schema() -> dict[str, Any]:
    """Unknown fields are refused by it, as by the check. It needs no network."""
    return {"$schema": DIALECT, **_closed(PipelineConfig.model_json_schema())}


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("format") == "duration":
        kept = {name: value for name, value in schema.items() if name in {"title", "description"}}
        return {**kept, **_DURATION}
    found = {name: _inside(value, name) for name, value in schema.items() if name not in _LEFT_OUT}
    if "properties" in found:
        found.setdefault("additionalProperties", False)
        for name in sorted(NULLS & found["properties"].keys()):
            found["properties"][name] = {"anyOf": [found["properties"][name], {"type": "null"}]}
    return found


def _inside(value: Any, name: str) -> Any:
    fields, items = as_object(value), as_list(value)
    if items is not None and name in {"anyOf", "oneOf", "allOf", "prefixItems"}:
        return [_inside(item, "") for item in items]
    if fields is None or name in {"default", "const", "examples"}:
        return value
    if name in {"properties", "$defs"}:
        return {inner: _inside(one, "") for inner, one in fields.items()}
    return _closed(fields)
