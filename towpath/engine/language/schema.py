"""JSON Schema of the language, made from its models, for editors."""

from typing import Any

from towpath.engine.language.definition import FALLBACKS, TRIGGERS, Header
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.steps import CONFIGS, Group, Step

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
    step["allOf"] = [
        {
            "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
            "then": {"properties": {"config": {"type": "object"} if model is None else _ref(model, definitions)}},
        }
        for kind, model in CONFIGS.items()
    ]
    definitions["Step"] = step
    definitions["Group"] = _take(Group, definitions)
    definitions["Entry"] = {
        "if": {"required": ["parallel"]},
        "then": {"$ref": "#/$defs/Group"},
        "else": {"$ref": "#/$defs/Step"},
    }
    return {"$schema": DRAFT, "title": "Workflow definition", **document, "$defs": definitions}


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
        return {name: _linked(inner) for name, inner in fields.items() if name != "x-schema"}
    return [_linked(inner) for inner in items] if items is not None else value
