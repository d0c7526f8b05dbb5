"""OpenAPI documents that a definition names, and what is frozen of them when it is published."""

from typing import Any

from pydantic import Field

from towpath.engine.language.model import Kebab, Model, Templates, Text
from towpath.engine.language.shapes import as_list, as_object

FROZEN = "frozen"
OPENAPI = "openapi"


class FrozenDocument(Model):
    """What a document said when the definition was published: of its operations, those that steps call.

    `digest` is the SHA-256 of its bytes. `server` is the address that it names for its operations.
    """

    digest: Text
    title: Text = ""
    version: Text = ""
    server: Text | None = None
    operations: dict[str, dict[str, Any]] = {}


def _is_left_out(value: object) -> bool:
    return value is None


class ApiDocument(Model):
    """A document by its path beside the definition or its https address, and the connection that its calls take.

    `frozen` is written when the definition is published or run, never by hand.
    """

    openapi: Text
    connection: Text
    frozen: FrozenDocument | None = Field(default=None, exclude_if=_is_left_out)


class OpenApiConfig(Model):
    """An operation of a document of the definition, by its operationId."""

    document: Kebab
    operation: Text
    params: dict[str, Templates] = {}


def is_remote(place: str) -> bool:
    return "://" in place


def operations_named(value: Any) -> dict[str, set[str]]:
    """By document, the operations that anything in a definition names: those of its steps, and perhaps more."""
    found: dict[str, set[str]] = {}
    waiting: list[Any] = [value]
    while waiting:
        part = waiting.pop()
        fields = as_object(part)
        if fields is not None:
            document, operation = fields.get("document"), fields.get("operation")
            if isinstance(document, str) and isinstance(operation, str):
                found.setdefault(document, set()).add(operation)
            waiting.extend(fields.values())
        waiting.extend(as_list(part) or [])
    return found
