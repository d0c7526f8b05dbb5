"""Whoever reached the stand-ins ordered faults, and read mails and accounts; some services answered without a key."""

import asyncio
import json
import stat
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.integration.commands import starter, starter_json
from tests.integration.conftest import House
from towpath.children import child_environment
from towpath.local.processes import ROOT
from towpath.local.stack import RunningStandIns, stand_ins
from towpath.local.state import locked
from towpath.local.tokens import STANDINS_FILE, keep_token, kept_token, make_token

FAULT = {"service": "accounts", "status": 500}
BROKEN_SHOP = {"service": "checkout", "fault": "bad-deployment"}
CONTROL = [
    ("GET", "/_standins/effects", None),
    ("GET", "/_standins/messages", None),
    ("GET", "/_standins/faults", None),
    ("POST", "/_standins/faults", FAULT),
    ("DELETE", "/_standins/faults", None),
    ("GET", "/_standins/world", None),
    ("POST", "/_standins/world", BROKEN_SHOP),
    ("GET", "/_standins/latency", None),
    ("POST", "/_standins/latency", {"seconds": 5}),
    ("GET", "/claude/_calls", None),
    ("GET", "/_standins/nothing", None),
    ("HEAD", "/_standins/effects", None),
    ("OPTIONS", "/_standins/faults", None),
]
WRONG = {
    "nothing": "",
    "bare": "Bearer",
    "another": "Bearer wrong",
    "key of a service": "Bearer stand-in",
    "basic": "Basic c3RhbmQtaW46",
    "letters that are not ASCII": "Bearer stand-ïn",
}
SERVICES = [
    ("GET", "/orders/orders"),
    ("GET", "/orders/orders/one"),
    ("GET", "/crm/customers"),
    ("GET", "/platform/deployments?service=checkout"),
    ("GET", "/accounts/accounts/one"),
    ("POST", "/accounts/accounts"),
    ("DELETE", "/accounts/accounts/one"),
    ("POST", "/billing/subscriptions"),
    ("PUT", "/crm/customers/one/status"),
    ("POST", "/email-check/checks"),
    ("POST", "/orders/charges"),
    ("POST", "/platform/features"),
    ("GET", "/x/2/users/me"),
    ("POST", "/x/2/tweets"),
    ("GET", "/linkedin/rest/posts"),
    ("POST", "/linkedin/rest/posts"),
    ("GET", "/wordpress/wp-json/wp/v2/users/me"),
    ("POST", "/wordpress/wp-json/wp/v2/posts"),
    ("POST", "/claude/v1/messages"),
    ("GET", "/claude/v1/models"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running() -> AsyncGenerator[RunningStandIns]:
    """Stand-ins of their own: nobody else orders faults there."""
    async with stand_ins() as standins:
        yield standins


@asynccontextmanager
async def by_hand(**settings: str) -> AsyncGenerator[dict[str, str]]:
    """`python -m towpath.standins`, and the line that it tells."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "towpath.standins", "--faults"),
        env=child_environment({"PYTHONPATH": str(ROOT), **settings}),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield json.loads(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG)
async def test_nobody_controls_the_stand_ins_without_their_token(running: RunningStandIns, given: str) -> None:
    """No fault is ordered or lifted, nothing that they received is read, by no method."""
    headers = [(b"Authorization", given.encode())] if given else []
    async with httpx.AsyncClient(base_url=running.url, timeout=30) as http:
        before = (await http.get("/_standins/faults", headers=running.control)).json()
        for method, path, body in CONTROL:
            answer = await http.request(method, path, json=body, headers=headers)
            assert answer.status_code == 401, (method, path)
            assert method == "HEAD" or answer.json()["title"] == "a bearer token is needed"
        assert (await http.get("/_standins/faults", headers=running.control)).json() == before
        assert (await http.get("/_standins/latency", headers=running.control)).json()["seconds"] == 0


async def test_their_token_opens_the_control(running: RunningStandIns) -> None:
    """A fault is ordered and lifted, and what was received is told."""
    async with httpx.AsyncClient(base_url=running.url, headers=running.control, timeout=30) as http:
        ordered = await http.post("/_standins/faults", json=FAULT)
        assert ordered.status_code == 201
        assert (await http.delete("/_standins/faults", params={"id": ordered.json()["id"]})).status_code == 200
        assert "accounts" in (await http.get("/_standins/effects")).json()
        assert (await http.get("/claude/_calls")).json()["total"] == 0


@pytest.mark.parametrize(("method", "path"), SERVICES, ids=lambda value: value)
async def test_no_service_answers_without_a_key(running: RunningStandIns, method: str, path: str) -> None:
    """As the real ones: 401 before the body is looked at."""
    async with httpx.AsyncClient(base_url=running.url, timeout=30) as http:
        for content in (b"{}", b"{"):
            kind = {"Content-Type": "application/json"}
            answer = await http.request(method, path, content=None if method == "GET" else content, headers=kind)
            assert answer.status_code == 401


async def test_stand_ins_without_a_setting_make_a_token() -> None:
    """Nobody reaches their control without it; a token that is given is not told."""
    async with by_hand() as told, httpx.AsyncClient(base_url=told["http"], timeout=30) as http:
        assert (await http.get("/_standins/effects", headers={"Authorization": "Bearer no"})).status_code == 401
        allowed = await http.get("/_standins/effects", headers={"Authorization": f"Bearer {told['token']}"})
        assert allowed.status_code == 200
    async with by_hand(STANDINS_TOKEN="given") as told:
        assert told.keys() == {"http", "smtp"}


async def test_commands_find_the_token_by_themselves(house: House, running: RunningStandIns, tmp_path: Path) -> None:
    """In the state folder, where nobody else reads it; without it the stand-ins refuse."""
    with locked(tmp_path / ".towpath") as folder:
        folder.note({"stand-ins": running.url})
        code, _, problems = await starter(house, "faults", "list", folder=tmp_path)
        assert (code, "401" in problems) == (4, True), problems
        keep_token(folder.path / STANDINS_FILE, running.token)
        assert stat.S_IMODE((folder.path / STANDINS_FILE).stat().st_mode) == 0o600
        told = await starter_json(house, "faults", "shop", "search", "overload", folder=tmp_path)
        code, _, problems = await starter(house, "faults", "shop", "search", "rust", folder=tmp_path)
    assert told == {"service": "search", "fault": "overload", "instance": "search-1"}
    assert (code, "no fault 'rust'" in problems) == (2, True), problems
    async with httpx.AsyncClient(base_url=running.url, headers=running.control, timeout=30) as http:
        assert (await http.get("/_standins/world")).json()["search"]["open_faults"] == ["overload"]


async def test_one_token_is_made_by_all_who_start_at_once(tmp_path: Path) -> None:
    """Services of the compose file make it if it is missing; who comes later reads it, and nobody else."""
    file = tmp_path / "doors" / "alerts.token"
    line = (sys.executable, "-m", "towpath.local.tokens", str(file))
    env = child_environment({"PYTHONPATH": str(ROOT)})
    started = [await asyncio.create_subprocess_exec(*line, env=env) for _ in range(4)]
    assert [await each.wait() for each in started] == [0] * 4
    token = kept_token(file)
    assert len(token) > 40
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    make_token(file)
    assert kept_token(file) == token
    assert [each.name for each in file.parent.iterdir()] == [file.name]
