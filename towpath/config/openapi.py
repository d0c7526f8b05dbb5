"""The services' OpenAPI documents as operations: their routes, parameters, and checks of request and answer."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Protocol, cast
from urllib.parse import quote

from jsonschema import Draft202012Validator, ValidationError

from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.contracts.core.wire import JsonObject

DOCUMENTS = "towpath.openapi"
IDEMPOTENCY_HEADER = "Idempotency-Key"
ALIASES = "x-aliases"
METHODS = ("get", "put", "post", "patch", "delete")

Json = dict[str, Any]
"""A part of an OpenAPI document: JSON of a shape that the specification defines."""


class Validator(Protocol):
    """What is used of a jsonschema validator."""

    def iter_errors(self, instance: JsonObject) -> Iterator[ValidationError]: ...


@dataclass(frozen=True, slots=True)
class Request:
    """What to send: path below the service's base URL, query and JSON body."""

    method: str
    path: str
    query: Mapping[str, str]
    body: JsonObject | None


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
    body: Validator | None = field(repr=False)
    answers: Mapping[str, Validator] = field(repr=False)
    summary: str = ""
    params: Json = field(default_factory=dict[str, Any], repr=False)
    """JSON Schema of all parameters, flat, as `request` takes them."""
    result: Json = field(default_factory=dict[str, Any], repr=False)
    """JSON Schema of the answer to success."""

    def request(self, params: JsonObject) -> Request:
        """The request for flat parameters. Raises ServiceError with the names, never the values, that are wrong."""
        body = {name: value for name, value in params.items() if name not in (*self.path_names, *self.query_names)}
        missing = [name for name in self.path_names if not isinstance(params.get(name), str)]
        if missing:
            raise self._bad_request(f"path parameter missing: {', '.join(missing)}")
        if self.body is not None:
            self._check(self.body, body)
        elif body:
            raise self._bad_request(f"unknown parameter: {', '.join(sorted(body))}")
        parts = {name: quote(str(params[name]), safe="") for name in self.path_names}
        query = {name: str(params[name]) for name in self.query_names if name in params}
        return Request(self.method.upper(), self.path.format(**parts), query, None if self.body is None else body)

    def check_answer(self, status: int, answer: JsonObject | None) -> JsonObject:
        """The answer as an object, when it keeps the schema of its status. Raises ServiceError."""
        validator = self.answers.get(str(status)) or self.answers.get(f"{status // 100}XX")
        if validator is None or answer is None:
            raise self.bad_answer(status, "its status or type is not in the service's contract")
        error = next(validator.iter_errors(answer), None)
        if error is not None:
            raise self.bad_answer(status, f"{error.json_path} breaks {error.validator!s}")
        return answer

    def bad_answer(self, status: int, why: str) -> ServiceError:
        return ServiceError(
            FailureCode.SERVICE_BAD_RESPONSE,
            f"{self.service} {self.operation_id}: answer cannot be used: {why}",
            evidence={"service": self.service, "operation": self.operation_id, "status": status},
        )

    def _check(self, validator: Validator, body: JsonObject) -> None:
        wrong = [f"{error.json_path} breaks {error.validator!s}" for error in validator.iter_errors(body)]
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
                operation = _operation(name, document, path, method, item[method])
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


def _operation(service: str, document: Json, path: str, method: str, spec: Json) -> Operation:
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
        body=None if body is None else _validator(document, _schema(body)),
        answers={
            status: _validator(document, _schema(answer))
            for status, answer in spec["responses"].items()
            if "application/json" in answer.get("content", {})
        },
        summary=spec.get("summary", ""),
        params=_params(document, parameters, None if body is None else _schema(body)),
        result=_result(document, spec["responses"]),
    )


def _params(document: Json, parameters: Sequence[Json], body: Json | None) -> Json:
    """Path and query parameters, and the body's fields, side by side."""
    properties: Json = {}
    required: list[str] = []
    for parameter in parameters:
        if parameter["in"] in {"path", "query"}:
            properties[parameter["name"]] = parameter.get("schema", {})
            required += [parameter["name"]] if parameter.get("required") else []
    fields = {} if body is None else _resolve(document, body)
    return {
        "type": "object",
        "properties": properties | fields.get("properties", {}),
        "required": required + fields.get("required", []),
        "additionalProperties": bool(fields) and fields.get("additionalProperties", True) is not False,
        "components": document["components"],
    }


def _result(document: Json, responses: Json) -> Json:
    for status, answer in responses.items():
        if status.startswith("2") and "application/json" in answer.get("content", {}):
            return {**_resolve(document, _schema(answer)), "components": document["components"]}
    return {}


def _schema(holder: Json) -> Json:
    return holder["content"]["application/json"]["schema"]


def _validator(document: Json, schema: Json) -> Validator:
    return cast("Validator", Draft202012Validator({**schema, "components": document["components"]}))


def _resolve(document: Json, item: Json) -> Json:
    reference: str | None = item.get("$ref")
    if reference is None:
        return item
    found = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found
