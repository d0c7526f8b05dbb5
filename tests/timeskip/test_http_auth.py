"""`auth` of http steps in whole runs: the receiver gets it, and a run's history holds neither secret nor token."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.receivers import BASE, CANARY, Receivers, receiving

CLIENT = f"""
    oauth2_client_credentials:
      token_url: "{BASE}/token"
      client_id: "{{{{ inputs.client }}}}"
      client_secret: "{{{{ secrets.CANARY }}}}"
      scopes: ["charge"]"""


@dataclass
class TokenServer(Receivers):
    """Gives a new token each time, and says no to whoever comes with another one than the last."""

    given: list[str] = field(default_factory=list[str])

    def serve(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            self.given.append(f"minted-{len(self.given)}-for-{request.headers['authorization'][-12:]}")
            return httpx.Response(200, json={"access_token": "x" + str(len(self.given)) * 20, "token_type": "Bearer"})
        if request.headers.get("authorization") != f"Bearer x{str(len(self.given)) * 20}":
            return httpx.Response(401)
        answer = super().serve(request)
        return httpx.Response(503) if request.url.path == "/broken" else answer


async def test_a_token_reaches_the_receiver_and_no_history(env: WorkflowEnvironment) -> None:
    """A call, its check and its compensation are authorized with one token, which nobody finds in the history."""
    server = TokenServer()
    undo = f'{{type: http, config: {{method: POST, url: "{BASE}/undo", body: {{a: 1}}, auth: *auth}}}}'
    check = f'{{type: http, done: "true", config: {{url: "{BASE}/check", auth: *auth}}}}'
    steps = f"""
  - id: "pay"
    type: "http"
    config:
      method: "POST"
      url: "{BASE}/pay"
      body: {{a: 1}}
      auth: &auth {CLIENT.replace(chr(10), chr(10) + "    ")}
    compensate: {undo}
  - id: "ship"
    type: "http"
    config: {{method: "POST", url: "{BASE}/broken", auth: *auth}}
    check: {check}
    retry: {{max_attempts: 1}}
  - {{id: "end", type: "http", config: {{url: "{BASE}/end", auth: *auth, expect: [404]}}}}"""
    async with receiving(env, server) as served:
        handle = await served.runs.start(steps, {"client": "kim"}, more="inputs: {client: {type: string}}")
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        history = "\n".join(str(event) for event in (await handle.fetch_history()).events)

    paths = [entry["path"] for entry in server.arrived if isinstance(entry, dict)]
    assert paths == ["/pay", "/broken", "/check", "/end", "/undo"]
    assert len(server.given) == 1
    assert CANARY not in history and "1" * 20 not in history
    assert "client_secret" in history


async def test_basic_is_built_where_it_is_sent(env: WorkflowEnvironment) -> None:
    """User and password become a header in the worker: the history has the user and the name of the secret."""
    step = (
        f'  - {{id: p, type: http, config: {{url: "{BASE}/echo", method: POST, body: {{a: 1}}, '
        'auth: {basic: {user: "kim", password: "{{ secrets.CANARY }}"}}}}'
    )
    async with receiving(env) as served:
        handle = await served.runs.start(step)
        assert dict[str, Any]((await handle.result()).outputs)["p"]["body"] == {"a": 1}
        sent = json.dumps(served.receivers.arrived)
        history = "\n".join(str(event) for event in (await handle.fetch_history()).events)

    assert '"authorization": "Basic a2ltOmNhbmFyeS00ZDBmN2U="' in sent
    assert CANARY not in history and "a2ltOm" not in history
