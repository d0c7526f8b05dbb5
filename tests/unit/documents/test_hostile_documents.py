"""Documents that mean harm, or that cannot be called: each ends in a sentence, soon, and nothing is fetched."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.documents.petstore import V3, Json
from towpath.config.document_schemas import DocumentError
from towpath.config.documents import MAX_JSON_BYTES, read_document
from towpath.config.openapi import operation_of
from towpath.contracts.core.failure import ServiceError
from towpath.contracts.core.wire import JsonObject

SECONDS = 20
DEEP = b'{"openapi": "3.0.0", "paths": ' + b'{"a": ' * 150 + b"1" + b"}" * 151
BOMB = b"a0: &a0 [x, x]\n" + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b"*a%d, " % (n - 1) * 9) for n in range(1, 12))
WHOLE = [
    ("no-json", b'{"openapi": ', "no JSON"),
    ("no-yaml", b"openapi: [", "cannot be read: line 2"),
    ("a-list", b"- a", "no OpenAPI document"),
    ("empty", b"", "cannot be read"),
    ("binary", bytes(range(128, 256)), "cannot be read"),
    ("huge-json", b'{"openapi": "3.0.0", "x": "' + b"x" * MAX_JSON_BYTES + b'"}', "longer than"),
    ("huge-yaml", b"openapi: 3.0.0\nx: " + b"x" * 1_000_001, "give it as JSON"),
    ("many-values", b'{"openapi": "3.0.0", "x": [' + b"1," * 600_000 + b"1]}", "more than 500,000 values"),
    ("deep", DEEP, "deeper than"),
    ("deeper", b'{"a":' * 500_000, "no JSON"),
    ("bomb", b"openapi: 3.0.0\n" + BOMB, "values by aliases"),
    ("html", b"<!doctype html><html></html>", "no OpenAPI document"),
    ("another-version", b'{"openapi": "4.0.0", "paths": {}}', "of version 2.0, 3.0 or 3.1"),
    ("asyncapi", b'{"asyncapi": "3.0.0"}', "of version 2.0, 3.0 or 3.1"),
    ("no-paths", b'{"openapi": "3.0.0"}', "no operations"),
    ("paths-of-a-wrong-shape", b'{"openapi": "3.0.0", "paths": {"/a": [1]}}', "wrong shape"),
    ("swagger-of-a-wrong-shape", b'{"swagger": "2.0", "paths": {"/a": {"get": 1}, "/b": 7}}', "wrong shape"),
    ("path-elsewhere", b'{"openapi": "3.0.0", "paths": {"/a": {"$ref": "http://a.example/x"}}}', "another address"),
    ("path-in-a-circle", b'{"openapi": "3.0.0", "paths": {"/a": {"$ref": "#/paths/~1a"}}}', "leads to itself"),
]


@pytest.mark.parametrize(("content", "why"), [case[1:] for case in WHOLE], ids=[case[0] for case in WHOLE])
def test_documents_that_are_refused(content: bytes, why: str) -> None:
    """Whatever a file or a server gives."""
    begun = time.process_time()
    with pytest.raises(DocumentError, match=why):
        read_document(content)
    assert time.process_time() - begun < SECONDS


Change = Callable[[Json, Json], Any]


def unchanged(document: Json, operation: Json) -> None:
    """The document as it is."""


def schema(given: Json, **more: Json) -> Change:
    """`addPet` takes this, and the document has these schemas beside."""

    def change(document: Json, operation: Json) -> None:
        operation["requestBody"] = {"content": {"application/json": {"schema": given}}}
        document["components"]["schemas"] |= more

    return change


def parameter(**given: Any) -> Change:
    return lambda _, operation: operation.update(parameters=[{"name": "p", "in": "query", "schema": {}, **given}])


def path(text: str) -> Change:
    return lambda document, operation: (
        document["paths"].update({text: {"post": operation}}) or document["paths"].pop("/pets")
    )


def reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def doubling(count: int) -> Change:
    """Each schema has two ways to be the next one."""
    more = {f"S{n}": {"anyOf": [reference(f"S{n + 1}")] * 2} for n in range(count)}
    return schema(reference("S0"), **more, **{f"S{count}": {"type": "string"}})


OPERATIONS: list[tuple[str, Change, str]] = [
    ("file", schema({"$ref": "../../../etc/passwd"}), "another file"),
    ("file-of-a-scheme", schema({"$ref": "file:///etc/passwd"}), "another address"),
    ("address", schema({"$ref": "http://169.254.169.254/latest#/a"}), "another address"),
    ("inner-address", schema({"properties": {"a": {"items": {"$ref": "https://a.example/x"}}}}), "another address"),
    ("nowhere", schema({"$ref": "#/components/schemas/Nothing"}), "leads nowhere"),
    ("circle", schema(reference("A"), A=reference("B"), B=reference("A")), "leads to itself"),
    ("made-of-itself", schema(reference("A"), A={"allOf": [reference("A")]}), "made of itself"),
    (
        "choice-of-itself",
        schema({"properties": {"a": reference("A")}}, A={"oneOf": [{"anyOf": [reference("A")]}]}),
        "made of itself",
    ),
    ("doubling", doubling(40), "too many choices"),
    (
        "many",
        schema(reference("S0"), **{f"S{n}": {"items": reference(f"S{n + 1}")} for n in range(400)}),
        "300 schemas",
    ),
    ("wrong-type", schema({"type": "dict"}), "invalid"),
    ("wrong-bound", schema({"minimum": "a"}), "invalid"),
    ("wrong-shape", schema({"properties": {"a": 7}}), "wrong shape"),
    (
        "multipart",
        lambda _, operation: operation.update(requestBody={"content": {"multipart/form-data": {}}}),
        "multipart",
    ),
    ("no-body", lambda _, operation: operation.update(requestBody={}), "nothing"),
    ("cookie", parameter(**{"in": "cookie", "required": True}), "kind not known"),
    ("style", parameter(style="deepObject"), "deepObject"),
    ("content", parameter(**{"required": True, "schema": {}, "in": "matrix"}), "kind not known"),
    ("header-injection", parameter(**{"name": "X\r\nHost", "in": "header"}), "no name of a header"),
    ("no-name", parameter(name=None), "no name or no place"),
    ("undeclared", path("/a/{b}"), "do not agree: b"),
    ("formatted", path("/a/{b.__class__}"), "do not agree"),
    ("other-host", path("//evil.example/a"), "none below an address"),
    ("other-scheme", path("https://evil.example/a"), "none below an address"),
    ("upwards", path("/a/../../b"), "none below an address"),
    ("query", path("/a?b=c"), "none below an address"),
    ("spaces", path("/a HTTP/1.1\r\nX: y"), "none below an address"),
]


def changed(change: Change) -> Any:
    document: Json = json.loads(json.dumps(V3))
    change(document, document["paths"]["/pets"]["post"])
    return read_document(json.dumps(document).encode()).known(["addPet", "findPets"])


@pytest.mark.parametrize(("change", "why"), [case[1:] for case in OPERATIONS], ids=[case[0] for case in OPERATIONS])
def test_operations_that_cannot_be_called(change: Change, why: str) -> None:
    """The others of the same document still can."""
    begun = time.process_time()
    found = changed(change)
    assert why in found.unusable["addPet"]
    assert "addPet" not in found.operations
    assert time.process_time() - begun < SECONDS


def test_two_operations_of_one_name() -> None:
    """Nobody can say which one is meant."""
    document: Json = json.loads(json.dumps(V3))
    document["paths"]["/other"] = {"post": document["paths"]["/pets"]["post"]}
    found = read_document(json.dumps(document).encode()).known(["addPet"])
    assert "two operations" in found.unusable["addPet"]


def test_a_pattern_that_python_takes_for_ever_for() -> None:
    """It is looked for like any other; nobody waits."""
    found = changed(schema({"properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}))
    with pytest.raises(ServiceError, match="breaks pattern"):
        operation_of("pets", found.frozen["addPet"]).request({"a": "a" * 60 + "!"})


@pytest.mark.parametrize("pattern", ["(?=a)b", "(", "x" * 5_000])
def test_a_pattern_that_is_not_taken_is_left_out(pattern: str) -> None:
    """What it would have found, it does not find."""
    found = changed(schema({"properties": {"a": {"type": "string", "pattern": pattern}}}))
    assert operation_of("pets", found.frozen["addPet"]).request({"a": "a" * 60 + "!"}).body == {"a": "a" * 60 + "!"}


def test_an_identifier_does_not_move_references() -> None:
    """`$id` and anchors could make a reference mean another place: they are left out."""
    given: Json = {"$id": "https://evil.example/", "$schema": "https://evil.example/", "properties": {"$id": {}}}
    found = changed(schema(given)).frozen["addPet"]
    body = found["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"properties": {"$id": {}}}


def test_a_value_that_is_deeper_than_a_matcher_goes() -> None:
    """A schema may be within itself, and a value within a value without end: that ends in a sentence."""
    value: JsonObject = {"name": "x"}
    for _ in range(400):
        value = {"name": "x", "parent": value}
    with pytest.raises(ServiceError, match="nested too deeply"):
        operation_of("pets", changed(unchanged).frozen["addPet"]).request(value)
