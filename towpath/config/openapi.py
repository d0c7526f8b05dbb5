"""The services' OpenAPI documents as operations: their routes, parameters, and checks of request and answer."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import quote

from pydantic import JsonValue

from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.contracts.core.wire import JsonObject
from towpath.engine.matching.validating import broken
from towpath.policy.core.web_path import leads_elsewhere

DOCUMENTS = "towpath.openapi"
IDEMPOTENCY_HEADER = "Idempotency-Key"
ALIASES = "x-aliases"
FORM = "application/x-www-form-urlencoded"
WHOLE = "x-whole"
"""In what is frozen of somebody else's document: whether the body is one parameter."""
_IN_PATH = re.compile(r"\{([^{}]*)\}")
METHODS = ("get", "put", "post", "patch", "delete")

Json = dict[str, Any]
"""A part of an OpenAPI document: JSON of a shape that the specification defines."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to send: path below the service's base URL, query, headers and body: JSON, or a form."""

    method: str
    path: str
    query: Mapping[str, str | list[str]]
    body: JsonValue
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a service, named by its operationId."""

    service: str
    operation_id: str
    method: str
    path: str
    path_names: Sequence[str]
    query_names: Sequence[str]
    keyed: bool
    """Whether it has an effect, and so takes an idempotency key."""
    body: Json | None = field(repr=False)
    answers: Mapping[str, Json] = field(repr=False)
    summary: str = ""
    params: Json = field(default_factory=dict[str, Any], repr=False)
    """JSON Schema of all parameters, flat, as `request` takes them."""
    result: Json = field(default_factory=dict[str, Any], repr=False)
    """JSON Schema of the answer to success."""
    header_names: Sequence[str] = ()
    joined: frozenset[str] = frozenset()
    """Query parameters whose values stand in one text, with commas between."""
    is_whole: bool = False
    """Whether the body is one parameter, `body`, and its fields are not parameters of their own."""
    is_form: bool = False
    needs_body: bool = True

    def request(self, params: JsonObject) -> Request:
        """The request for flat parameters. Raises ServiceError with the names, never the values, that are wrong."""
        beside = {*self.path_names, *self.query_names, *self.header_names}
        body = self._body({name: value for name, value in params.items() if name not in beside})
        missing = [name for name in self.path_names if params.get(name) in (None, "")]
        if missing:
            raise self._bad_request(f"path parameter missing: {', '.join(missing)}")
        parts = {name: self._text(name, params[name]) for name in self.path_names}
        odd = [name for name, text in parts.items() if leads_elsewhere(text)]
        if odd:
            raise self._bad_request(f"path parameter that would lead elsewhere: {', '.join(odd)}")
        path = _IN_PATH.sub(lambda found: quote(parts[found[1]], safe=""), self.path)
        query = {name: self._query(name, params[name]) for name in self.query_names if params.get(name) is not None}
        headers = {name: self._text(name, params[name]) for name in self.header_names if params.get(name) is not None}
        headers |= {"content-type": FORM} if self.is_form and body is not None else {}
        return Request(self.method.upper(), path, query, body, headers)

    def _body(self, given: JsonObject) -> JsonValue:
        if self.body is None or (self.is_whole and given.keys() - {"body"}):
            unknown = sorted(given.keys() - ({"body"} if self.is_whole else set()))
            if unknown:
                raise self._bad_request(f"unknown parameter: {', '.join(unknown)}")
            return None
        if not given and not self.needs_body:
            return None
        body = given.get("body") if self.is_whole else given
        self._check(self.body, body)
        return body

    def _query(self, name: str, value: JsonValue) -> str | list[str]:
        if not isinstance(value, list) or name in self.joined:
            return self._text(name, value)
        return [self._text(name, part) for part in value]

    def _text(self, name: str, value: JsonValue) -> str:
        """A parameter as OpenAPI's default styles write it: values of a list with commas between."""
        parts = [_scalar(part) for part in (value if isinstance(value, list) else [value])]
        if any(part is None for part in parts):
            raise self._bad_request(f"parameter that is no text, number or list of them: {name}")
        return ",".join(filter(None, parts))

    def check_value(self, status: int, answer: JsonValue) -> JsonValue:
        """Any answer to success, when it keeps the schema that its document has for it, if it has one."""
        schema = self.answers.get(str(status)) or self.answers.get("2XX")
        error = None if schema is None else next(broken(schema, answer), None)
        if error is not None:
            raise self.bad_answer(status, error)
        return answer

    def check_answer(self, status: int, answer: JsonObject | None) -> JsonObject:
        """The answer as an object, when it keeps the schema of its status. Raises ServiceError."""
        schema = self.answers.get(str(status)) or self.answers.get(f"{status // 100}XX")
        if schema is None or answer is None:
            raise self.bad_answer(status, "its status or type is not in the service's contract")
        error = next(broken(schema, answer), None)
        if error is not None:
            raise self.bad_answer(status, error)
        return answer

    def bad_answer(self, status: int, why: str) -> ServiceError:
        return ServiceError(
            FailureCode.SERVICE_BAD_RESPONSE,
            f"{self.service} {self.operation_id}: answer cannot be used: {why}",
            evidence={"service": self.service, "operation": self.operation_id, "status": status},
        )

    def _check(self, schema: Json, body: JsonValue) -> None:
        wrong = list(broken(schema, body))
        if wrong:
            raise self._bad_request("; ".join(wrong))

    def _bad_request(self, why: str) -> ServiceError:
        return ServiceError(
            FailureCode.SERVICE_BAD_REQUEST,
            f"{self.service} {self.operation_id}: {why}",
            evidence={"service": self.service, "operation": self.operation_id},
        )


