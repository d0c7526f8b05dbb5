"""Servers on this machine answered any page of a browser, and children had the keys of their parent."""

import asyncio
import json
import secrets
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from tests.integration.commands import begin_starter
from tests.integration.conftest import House
from towpath.children import child_environment
from towpath.contracts.incident.alerts import AlertmanagerWebhook
from towpath.control.intake import AlertIntake, Taken
from towpath.control.receiver import PATH, Receiver
from towpath.local.monitoring import webhook_body
from towpath.local.processes import spawn, written

LOOPBACK = "127.0.0.1"
TOKEN = secrets.token_urlsafe(24)
ALERT = webhook_body("checkout", "2026-03-01T12:00:00+00:00", resolved=False)
FAULT = {"service": "checkout", "fault": "bad-deployment"}
KEYS = (
    "TOWPATH_ENCRYPTION_KEYS",
    "TOWPATH_DECISION_KEY",
    "TOWPATH_SECRETS",
    "ANTHROPIC_API_KEY",
    "TEMPORAL_API_KEY",
    "AWS_SECRET_ACCESS_KEY",
)
HOSTILE = [
    pytest.param({"Host": "evil.example"}, 421, "evil.example", id="rebound name"),
    pytest.param({"Host": "evil.example:80"}, 421, "evil.example", id="rebound name and port"),
    pytest.param({"Host": "127.0.0.1.evil.example"}, 421, "evil.example", id="name that begins like ours"),
    pytest.param({"Host": "localhost@evil.example"}, 421, "ask for", id="name with a user"),
    pytest.param({"Host": ""}, 421, "without a name", id="no name"),
    pytest.param({"Origin": "https://evil.example"}, 403, "pages in a browser", id="page elsewhere"),
    pytest.param({"Origin": "null"}, 403, "pages in a browser", id="page in a sandbox"),
    pytest.param({"Origin": "http://127.0.0.1:1"}, 403, "pages in a browser", id="page of another server here"),
    pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, "pages in a browser", id="request of a page elsewhere"),
    pytest.param({"Content-Type": "text/plain"}, 415, "application/json", id="simple post"),
    pytest.param({"Content-Type": "text/plain; x=application/json"}, 415, "application/json", id="simple post, named"),
    pytest.param({"Content-Type": "application/x-www-form-urlencoded"}, 415, "application/json", id="form"),
    pytest.param({"Content-Type": "multipart/form-data; boundary=x"}, 415, "application/json", id="parts"),
    pytest.param({"Content-Type": ""}, 415, "application/json", id="no type"),
]


class Recorded(AlertIntake):
    """An intake that takes everything and asks nobody."""

    def __init__(self) -> None:
        self.taken: list[AlertmanagerWebhook] = []

    async def take(self, webhook: AlertmanagerWebhook) -> Taken:
        self.taken.append(webhook)
        return Taken("incident-response/x", len(webhook.alerts))


@asynccontextmanager
async def receiving(intake: AlertIntake) -> AsyncGenerator[str]:
    """The receiver on a port of loopback."""
    listener = socket.create_server((LOOPBACK, 0))
    config = uvicorn.Config(Receiver(intake, TOKEN).app(), log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


async def posted(url: str, body: object, headers: dict[str, str]) -> httpx.Response:
    usual = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(timeout=30) as http:
        return await http.post(url, content=json.dumps(body), headers={**usual, **headers})


@pytest.mark.parametrize(("headers", "status", "words"), HOSTILE)
async def test_the_receiver_takes_nothing_from_a_page(headers: dict[str, str], status: int, words: str) -> None:
    """Not even with its token; what Alertmanager sends is taken."""
    intake = Recorded()
    async with receiving(intake) as url:
        refused = await posted(url + PATH, ALERT, headers)
        assert (refused.status_code, intake.taken) == (status, [])
        assert words in refused.json()["title"]
        assert (await posted(url + PATH, ALERT, {})).status_code == 200


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN],
    ids=["nothing", "no-token", "another", "basic", "bare"],
)
async def test_the_receiver_always_wants_its_token(given: str) -> None:
    """There is no receiver without one."""
    intake = Recorded()
    async with receiving(intake) as url:
        assert (await posted(url + PATH, ALERT, {"Authorization": given})).status_code == 401
    assert intake.taken == []


