"""What can be wrong with the documents that a definition names: a case for each diagnostic."""

from dataclasses import replace
from typing import Any

from towpath.engine.language.catalogue import KnownDocument, OperationEntry

OBJECT: dict[str, Any] = {"type": "object", "additionalProperties": False}
HEAD = 'id: tried\nversion: "1.0.0"\ninputs: {n: {type: number}}\n'
OK = "{id: ok, type: set}"
SHOP = KnownDocument(
    server="https://api.example.com",
    names=frozenset({"get", "upload"}),
    operations={"get": OperationEntry("get", {**OBJECT, "properties": {"id": {}}, "required": ["id"]})},
    frozen={"get": {"parameters": [{"name": "id", "in": "path"}]}},
    unusable={"upload": "its body is a file"},
)
DOCUMENTS = {
    "shop": SHOP,
    "broken": KnownDocument(problem="shop.json: it is no OpenAPI document"),
    "nowhere": replace(SHOP, server=None),
    "heavy": replace(SHOP, frozen={"get": {"text": "x" * 300_000}}),
}


def steps(entry: str, more: str) -> str:
    return f"{HEAD}{more}steps:\n  - {entry}\n"


def named(more: str, openapi: str = "shop.json", name: str = "shop") -> str:
    more = f", {more}" if more else ""
    return steps(OK, more=f"documents: {{{name}: {{openapi: '{openapi}', connection: api{more}}}}}\n")


def operation(document: str, name: str, params: str = "{id: 1}") -> str:
    call = f"{{document: {document}, operation: {name}, params: {params}}}"
    documents = "documents: {shop: {openapi: shop.json, connection: api}}\n"
    return steps(f"{{id: a, type: openapi, config: {call}}}", more=documents)


DOCUMENT_CASES = [
    ("document.frozen", named("frozen: {digest: x}"), 4, "written when it is published"),
    ("document.not-fetched", named("", "https://api.example.com/far.json", "far"), 4, "not checked here"),
    ("document.unusable", named("", name="broken"), 4, "no OpenAPI document"),
    ("document.server", named("", name="nowhere"), 4, "base_url"),
    ("document.too-large", named("", name="heavy"), 4, "split the definition"),
    ("document.unknown", operation("shopp", "get"), 6, "did you mean 'shop'"),
    ("operation.unknown", operation("shop", "gett"), 6, "did you mean 'get'"),
    ("operation.unusable", operation("shop", "upload"), 6, "a file"),
    ("param.secret", operation("shop", "get", "{id: '{{ secrets.KEY }}'}"), 6, "no place for a secret"),
]
