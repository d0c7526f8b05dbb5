"""JSON Schemas of what steps give, as far as they are known: what a read of `steps.X` can be checked against."""

from typing import Any

from towpath.engine.language.catalogue import DefinitionCatalogue, KnownDocument, OperationEntry
from towpath.engine.language.http_step import HttpConfig, OpenApiConfig
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.shapes import as_list, as_object, resolve
from towpath.engine.language.steps import (
    ApiConfig,
    ClaudeConfig,
    FunctionConfig,
    HumanTaskConfig,
    MultiChannelConfig,
    WaitAnyConfig,
)

JsonSchema = dict[str, Any]
ANY: JsonSchema = {}
TEXT: JsonSchema = {"type": "string"}
_DEPTH = 20


def closed(**properties: JsonSchema) -> JsonSchema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


DECISION = closed(
    decision=TEXT,
    by=TEXT,
    at=TEXT,
    reason=TEXT,
    data={"type": "object"},
    approvals={"type": "array", "items": TEXT},
)
SUBMISSIONS = closed(
    runs={"type": "array", "items": closed(decision=TEXT, by=TEXT, at=TEXT, reason=TEXT, data={"type": "object"})}
)
ANSWER = closed(status={"type": "integer"}, headers={"type": "object"}, body=ANY)
ALL_PAGES = closed(items={"type": "array"}, pages={"type": "integer"})
EVENT: JsonSchema = {
    "type": "object",
    "properties": {
        "id": TEXT,
        "type": TEXT,
        "source": TEXT,
        "specversion": TEXT,
        "subject": TEXT,
        "time": ANY,
        "datacontenttype": TEXT,
        "data": ANY,
    },
    "required": ["id", "type", "source", "specversion", "subject", "data"],
    "additionalProperties": False,
}
RECEIVERS = closed(count={"type": "integer"}, runs={"type": "array", "items": TEXT})
FIXED: dict[str, JsonSchema] = {
    "http": ANSWER,
    "condition": closed(branch=TEXT),
    "human-task": DECISION,
    "notify": closed(status=TEXT, id=TEXT),
    "queue": closed(status=TEXT, id=TEXT),
    "emit": closed(event=EVENT, delivered=RECEIVERS, started=RECEIVERS, problems={"type": "array", "items": TEXT}),
}
RUN = closed(id=TEXT, key=TEXT, started_at={"x-kind": "date"}, trigger=TEXT, steps={"type": "object"})
RECORD = closed(
    status={"type": "string", "enum": ["completed", "failed", "skipped", "cancelled", "undone"]},
    attempts={"type": "integer"},
    error={
        "type": "object",
        "properties": {"code": TEXT, "message": TEXT, "type": TEXT, "status": ANY, "title": TEXT, "detail": TEXT},
        "additionalProperties": False,
    },
    duration={"x-kind": "duration"},
)
"""What `run.steps.ID` is once the step has ended. The fields of `error` are there when it failed, the last four when a
`raise` failed it.
"""
ERROR = closed(type=TEXT, status={"type": ["integer", "null"]}, title=TEXT, detail=TEXT, code=TEXT, message=TEXT)
"""An error that a step caught."""


def output_schema(node: PlanNode, catalogue: DefinitionCatalogue) -> JsonSchema:
    """{} where nothing is known."""
    if node.group is not None and node.group.for_each is not None:
        return {"type": "array", "items": {"type": "object"}}
    if node.group is not None:
        return closed(completed={"type": "array", "items": TEXT})
    if node.kind == "runs":
        return closed(runs={"type": "array", "items": ANY})
    if node.step is None:
        return ANY
    one = _one(node, catalogue)
    return one if node.step.for_each is None else {"type": "array", "items": one}


def _one(node: PlanNode, catalogue: DefinitionCatalogue) -> JsonSchema:
    step = node.step
    if step is None:
        return ANY
    whole = full_output(node, catalogue)
    return selected(whole, [path.split(".") for path in step.select], whole) if step.select else whole


