"""Operations of a foreign document against a real server: what is sent, and what each answer becomes."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import JsonValue
from temporalio.testing import ActivityEnvironment

from activities.operations import OperationActivities
from tests.unit.guarded_http.loopback import CANARY, INNER, LOOPBACK, SECRET, Loopback, connections
from towpath.config.documents import read_document
from towpath.config.secrets import Secrets
from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.http_call import OperationCall
from towpath.engine.expression.template import joined, secret_named
from towpath.engine.expression.values import Value
from towpath.engine.run.references import detach
from towpath.integrations.http.guarded_http import GuardedHttp
from towpath.integrations.http.operations import OperationClient

THING: JsonObject = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "key": {"type": "string"}},
}
JSON_THING: JsonObject = {"content": {"application/json": {"schema": THING}}}
PLACES: list[JsonValue] = [
    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
    {"name": "many", "in": "query", "schema": {"type": "array", "items": {}}},
    {"name": "joined", "in": "query", "explode": False, "schema": {"type": "array", "items": {}}},
    {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
]
DOCUMENT: JsonObject = {
    "openapi": "3.1.0",
    "paths": {
        "/things/{id}": {
            "parameters": PLACES,
            "get": {"operationId": "get", "responses": {"200": JSON_THING, "204": {}}},
            "post": {
                "operationId": "set",
                "requestBody": {"required": True, **JSON_THING},
                "responses": {"2XX": JSON_THING},
            },
            "put": {"operationId": "put", "requestBody": {"content": {"application/json": {}}}, "responses": {}},
            "patch": {
                "operationId": "form",
                "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": THING}}},
                "responses": {},
            },
        }
    },
}
FROZEN = read_document(json.dumps(DOCUMENT).encode()).known(["get", "set", "put", "form"]).frozen
SECRETS = Secrets({"TOKEN": CANARY, "PIN": "4711"})


def called(name: str, params: Value, **fields: Any) -> OperationCall:
    data, references = detach(params)
    given = {"document": "things", "connection": "inner", "key": "run/step", "operation": FROZEN[name], **fields}
    return OperationCall.model_validate({**given, "params": data, "references": references})


@asynccontextmanager
async def client(server: Loopback, **fields: Any) -> AsyncGenerator[OperationClient]:
    base: dict[str, Any] = {"base_url": server.url("/v1/"), "headers": {"authorization": ("Bearer ", *SECRET.parts)}}
    inner = INNER.model_copy(update={**base, **fields})
    guarded = GuardedHttp(connections(inner), SECRETS)
    try:
        yield OperationClient(guarded, SECRETS)
    finally:
        await guarded.close()


async def test_each_parameter_goes_to_its_place(server: Loopback) -> None:
    """Below the connection's address, with its headers and the key of the effect; secrets only where they belong."""
    server.says_json("/v1/things/a%2Fb", {"name": "x", "key": f"it is {CANARY}"})
    params: Value = {
        "id": "a/b",
        "many": ["1", SECRET],
        "joined": [1, 2],
        "X-Trace": joined(["t-", SECRET]),
        "name": "n",
        "key": SECRET,
    }
    async with client(server) as operations:
        answer = await ActivityEnvironment().run(
            OperationActivities(operations).call_operation, called("set", params, select=("key",))
        )

    sent = server.seen[0]
    assert (sent.method, sent.target.partition("?")[0]) == ("POST", "/v1/things/a%2Fb")
    assert sent.target.partition("?")[2] == "many=1&many=sk-canary%2F1%2B2+3&joined=1%2C2"
    assert (sent.headers["x-trace"], sent.headers["authorization"]) == (f"t-{CANARY}", f"Bearer {CANARY}")
    assert sent.headers["idempotency-key"] == "run/step"
    assert json.loads(sent.body) == {"name": "n", "key": CANARY}
    assert answer.value == {"key": "it is ***"}


@pytest.mark.parametrize(
    ("name", "params", "body", "kind"),
    [
        ("put", {"id": "a", "body": [1, {"a": None}]}, b'[1,{"a":null}]', "application/json"),
        ("put", {"id": "a", "body": 7}, b"7", "application/json"),
        ("put", {"id": "a"}, b"", None),
        ("form", {"id": "a", "name": "x y", "key": "&"}, b"name=x+y&key=%26", "application/x-www-form-urlencoded"),
        ("form", {"id": "a"}, b"", None),
    ],
)
async def test_bodies(server: Loopback, name: str, params: Value, body: bytes, kind: str | None) -> None:
    """JSON of any shape, a form, or nothing where nothing is given and nothing must be."""
    server.says("/v1/things/a", 201)
    async with client(server) as operations:
        assert (await operations.call(called(name, params))).value is None

    assert (server.seen[0].body, server.seen[0].headers.get("content-type")) == (body, kind)


