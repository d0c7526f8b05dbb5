"""What an http step gives: the body, the answer with its request, or bytes; and redirects that are not followed."""

import base64
from typing import Any

import pytest
from pydantic import JsonValue
from temporalio.testing import ActivityEnvironment

from activities.http import HttpActivities
from tests.unit.guarded_http.loopback import CANARY, INNER, SECRET, Loopback, asked, failing, guarded
from towpath.config.secrets import Secrets
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.declared.http_call import HttpAnswer, HttpRequest
from towpath.engine.expression.template import joined, secret_named
from towpath.engine.run.answers import output_of, selected_output


async def performed(request: HttpRequest, *entries: Any, secrets: Secrets | None = None) -> HttpAnswer:
    """The answer as the activity gives it."""
    async with guarded(*entries, secrets=secrets) as http:
        return await ActivityEnvironment().run(HttpActivities(http).http_request, request)


@pytest.mark.parametrize("body", [{"a": 1}, [1, {"a": 2}], "text", 7, 1.5, True, False, None])
async def test_the_body_is_the_output(server: Loopback, body: JsonValue) -> None:
    """Objects, lists and scalars are given as they were parsed, and by default within the answer as ever."""
    server.says_json("/path", body)

    answer = await performed(asked(server.url("/path"), output="body"))
    plain = await performed(asked(server.url("/path")))

    assert output_of(answer, "body") == body
    assert output_of(plain, None) == {"status": 200, "headers": {"content-type": "application/json"}, "body": body}


@pytest.mark.parametrize("form", [None, "body", "response"])
async def test_what_is_selected_is_the_same_in_tests(server: Loopback, form: Any) -> None:
    """The parts that are kept of each form are those that `definition test` keeps of an output."""
    server.says_json("/path", {"items": [{"id": 1, "x": 2}, {"id": 3}], "next": None})
    select = ["items.id"] if form == "body" else ["body.items.id", "headers.content-type", "request.method"]

    whole = await performed(asked(server.url("/path"), output=form))
    parts = await performed(asked(server.url("/path"), output=form, select=tuple(select)))

    assert output_of(parts, form) == selected_output(output_of(whole, form), form, select)
    assert '{"items":[{"id":1},{"id":3}]}' in parts.model_dump_json()


async def test_the_response_tells_its_request(server: Loopback) -> None:
    """Method, address and headers of what was answered, in which nobody finds a secret, however short."""
    server.says("/path", 303, {"Location": "/then/4711?pin=4711&key=sk-canary%2F1%2B2+3&a=b"})
    server.says_json("/then/4711", [1])
    secrets = Secrets({"TOKEN": CANARY, "PIN": "4711"})
    inner = INNER.model_copy(update={"headers": {"x-own": ("pin ", *SECRET.parts)}})
    headers = {"Authorization": joined(["Bearer ", SECRET]), "X-Pin": secret_named("PIN"), "X-Plain": "b"}
    request = asked(server.url("/path"), method="POST", headers=headers, body={}, output="response")

    answer = await performed(request, inner, secrets=secrets)

    told = output_of(answer, "response")
    assert isinstance(told, dict) and isinstance(sent := told["request"], dict)
    assert sent["method"] == "GET"
    assert sent["uri"] == server.url("/then/***?pin=***&key=***&a=b")
    assert isinstance(sent["headers"], dict)
    assert {name: sent["headers"][name] for name in ("authorization", "x-own", "x-pin", "x-plain")} == {
        **dict.fromkeys(("authorization", "x-own", "x-pin"), "***"),
        "x-plain": "b",
    }
    assert list(told) == ["request", "status", "headers", "body"]


async def test_raw_is_the_bytes(server: Loopback) -> None:
    """Any bytes come back as they were, whatever their type says; a secret that they echo does not."""
    every = bytes(range(256))
    server.says("/path", headers={"Content-Type": "application/json"}, body=every)
    server.says("/echo", body=every + CANARY.encode() + every)

    plain = await performed(asked(server.url("/path"), output="raw"))
    echo = await performed(asked(server.url("/echo"), headers={"X-Key": SECRET}, output="raw"))

    assert base64.b64decode(str(plain.body)) == every
    assert base64.b64decode(str(echo.body)) == every + b"***" + every


async def test_raw_is_bounded(server: Loopback) -> None:
    """As every answer."""
    server.says("/path", body=bytes(11))

    async with guarded() as http:
        error = await failing(http, asked(server.url("/path"), output="raw", max_bytes=10))

    assert error.code is FailureCode.SERVICE_BAD_RESPONSE


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_that_is_not_followed(server: Loopback, status: int) -> None:
    """It is refused with its status, unless the step expects it: then it is the answer. Nothing goes to its target."""
    server.says("/path", status, {"Location": server.url("/then", "two.example")}, b"moved")
    headers = {"Authorization": SECRET}

    async with guarded() as http:
        error = await failing(http, asked(server.url("/path"), headers=headers, redirect=False))
        answer = await http.send(asked(server.url("/path"), headers=headers, redirect=False, expect=(status,)))

    assert (error.code, error.evidence["status"]) == (FailureCode.SERVICE_REFUSED, status)
    assert (answer.status, answer.headers["location"]) == (status, server.url("/then", "two.example"))
    assert len(server.seen) == 2