def selected(schema: JsonSchema, paths: list[list[str]], root: JsonSchema) -> JsonSchema:
    """What is left of an output of which only some parts are kept."""
    schema = resolve(schema, root)
    if schema.get("type") == "array":
        return {"type": "array", "items": selected(as_object(schema.get("items")) or {}, paths, root)}
    if schema.get("type") != "object" or not as_object(schema.get("properties")):
        return ANY
    kept: JsonSchema = {}
    required: list[str] = []
    for key in dict.fromkeys(path[0] for path in paths):
        found, always = member(schema, key, root)
        rest = [path[1:] for path in paths if path[0] == key]
        if found is not None:
            kept[key] = selected(found, rest, root) if all(rest) else found
            required += [key] if always else []
    return {**closed(**kept), "required": required, "$defs": root.get("$defs") or {}}


def full_output(node: PlanNode, catalogue: DefinitionCatalogue) -> JsonSchema:
    """The schema of one output before anything of it is left out."""
    config, step = node.config, node.step
    if step is None:
        return ANY
    match config:
        case HttpConfig() if config.paging is not None:
            found = ALL_PAGES
        case FunctionConfig():
            function = catalogue.functions.get(config.handler)
            found = ANY if function is None else dict(function.result)
        case ApiConfig() | OpenApiConfig():
            operation = operation_called(config, catalogue)
            body = ANY if operation is None else dict(operation.result)
            found = body if isinstance(config, ApiConfig) else _of_operation(config, body)
        case ClaudeConfig():
            found = closed(text=TEXT) if config.output_schema is None else config.output_schema
        case WaitAnyConfig():
            found = closed(chosen={"type": "string", "enum": list(config.on)}, value=ANY)
        case HttpConfig():
            found = _answer(config)
        case MultiChannelConfig():
            found = _channels(config)
        case dict():
            found = closed(**{name: _constant(value) for name, value in config.items()})
        case _:
            is_repeatable = isinstance(config, HumanTaskConfig) and config.repeatable
            found = SUBMISSIONS if is_repeatable else FIXED.get(step.type, ANY)
    return found


def _of_operation(config: OpenApiConfig, body: JsonSchema) -> JsonSchema:
    if config.output == "raw":
        return TEXT
    if config.output != "response":
        return body
    sent = closed(method=TEXT, uri=TEXT, headers={"type": "object"})
    whole = closed(request=sent, status={"type": "integer"}, headers={"type": "object"}, body=body)
    return {**whole, **{name: body[name] for name in ("$defs", "components") if name in body}}


def operation_called(config: ApiConfig | OpenApiConfig, catalogue: DefinitionCatalogue) -> OperationEntry | None:
    if isinstance(config, ApiConfig):
        return catalogue.services.get(config.service, {}).get(config.method)
    return catalogue.documents.get(config.document, KnownDocument()).operations.get(config.operation)


def _answer(config: HttpConfig) -> JsonSchema:
    if config.output in {"body", "raw"}:
        return ANY if config.output == "body" else TEXT
    sent = closed(method=TEXT, uri=TEXT, headers={"type": "object"})
    request = {"request": sent} if config.output == "response" else {}
    return closed(**request, status={"type": "integer"}, headers={"type": "object"}, body=ANY)


def _channels(config: MultiChannelConfig) -> JsonSchema:
    answer = closed(status=TEXT, id=ANY, error=ANY, attempts={"type": "integer"})
    names = [channel.name for channel in config.channels]
    return closed(**dict.fromkeys(names, answer)) if len(set(names)) == len(names) else {"type": "object"}


def _constant(value: Any) -> JsonSchema:
    """The schema of a value that holds no template."""
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, (int, float)):
        return {"type": "number"}
    return TEXT if isinstance(value, str) and "{{" not in value else ANY


def item_schema(schema: JsonSchema, root: JsonSchema) -> JsonSchema:
    """The schema of the items of lists, however often they are nested; any other schema as it is."""
    for _ in range(_DEPTH):
        schema = resolve(schema, root)
        if schema.get("type") != "array":
            return schema
        schema = as_object(schema.get("items")) or {}
    return {}


def member(schema: JsonSchema, key: str, root: JsonSchema) -> tuple[JsonSchema | None, bool]:
    """The schema of a property, None when there can be none; and whether it is always there."""
    schema = resolve(schema, root)
    properties = as_object(schema.get("properties")) or {}
    if key in properties:
        return resolve(as_object(properties[key]) or {}, root), key in (as_list(schema.get("required")) or [])
    if not schema or schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf") or "type" not in schema:
        return ANY, True
    if schema.get("type") != "object":
        return None, False
    extra = schema.get("additionalProperties", not properties)
    if extra is False:
        return None, False
    return as_object(extra) or ANY, True