@pytest.mark.parametrize("value", [[1, "a"], 7, "text", None, {"a": [True]}])
async def test_an_answer_of_any_shape(server: Loopback, value: JsonValue) -> None:
    """What the document says nothing of is the answer as it is."""
    server.says_json("/v1/things/a", value)
    async with client(server) as operations:
        assert (await operations.call(called("put", {"id": "a"}))).value == value


@pytest.mark.parametrize(
    ("status", "body", "code", "sent"),
    [
        (200, b'{"nome": "x"}', FailureCode.SERVICE_BAD_RESPONSE, True),
        (200, b'{"name"', FailureCode.SERVICE_BAD_RESPONSE, True),
        (401, b"", FailureCode.SERVICE_AUTH, True),
        (409, b"", FailureCode.SERVICE_REFUSED, True),
        (503, b"", FailureCode.SERVICE_UNAVAILABLE, True),
        (307, b"", FailureCode.SERVICE_REFUSED, True),
    ],
)
@pytest.mark.parametrize("name", ["get", "set"])
async def test_answers_that_fail(
    server: Loopback, name: str, status: int, body: bytes, code: FailureCode, sent: bool
) -> None:
    """Each has its code; only what has an effect leaves a doubt. No redirect is followed, and no value is told."""
    headers = {"Content-Type": "application/json", "Location": server.url("/elsewhere")}
    server.says("/v1/things/a", status, headers, body)
    async with client(server) as operations:
        with pytest.raises(ServiceError) as caught:
            await operations.call(called(name, {"id": "a", **({"name": "private"} if name == "set" else {})}))

    assert (caught.value.code, caught.value.sent) == (code, sent and name == "set")
    assert not [
        word for word in (CANARY, "private", "things/a") if word in f"{caught.value.message}{caught.value.evidence}"
    ]
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"id": SECRET, "name": "n"}, "id is no place for a secret"),
        ({"id": "a", "joined": [SECRET], "name": "n"}, "joined is no place for a secret"),
        ({"id": "a"}, "breaks required"),
        ({"id": "..", "name": "n"}, "lead elsewhere"),
    ],
)
async def test_what_is_not_sent(server: Loopback, params: Value, why: str) -> None:
    """A secret in an address, and a parameter that breaks the document, are refused before anything leaves."""
    async with client(server) as operations:
        with pytest.raises(ServiceError, match=why) as caught:
            await operations.call(called("set", params))
    assert CANARY not in caught.value.message
    assert server.seen == []


@pytest.mark.parametrize(
    ("base", "server_of_document", "why"),
    [
        (None, "http://elsewhere.example/v1", "does not allow the host"),
        (None, "http://169.254.169.254/v1", "does not allow the host"),
        (None, None, "not an absolute URL"),
        (None, "ftp://one.example", "scheme"),
    ],
)
async def test_a_server_that_the_connection_does_not_allow(
    server: Loopback, base: str | None, server_of_document: str | None, why: str
) -> None:
    """A document cannot send a connection's credentials to another place, whenever it was frozen."""
    async with client(server, base_url=base) as operations:
        with pytest.raises(ServiceError, match=why):
            await operations.call(called("put", {"id": "a"}, server=server_of_document))
    assert server.seen == []


async def test_the_server_of_the_document(server: Loopback) -> None:
    """Where the connection has no address of its own, and allows it."""
    server.says("/v2/things/a")
    async with client(server, base_url=None) as operations:
        await operations.call(called("put", {"id": "a"}, server=server.url("/v2", LOOPBACK)))
    assert server.seen[0].target == "/v2/things/a"


async def test_a_short_secret_is_masked(server: Loopback) -> None:
    """As in the answers of http steps: where it is a value of its own."""
    server.says_json("/v1/things/a", ["4711", "14711"])
    async with client(server) as operations:
        answer = await operations.call(called("put", {"id": "a", "body": {"pin": secret_named("PIN")}}))
    assert answer.value == ["***", "14711"]


@pytest.mark.parametrize(("output", "select"), [("response", ()), ("response", ("body.a", "request.uri")), ("raw", ())])
async def test_outputs(server: Loopback, output: str, select: tuple[str, ...]) -> None:
    """The answer with its request, in which the connection's headers are masked, or the bytes."""
    server.says_json("/v1/things/a", {"a": 1, "b": 2})
    async with client(server) as operations:
        answer = await operations.call(called("put", {"id": "a"}, output=output, select=select))

    if output == "raw":
        assert answer.value == "eyJhIjogMSwgImIiOiAyfQ=="
        return
    assert isinstance(answer.value, dict)
    request = answer.value["request"]
    assert isinstance(request, dict) and request["uri"] == server.url("/v1/things/a")
    if select:
        assert answer.value == {"status": 200, "headers": {}, "body": {"a": 1}, "request": request}
    else:
        assert isinstance(request["headers"], dict) and request["headers"]["authorization"] == "***"
        assert (request["method"], answer.value["status"], answer.value["body"]) == ("PUT", 200, {"a": 1, "b": 2})
