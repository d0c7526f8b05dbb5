"""OpenAPI documents of others: what is frozen of them, the same whatever version says it, and closed in itself."""

import json
from typing import Any

import pytest

from tests.unit.documents.petstore import NAMES, V3, VERSIONS, Json
from towpath.config.documents import MAX_FROZEN, read_document
from towpath.config.openapi import operation_of
from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.contracts.core.wire import JsonObject
from towpath.engine.checks.inputs import violations
from towpath.engine.language.catalogue import KnownDocument


def known(document: Any, *names: str, place: str = "") -> KnownDocument:
    return read_document(json.dumps(document).encode(), place).known(names or NAMES)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_says_the_same(version: str) -> None:
    """Swagger 2.0 and OpenAPI 3.0 and 3.1 freeze to one thing, with its server and without what is not called."""
    found, same = known(VERSIONS[version]), known(V3)

    assert found.unusable == {}
    assert (found.server, found.title, found.version) == ("https://eu.pets.example/v1", "Pets", "1.0.0")
    assert {name: found.frozen[name] for name in NAMES} == {name: same.frozen[name] for name in NAMES}
    assert found.names == frozenset(NAMES)
    assert "elsewhere" not in json.dumps(found.frozen)


def test_yaml_is_read_as_json_is() -> None:
    """A document in YAML, its version and statuses without quotes, freezes to the same."""
    text = json.dumps(V3).replace('"200"', "200").replace('"201"', "201")
    assert read_document(b"# in YAML\n" + text.encode()).known(NAMES).frozen == known(V3).frozen


def test_what_is_frozen() -> None:
    """Route, parameters and schemas of one operation, in the words of JSON Schema, with all that they refer to."""
    found = known(V3).frozen["addPet"]

    assert (found["method"], found["path"], found["summary"]) == ("post", "/pets", "A new pet")
    pet = found["components"]["schemas"]["Pet"]
    assert pet["properties"]["weight"] == {"type": ["number", "null"], "exclusiveMinimum": 0}
    assert pet["properties"]["parent"] == {"$ref": "#/components/schemas/Pet"}
    assert list(found["responses"]) == ["201"]
    assert len(json.dumps(found)) < 1_000


@pytest.mark.parametrize(
    ("name", "params", "problem"),
    [
        ("addPet", {"name": "rex", "tags": ["a"], "parent": {"name": "max"}, "weight": None}, ""),
        ("addPet", {"name": "rex", "nmae": "x"}, "holds a field"),
        ("addPet", {}, "misses name"),
        ("addPet", {"name": "rex", "tags": ["A"]}, "pattern"),
        ("addPet", {"name": "rex", "weight": 0}, "exclusiveMinimum"),
        ("findPets", {"status": ["sold"], "ids": [1], "X-Trace": "t"}, ""),
        ("findPets", {"status": ["lost"]}, "must be one of"),
        ("findPets", {"status": ["sold"], "Accept": "x"}, "holds a field"),
        ("findPets", {"status": ["sold"], "session": "x"}, "holds a field"),
        ("setPart", {"pet-id": 1, "part": "leg", "body": [1]}, ""),
        ("setPart", {"pet-id": 1, "part": "leg"}, "misses body"),
        ("setPart", {"pet-id": 1, "part": "leg", "body": ["x"]}, "must be integer"),
        ("rename", {"pet-id": 1, "part": "leg", "name": "x"}, ""),
    ],
)
def test_params(name: str, params: JsonObject, problem: str) -> None:
    """A body's fields stand beside the other parameters; one that has none is a parameter itself."""
    found = violations(dict(known(V3).operations[name].params), params)
    assert (problem in str(found)) if problem else found == []


SENT: list[tuple[str, JsonObject, tuple[str, Json]]] = [
    ("findPets", {"status": ["sold", "a b"], "ids": [1, 2]}, ("/pets", {"status": ["sold", "a b"], "ids": "1,2"})),
    ("findPets", {"status": [True], "ids": None}, ("/pets", {"status": ["true"]})),
    ("setPart", {"pet-id": 7, "part": "a/b?c#d%..é", "body": []}, ("/pets/7/a%2Fb%3Fc%23d%25..%C3%A9", {})),
    ("setPart", {"pet-id": 7, "part": ["a", "b"], "body": []}, ("/pets/7/a%2Cb", {})),
    ("setPart", {"pet-id": 7, "part": "{pet-id}", "body": []}, ("/pets/7/%7Bpet-id%7D", {})),
]


@pytest.mark.parametrize(("name", "params", "sent"), SENT)
def test_where_parameters_go(name: str, params: JsonObject, sent: tuple[str, Json]) -> None:
    """Lists are repeated or joined as the document says; what is in a path is encoded, and is not looked at again."""
    request = operation_of("pets", known(V3).frozen[name]).request(params)
    assert (request.path, dict(request.query)) == sent


@pytest.mark.parametrize(
    ("name", "params", "why"),
    [
        ("setPart", {"part": "x", "body": []}, "pet-id"),
        ("setPart", {"pet-id": 1, "part": "", "body": []}, "part"),
        ("setPart", {"pet-id": 1, "part": "..", "body": []}, "lead elsewhere: part"),
        ("setPart", {"pet-id": 1, "part": {"a": 1}, "body": []}, "no text, number or list of them: part"),
        ("setPart", {"pet-id": 1, "part": "x", "body": [1], "more": 1}, "unknown parameter: more"),
        ("setPart", {"pet-id": 1, "part": "x", "body": ["secret"]}, "breaks type"),
        ("findPets", {"status": ["sold"], "other": 1}, "unknown parameter: other"),
    ],
)
def test_what_is_not_sent(name: str, params: JsonObject, why: str) -> None:
    """A wrong parameter is told by its name, and its value is not."""
    with pytest.raises(ServiceError, match=why) as caught:
        operation_of("pets", known(V3).frozen[name]).request(params)
    assert caught.value.code is FailureCode.SERVICE_BAD_REQUEST
    assert "secret" not in caught.value.message


def test_a_body_that_shares_a_name_is_whole() -> None:
    """PUT /pets/{id} with a body that has an id: both can be given."""
    document = json.loads(json.dumps(V3))
    document["paths"]["/pets/{id}"] = {
        "put": {
            "operationId": "setPet",
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
            "requestBody": {"$ref": "#/components/requestBodies/Pet"},
            "responses": {},
        }
    }
    request = operation_of("pets", known(document, "setPet").frozen["setPet"]).request({"id": 1, "body": {"name": "x"}})
    assert (request.path, request.body) == ("/pets/1", {"name": "x"})


def test_an_operation_without_an_id_has_the_name_of_its_route() -> None:
    """So that it can be called all the same."""
    document = json.loads(json.dumps(V3))
    del document["paths"]["/pets"]["post"]["operationId"]
    assert known(document, "POST /pets").frozen["POST /pets"]["path"] == "/pets"


def test_the_server_of_a_fetched_document_may_be_relative() -> None:
    """Then it is where the document is; of a file nothing is known."""
    document = {**V3, "servers": [{"url": "/v3"}]}
    assert known(document, place="https://a.example/docs/openapi.json").server == "https://a.example/v3"
    assert known(document).server is None


def test_one_operation_is_bounded() -> None:
    """It goes with each of its calls."""
    document = json.loads(json.dumps(V3))
    many = {f"field-{number}": {"type": "string", "enum": ["x" * 50]} for number in range(MAX_FROZEN // 80)}
    document["components"]["schemas"]["Pet"]["properties"] |= many
    assert "bytes of the document" in known(document).unusable["addPet"]