@cache
def operations(service: str) -> Mapping[str, Operation]:
    """All operations of one service by operationId, and by other names that its document gives them (`x-aliases`).

    Raises ServiceError for a service without a document.
    """
    name = service_name(service)
    document = _document(name)
    found: dict[str, Operation] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = make_operation(name, document, path, method, item[method])
                found |= dict.fromkeys([operation.operation_id, *item[method].get(ALIASES, [])], operation)
    return found


@cache
def service_name(service: str) -> str:
    """The name of a service's document, from that or another name that the document gives it. Raises ServiceError."""
    for name in services():
        if service in (name, *_document(name)["info"].get(ALIASES, [])):
            return name
    raise ServiceError(FailureCode.SERVICE_BAD_REQUEST, f"there is no service {service!r}; known: {services()}")


def services() -> tuple[str, ...]:
    names = (entry.name for entry in resources.files(DOCUMENTS).iterdir())
    return tuple(sorted(name.removesuffix(".json") for name in names if name.endswith(".json")))


def service_names(service: str) -> tuple[str, ...]:
    """All names of a service, its document's name first."""
    return (service, *_document(service)["info"].get(ALIASES, []))


@cache
def _document(service: str) -> Json:
    text = resources.files(DOCUMENTS).joinpath(f"{service}.json").read_text(encoding="utf-8")
    document: Json = json.loads(text)
    return document


def operation_of(service: str, frozen: Json) -> Operation:
    """An operation by what was frozen of it, which is a document by itself."""
    return make_operation(service, frozen, frozen["path"], frozen["method"], frozen)


def make_operation(service: str, document: Json, path: str, method: str, spec: Json) -> Operation:
    parameters = [_resolve(document, parameter) for parameter in spec.get("parameters", [])]
    body = spec.get("requestBody")
    return Operation(
        service=service,
        operation_id=spec["operationId"],
        method=method,
        path=path,
        path_names=[parameter["name"] for parameter in parameters if parameter["in"] == "path"],
        query_names=[parameter["name"] for parameter in parameters if parameter["in"] == "query"],
        keyed=any(parameter["name"] == IDEMPOTENCY_HEADER for parameter in parameters),
        body=None if body is None else _closed(document, _schema(body)),
        answers={
            status: _closed(document, _schema(answer))
            for status, answer in spec["responses"].items()
            if "application/json" in answer.get("content", {})
        },
        summary=spec.get("summary", ""),
        params=_params(document, parameters, body),
        result=_result(document, spec["responses"]),
        header_names=[parameter["name"] for parameter in parameters if _is_header(parameter)],
        joined=frozenset(parameter["name"] for parameter in parameters if parameter.get("explode") is False),
        is_whole=body is not None and body.get(WHOLE) is True,
        is_form=body is not None and body.get("x-form") is True,
        needs_body=body is None or WHOLE not in body or body.get("required") is True,
    )


def _params(document: Json, parameters: Sequence[Json], body: Json | None) -> Json:
    """Path and query parameters, and the body's fields, side by side."""
    properties: Json = {}
    required: list[str] = []
    for parameter in parameters:
        if parameter["in"] in {"path", "query"} or _is_header(parameter):
            properties[parameter["name"]] = parameter.get("schema", {})
            required += [parameter["name"]] if parameter.get("required") else []
    if body is not None and WHOLE in body:
        return _with_body(document, properties, required, body)
    fields = {} if body is None else _resolve(document, _schema(body))
    return {
        "type": "object",
        "properties": properties | fields.get("properties", {}),
        "required": required + fields.get("required", []),
        "additionalProperties": bool(fields) and fields.get("additionalProperties", True) is not False,
        "components": document["components"],
    }


def _with_body(document: Json, properties: Json, required: list[str], body: Json) -> Json:
    """Of somebody else's document: the body's fields beside the parameters, or the body as one of them. What the fields
    do not say of others is that there are none.
    """
    schema, is_needed = _schema(body), body.get("required") is True
    fields = _followed(document, schema)
    closed = fields.get("additionalProperties", False) is False
    if body[WHOLE]:
        properties, closed = {**properties, "body": schema}, True
        required = [*required, *(["body"] if is_needed else [])]
    else:
        properties = properties | fields["properties"]
        required = [*required, *(fields.get("required", []) if is_needed else [])]
    found: Json = {"type": "object", "properties": properties, "required": required}
    return {**found, "additionalProperties": not closed, "components": document["components"]}


def _followed(document: Json, schema: Json) -> Json:
    while "$ref" in schema:
        schema = _resolve(document, schema)
    return schema


def _is_header(parameter: Json) -> bool:
    return parameter["in"] == "header" and parameter["name"].lower() != IDEMPOTENCY_HEADER.lower()


def _scalar(value: JsonValue) -> str | None:
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else None


def _result(document: Json, responses: Json) -> Json:
    for status, answer in responses.items():
        if status.startswith("2") and "application/json" in answer.get("content", {}):
            return {**_resolve(document, _schema(answer)), "components": document["components"]}
    return {}


def _schema(holder: Json) -> Json:
    return holder["content"]["application/json"]["schema"]


def _closed(document: Json, schema: Json) -> Json:
    """The schema with all that it refers to."""
    return {**schema, "components": document["components"]}


def _resolve(document: Json, item: Json) -> Json:
    reference: str | None = item.get("$ref")
    if reference is None:
        return item
    found = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found
