"""JSON Schema of the language, made from its models, for editors. It refers to nothing outside itself."""

from collections.abc import Mapping
from typing import Any

from towpath.engine.language.definition import FALLBACKS, TRIGGERS, Header
from towpath.engine.language.model import Model
from towpath.engine.language.schema_rules import add_rules
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.steps import CONFIGS, Group, Step

DURATION = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w))+$|^P[0-9WDTHMS.]+$|\{\{"
ONE_OF: Mapping[str, tuple[str, ...]] = {
    "WaitConfig": ("for", "until", "event"),
    "Choice": ("event", "after", "human-task"),
    "NotifyChannel": ("email", "slack", "crm"),
    "ForEach": ("in", "times", "on_event"),
    "HttpAuth": ("basic", "bearer", "oauth2_client_credentials"),
}
"""Models of which exactly one field is given."""
NEEDED = frozenset({"ConditionConfig", *ONE_OF})
BRANCHES: list[dict[str, Any]] = [
    {"required": ["if", "then"], "not": {"required": ["switch"]}},
    {"required": ["switch", "default"], "not": {"required": ["if"]}},
]
ESCALATION: dict[str, Any] = {
    "if": {"properties": {"on_timeout": {"const": "escalate"}}, "required": ["on_timeout"]},
    "then": {"properties": {"escalate": {"minItems": 1}}, "required": ["escalate"]},
}
TYPES = ["array", "boolean", "integer", "null", "number", "object", "string"]
SCHEMA: dict[str, str] = {"$ref": "#/$defs/JsonSchema"}
JSON_SCHEMA: dict[str, Any] = {
    "description": "The keywords of JSON Schema 2020-12 that are written by hand; check knows all of them.",
    "type": ["object", "boolean"],
    "properties": {
        "type": {"anyOf": [{"enum": TYPES}, {"type": "array", "items": {"enum": TYPES}, "minItems": 1}]},
        "enum": {"type": "array"},
        "required": {"type": ["array", "boolean"], "items": {"type": "string"}, "uniqueItems": True},
        "pattern": {"type": "string", "format": "regex"},
        **{name: {"type": "string"} for name in ("title", "description", "format", "$ref")},
        **{name: {"type": "number"} for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")},
        "multipleOf": {"type": "number", "exclusiveMinimum": 0},
        **{
            name: {"type": "integer", "minimum": 0}
            for name in ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
        },
        "uniqueItems": {"type": "boolean"},
        **dict.fromkeys(("items", "contains", "additionalProperties", "not", "if", "then", "else"), SCHEMA),
        **{name: {"type": "array", "items": SCHEMA} for name in ("allOf", "anyOf", "oneOf", "prefixItems")},
        **{
            name: {"type": "object", "additionalProperties": SCHEMA}
            for name in ("properties", "patternProperties", "$defs")
        },
    },
}
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def language_schema() -> dict[str, Any]:
    """Draft 2020-12. What a schema cannot say, `definition check` does."""
    definitions: dict[str, Any] = {}
    document = _take(Header, definitions)
    document["properties"]["triggers"]["items"] = {"oneOf": [_ref(model, definitions) for model in TRIGGERS.values()]}
    handling = definitions["ErrorHandling"]["properties"]["fallback"]
    handling["items"] = {"oneOf": [_ref(model, definitions) for model in dict.fromkeys(FALLBACKS.values())]}
    step = _take(Step, definitions)
    step["properties"]["type"] = {"enum": list(CONFIGS)}
    step["dependentRequired"] = {"back_to": ["max"], "max": ["back_to"], "exhausted": ["back_to"]}
    step["allOf"] = _by_type(CONFIGS, definitions)
    for call in ("StepCall", "OutcomeCheck"):
        definitions[call]["allOf"] = _by_type(
            {kind: CONFIGS[kind] for kind in ("http", "api", "openapi", "function")}, definitions
        )
    definitions["Step"] = step
    definitions["JsonSchema"] = JSON_SCHEMA
    definitions["Group"] = _take(Group, definitions)
    definitions["Entry"] = {
        "if": {"required": ["parallel"]},
        "then": {"$ref": "#/$defs/Group"},
        "else": {"$ref": "#/$defs/Step"},
    }
    document["properties"]["steps"]["minItems"] = 1
    definitions["Group"]["properties"]["parallel"]["minItems"] = 1
    for name, fields in ONE_OF.items():
        definitions[name]["oneOf"] = [{"required": [field]} for field in fields]
    definitions["ConditionConfig"]["oneOf"] = BRANCHES
    definitions["HumanTaskConfig"] |= ESCALATION
    add_rules(document, definitions)
    return {"$schema": DRAFT, "title": "Workflow definition", **document, "$defs": definitions}


def _by_type(configs: Mapping[str, type[Model] | None], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """What `config` holds, by `type`; where something in it must be given, so must it."""
    found: list[dict[str, Any]] = []
    for kind, model in configs.items():
        config: dict[str, Any] = {"type": "object"} if model is None else _ref(model, definitions)
        needed = model is not None and (
            any(info.is_required() for info in model.model_fields.values()) or model.__name__ in NEEDED
        )
        then: dict[str, Any] = {"properties": {"config": config}} | ({"required": ["config"]} if needed else {})
        found.append({"if": {"properties": {"type": {"const": kind}}, "required": ["type"]}, "then": then})
    return found


def _ref(model: Any, definitions: dict[str, Any]) -> dict[str, str]:
    definitions[model.__name__] = _take(model, definitions)
    return {"$ref": f"#/$defs/{model.__name__}"}


def _take(model: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """A model's schema, what it is made of moved to the shared definitions."""
    found: dict[str, Any] = _linked(model.model_json_schema(ref_template="#/$defs/{model}"))
    definitions.update(found.pop("$defs", {}))
    return found


def _linked(value: Any) -> Any:
    """Marks of the models as references, which the models' own generator does not take."""
    fields, items = as_object(value), as_list(value)
    if fields is not None:
        if "x-entry" in fields:
            return {"$ref": "#/$defs/Entry"}
        if "x-json-schema" in fields:
            return SCHEMA
        if "x-duration" in fields:
            return {**fields, "pattern": DURATION}
        return {name: _linked(inner) for name, inner in fields.items() if name != "x-schema"}
    return [_linked(inner) for inner in items] if items is not None else value
