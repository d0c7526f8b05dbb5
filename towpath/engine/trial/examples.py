"""A plausible output of a step when nobody says what it answers: the least that its schema takes."""

from datetime import datetime
from typing import Any

from pydantic import JsonValue

from towpath.engine.expression.values import as_text
from towpath.engine.language.http_step import HttpConfig
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.shapes import as_list, as_object, resolve
from towpath.engine.language.steps import ClaudeConfig, MultiChannelConfig, WorkflowConfig
from towpath.engine.run.delivering import channel_names

_DEPTH = 12
SCALARS: dict[str, JsonValue] = {"string": "", "number": 0, "integer": 0, "boolean": False, "null": None}


def example_output(node: PlanNode, now: datetime) -> JsonValue:
    kind = "" if node.step is None else node.step.type
    if isinstance(node.config, ClaudeConfig):
        return {"text": ""} if node.config.output_schema is None else example(node.config.output_schema)
    if isinstance(node.config, MultiChannelConfig):
        delivered: JsonValue = {"status": "delivered", "id": "test", "error": None, "attempts": 1}
        return dict.fromkeys(channel_names([channel.name for channel in node.config.channels]), delivered)
    if isinstance(node.config, WorkflowConfig) and not node.config.wait:
        return {"id": "test", "run_id": "test"}
    if isinstance(node.config, HttpConfig):
        return _answer(node.config)
    if kind in {"human-task", "wait-any"}:
        return {
            "decision": "approve",
            "by": "tester",
            "at": as_text(now),
            "reason": "",
            "data": {},
            "approvals": ["tester"],
        }
    return {"status": "delivered", "id": "test"} if kind in {"notify", "queue"} else {}


def _answer(config: HttpConfig) -> JsonValue:
    if config.paging is not None:
        return {"items": [], "pages": 1}
    if config.output in {"body", "raw"}:
        return {} if config.output == "body" else ""
    whole: JsonValue = {"status": 200, "headers": {}, "body": {}}
    sent: JsonValue = {"method": config.method, "uri": config.url, "headers": {}}
    return {"request": sent, **whole} if config.output == "response" else whole


def example(schema: dict[str, Any], root: dict[str, Any] | None = None, depth: int = 0) -> JsonValue:
    """The least value that a schema takes, as far as its types, names, constants and choices tell."""
    whole = schema if root is None else root
    schema = resolve(schema, whole)
    if depth > _DEPTH:
        return None
    found, value = _said(schema)
    if found:
        return value
    variants = as_list(schema.get("anyOf")) or as_list(schema.get("oneOf"))
    kinds = schema.get("type")
    kind = (as_list(kinds) or [kinds])[0]
    if variants:
        value = example(as_object(variants[0]) or {}, whole, depth + 1)
    elif kind == "array":
        value = [example(as_object(schema.get("items")) or {}, whole, depth + 1)] if schema.get("minItems") else []
    elif kind in SCALARS:
        value = schema.get("minimum", SCALARS[kind]) if kind in {"number", "integer"} else SCALARS[kind]
    else:
        value = _object(schema, whole, depth)
    return value


def _said(schema: dict[str, Any]) -> tuple[bool, JsonValue]:
    """A value that the schema itself names."""
    for name in ("const", "default"):
        if name in schema:
            return True, schema[name]
    choices = as_list(schema.get("enum")) or as_list(schema.get("examples"))
    return (True, choices[0]) if choices else (False, None)


def _object(schema: dict[str, Any], whole: dict[str, Any], depth: int) -> JsonValue:
    properties = as_object(schema.get("properties")) or {}
    return {
        name: example(as_object(properties.get(name)) or {}, whole, depth + 1)
        for name in as_list(schema.get("required")) or []
    }
