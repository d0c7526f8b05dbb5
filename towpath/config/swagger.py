"""Swagger 2.0 documents in the words of OpenAPI 3, as far as calls of operations need them."""

from typing import Any

from towpath.config.document_schemas import Json
from towpath.engine.language.shapes import as_list, as_object

METHODS = ("get", "put", "post", "patch", "delete", "head", "options")
_OF_PARAMETER = frozenset({"name", "in", "required", "description"})
JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


def from_swagger(document: Json) -> Json:
    """The document as OpenAPI 3.0; what has the wrong shape is left as it is, and told later."""
    shared = as_object(document.get("parameters")) or {}
    components: Json = {"schemas": as_object(document.get("definitions")) or {}}
    components["responses"] = {
        name: _response(answer) for name, answer in (as_object(document.get("responses")) or {}).items()
    }
    paths = {path: _path(entry, shared, document) for path, entry in (as_object(document.get("paths")) or {}).items()}
    found: Json = {"openapi": "3.0.3", "info": document.get("info"), "paths": paths, "components": components}
    host = document.get("host")
    if isinstance(host, str):
        schemes = as_list(document.get("schemes")) or ["https"]
        scheme = "https" if "https" in schemes else schemes[0]
        found["servers"] = [{"url": f"{scheme}://{host}{document.get('basePath') or ''}"}]
    elif document.get("basePath") is not None:
        found["servers"] = [{"url": document.get("basePath")}]
    return _moved(found)


def _path(entry: Any, shared: Json, document: Json) -> Any:
    item = as_object(entry)
    if item is None:
        return entry
    of_path = as_list(item.get("parameters")) or []
    return {
        method: _operation(operation, of_path, shared, document)
        for method, operation in item.items()
        if method in METHODS
    }


def _operation(given: Any, of_path: list[Any], shared: Json, document: Json) -> Any:
    spec = as_object(given)
    if spec is None:
        return given
    parameters = [_named(entry, shared) for entry in (*of_path, *(as_list(spec.get("parameters")) or []))]
    takes = as_list(spec.get("consumes")) or as_list(document.get("consumes")) or [JSON_TYPE]
    found: Json = {name: spec[name] for name in ("operationId", "summary") if name in spec}
    found["parameters"] = [_parameter(entry) for entry in parameters if entry.get("in") not in {"body", "formData"}]
    bodies = [entry for entry in parameters if entry.get("in") == "body"]
    fields = [entry for entry in parameters if entry.get("in") == "formData"]
    if bodies:
        kind = next((str(kind) for kind in takes if "json" in str(kind)), str(takes[0]))
        content: Json = {kind: {"schema": bodies[0].get("schema") or {}}}
        found["requestBody"] = {"required": bodies[0].get("required") is True, "content": content}
    elif fields:
        is_file = any(entry.get("type") == "file" for entry in fields)
        schema: Json = {
            "type": "object",
            "properties": {str(entry.get("name")): _schema(entry) for entry in fields},
        }
        needed = [entry.get("name") for entry in fields if entry.get("required") is True]
        schema |= {"required": needed} if needed else {}
        found["requestBody"] = {"content": {"multipart/form-data" if is_file else FORM_TYPE: {"schema": schema}}}
    answers = as_object(spec.get("responses")) or {}
    return {**found, "responses": {status: _response(answer) for status, answer in answers.items()}}


def _named(entry: Any, shared: Json) -> Json:
    fields = as_object(entry) or {}
    reference = fields.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/parameters/"):
        return as_object(shared.get(reference.removeprefix("#/parameters/"))) or {}
    return fields


def _parameter(entry: Json) -> Json:
    found = {name: entry[name] for name in _OF_PARAMETER if name in entry}
    style: Json = {}
    if entry.get("type") == "array":
        many = entry.get("collectionFormat", "csv")
        style = {"explode": many == "multi"} if many in {"csv", "multi"} else {"style": many}
    return {**found, **style, "schema": _schema(entry)}


def _schema(entry: Json) -> Json:
    return {name: value for name, value in entry.items() if name not in _OF_PARAMETER and name != "collectionFormat"}


def _response(answer: Any) -> Any:
    fields = as_object(answer)
    if fields is None or "schema" not in fields:
        return answer
    return {"description": fields.get("description", ""), "content": {JSON_TYPE: {"schema": fields["schema"]}}}


def _moved(value: Any) -> Any:
    """References to where Swagger keeps its parts, changed to where OpenAPI does."""
    fields, items = as_object(value), as_list(value)
    if fields is not None:
        return {
            name: _reference(inner) if name == "$ref" and isinstance(inner, str) else _moved(inner)
            for name, inner in fields.items()
        }
    return value if items is None else [_moved(inner) for inner in items]


def _reference(text: str) -> str:
    for before, after in (("#/definitions/", "#/components/schemas/"), ("#/responses/", "#/components/responses/")):
        if text.startswith(before):
            return after + text.removeprefix(before)
    return text