async def test_a_receiver_without_a_setting_makes_a_token(house: House) -> None:
    """On loopback; nobody begins an incident without it. With it, whatever comes is taken."""
    receiver = await begin_starter(house, "incident", "receive", "--port", "0", "--json")
    assert receiver.stdout is not None
    try:
        told = json.loads(await receiver.stdout.readuntil(b"\n}\n"))
        unknown = await posted(told["url"], ALERT, {"Authorization": ""})
        broken = await posted(told["url"], {}, {"Authorization": f"Bearer {told['token']}"})
    finally:
        receiver.terminate()
        await receiver.communicate()
    assert (unknown.status_code, broken.status_code) == (401, 200)


async def test_a_receiver_reads_its_token_from_a_file(house: House, tmp_path: Path) -> None:
    """The one that Alertmanager reads, too; it is not shown."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    line = ("incident", "receive", "--port", "0", "--json")
    receiver = await begin_starter(house, *line, env={"TOWPATH_ALERTS_TOKEN_FILE": str(tmp_path / "token")})
    assert receiver.stdout is not None
    try:
        told = json.loads(await receiver.stdout.readuntil(b"}\n"))
        unknown = await posted(told["url"], ALERT, {"Authorization": "Bearer no"})
        broken = await posted(told["url"], {}, {})
    finally:
        receiver.terminate()
        await receiver.communicate()
    assert (told.keys(), unknown.status_code, broken.status_code) == ({"url"}, 401, 200)
    missing = await begin_starter(house, *line, env={"TOWPATH_ALERTS_TOKEN_FILE": "/nowhere/token"})
    _, problems = await missing.communicate()
    assert (missing.returncode, b"ALERTS_TOKEN_FILE: /nowhere/token cannot be read" in problems) == (2, True), problems


@pytest.mark.parametrize(("headers", "status", "words"), HOSTILE)
@pytest.mark.parametrize("path", ["/_standins/world", "/_standins/faults"])
async def test_the_stand_ins_take_nothing_from_a_page(
    house: House, path: str, headers: dict[str, str], status: int, words: str
) -> None:
    """No fault is ordered, and nothing breaks in their shop."""
    refused = await posted(house.standins.url + path, FAULT, {**house.standins.control, **headers})
    assert (refused.status_code, words in refused.json()["title"]) == (status, True)


@pytest.mark.parametrize("path", ["/_standins/messages", "/_standins/effects", "/health", "/shop/metrics"])
async def test_no_rebound_name_reads_the_stand_ins(house: House, path: str) -> None:
    """Mails and accounts are read by those who ask for this host by a name of its own."""
    async with httpx.AsyncClient(base_url=house.standins.url, headers=house.standins.control) as http:
        assert (await http.get(path, headers={"Host": "evil.example"})).status_code == 421
        assert (await http.get(path, headers={"Origin": "https://evil.example"})).status_code == 403
        assert (await http.get(path, headers={"Host": "localhost"})).status_code == 200


async def test_a_service_of_the_stand_ins_takes_no_plain_text(house: House) -> None:
    """Nor a body without a type."""
    for kind in ("text/plain", ""):
        answer = await posted(f"{house.standins.url}/accounts/accounts", {}, {"Content-Type": kind})
        assert answer.status_code == 415


async def test_children_are_given_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child of the stack has what it needs by name; a worker has its settings."""
    for name in KEYS:
        monkeypatch.setenv(name, "kept")
    told = tmp_path / "told"
    line = [sys.executable, "-c", f"import json, os; open({str(told)!r}, 'w').write(json.dumps(dict(os.environ)))"]
    async with spawn("child", line, env={"GIVEN": "yes"}):
        has = json.loads(await written(told, "}"))

    assert has["GIVEN"] == "yes" and has["PATH"]
    assert not set(KEYS) & has.keys()
    assert set(KEYS) <= child_environment({}, worker=True).keys()
