"""worker.py as a process: how it starts, refuses to start, and ends; and what it leaves in its logs and metrics."""

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest
from temporalio.client import WorkflowFailureError

from tests.integration.conftest import House, new_customer
from tests.integration.definitions import document, start, until_state
from tests.waiting import WAIT_SECONDS, until
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import CloudEvent, Edit
from towpath.contracts.onboarding.customer import OnboardingOutcome
from towpath.local.server import free_port
from towpath.local.stack import ROOT, worker_environment


async def begin_worker(env: dict[str, str], *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "worker.py"), *arguments),
        env=env,
        cwd=ROOT / "tests",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run_worker(env: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Exit code and stderr of a worker that does not get to work."""
    process = await begin_worker(env, *arguments)
    _, problems = await process.communicate()
    return process.returncode or 0, problems.decode()


async def test_missing_settings_are_one_line_each() -> None:
    """Without settings the worker names every one that it needs, and ends with 2."""
    code, problems = await run_worker({"TOWPATH_SMTP_PORT": "none", "TOWPATH_CRM_URL": "ftp://x"})
    lines = problems.splitlines()

    assert code == 2
    assert any(line.startswith("worker.py: ANTHROPIC_API_KEY: is missing") for line in lines)
    assert any(line.startswith("worker.py: TOWPATH_ACCOUNTS_URL: is missing") for line in lines)
    assert any(line.startswith("worker.py: TOWPATH_SMTP_PORT: ") and "must be a whole number" in line for line in lines)
    assert any(line.startswith("worker.py: TOWPATH_CRM_URL: ") for line in lines)


async def test_broken_json_in_a_setting_is_one_line() -> None:
    """What is broken is said beside all else that is missing, a line each, and no value is repeated."""
    code, problems = await run_worker({"TOWPATH_SECRETS": '{"A": "hush"', "TOWPATH_EVENT_SINKS": "[hush"})
    lines = problems.splitlines()

    assert code == 2 and "hush" not in problems
    assert all(line.startswith("worker.py: ") for line in lines)
    for name in ("TOWPATH_SECRETS", "TOWPATH_EVENT_SINKS", "TOWPATH_CRM_URL"):
        assert len([line for line in lines if line.startswith(f"worker.py: {name}: ")]) == 1


async def test_secret_is_not_repeated(house: House) -> None:
    """A wrong encryption key is refused without its value."""
    env = worker_environment(house.server.address, house.standins, free_port())
    code, problems = await run_worker({**env, "TOWPATH_ENCRYPTION_KEYS": "k1:c2VjcmV0"}, "--check")

    assert code == 2
    assert "TOWPATH_ENCRYPTION_KEYS" in problems
    assert "c2VjcmV0" not in problems


async def test_retired_model_is_refused_with_the_one_to_use(house: House) -> None:
    """A model that has ended is refused at start, not at the first call."""
    env = worker_environment(house.server.address, house.standins, free_port())
    code, problems = await run_worker({**env, "TOWPATH_CLAUDE_MODEL_DEEP": "claude-3-opus-20240229"})

    assert code == 2
    assert "TOWPATH_CLAUDE_MODEL_DEEP: 'claude-3-opus-20240229'" in problems
    assert "use 'claude-opus-5-5'" in problems


async def test_metrics_port_in_use_is_said(house: House) -> None:
    """A worker that cannot serve its metrics says so in one line, and does not start."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        env = worker_environment(house.server.address, house.standins, taken.getsockname()[1])
        code, problems = await run_worker(env)

    assert code == 2
    assert "worker.py: TOWPATH_METRICS_ADDRESS: cannot serve metrics there" in problems


@asynccontextmanager
async def silent() -> AsyncGenerator[tuple[int, asyncio.Event]]:
    """A port where everybody is let in and nobody is answered, and whether somebody came."""
    came = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        while await reader.read(65_536):
            pass
        writer.close()

    async with await asyncio.start_server(hold, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], came


@pytest.mark.parametrize(
    ("place", "number"),
    [
        ("nowhere", signal.SIGTERM),
        ("nowhere", signal.SIGINT),
        ("temporal", signal.SIGTERM),
        ("claude", signal.SIGTERM),
    ],
)
async def test_a_signal_before_it_is_ready_is_no_success(house: House, place: str, number: signal.Signals) -> None:
    """A worker that still connects, or checks its models, ends at once, and says by its code that it never served."""
    env = worker_environment(house.server.address, house.standins, free_port())
    async with silent() as (port, came):
        wrong = {
            "nowhere": {"TEMPORAL_ADDRESS": f"127.0.0.1:{free_port()}"},
            "temporal": {"TEMPORAL_ADDRESS": f"127.0.0.1:{port}"},
            "claude": {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}"},
        }[place]
        process = await begin_worker(env | house.environment() | wrong)
        assert process.stderr is not None
        if place == "nowhere":
            await process.stderr.readuntil(b"does not answer yet")
        else:
            await came.wait()
        process.send_signal(number)
        async with asyncio.timeout(WAIT_SECONDS):
            _, problems = await process.communicate()

    assert process.returncode == 3
    assert b"worker ended before it was ready" in problems and b"Traceback" not in problems


async def test_exit_codes_are_in_the_help() -> None:
    """Whoever runs the worker reads what its end means."""
    process = await begin_worker({}, "--help")
    output, _ = await process.communicate()

    assert process.returncode == 0
    assert b"3 a signal ended it before it was ready" in b" ".join(output.split())


async def test_sigterm_drains(bare_house: House) -> None:
    """SIGTERM lets the running step end, and the worker exits with 0; nothing is tried a second time."""
    customer = new_customer()
    async with bare_house.worker() as first:
        fault = await bare_house.fault(service="claude", operation="WelcomeKitDraft", hold=True, times=1)
        run = await bare_house.start(customer)
        await until(lambda: bare_house.hits(fault), lambda hits: hits == 1)
        first.process.terminate()
        await bare_house.lift()
        code = await first.process.wait()
    async with bare_house.worker():
        result = await run.handle.result()

    assert code == 0
    assert result.outcome is OnboardingOutcome.ONBOARDED
    assert (await bare_house.effects())["claude_calls"]["WelcomeKitDraft"] == 1


PRIVATE = """
id: private
version: "1.0.0"
inputs: {who: {}}
steps:
  - {id: named, type: set, config: {value: "{{ inputs.who }}"}}
  - id: asked
    type: claude
    config: {prompt: "Who is {{ inputs.who.name }}?", input: "{{ steps.named.value }}"}
    on_error: continue
  - id: told
    type: multi-channel
    config:
      require: none
      channels:
        - slack: {channel: "#general", message: "{{ inputs.who.name }}"}
        - email: {to: "{{ inputs.who.address }}", subject: "{{ inputs.who.name }}", data: "{{ inputs.who }}"}
  - id: refused
    type: http
    config: {url: "https://nowhere.example/{{ inputs.who.name }}", query: {q: "{{ inputs.who.name }}"}}
    on_error: continue
  - {id: waits, type: wait, config: {event: test.go, correlate: "{{ run.key }}"}}
  - {id: ends, type: function, config: {handler: assessCustomerRisk, params: {customer: "{{ inputs.who }}"}}}
"""


async def private_run(house: House, who: JsonObject) -> None:
    """A run of a definition into which a person comes by inputs, an event and a hand, and which fails over them."""
    handle = await start(house, document(PRIVATE), {"who": who})
    await until_state(handle, "waits", "running")
    await handle.signal("event", CloudEvent(id="1", type="t.go", subject="x", data=who))
    edit = Edit(step="waits", by="kim", reason=str(who["name"]), value=who)
    await handle.execute_update("set_output", edit)
    with pytest.raises(WorkflowFailureError):
        await handle.result()


@pytest.mark.parametrize("level", ["info", "debug"])
async def test_logs_and_metrics_hold_no_customer_and_no_secret(bare_house: House, level: str) -> None:
    """Runs with failing steps leave neither address nor company in logs and metrics, at the lowest level too."""
    customer = new_customer(company="Verysecret Industries", contact_name="Hiddenname")
    port, log = free_port(), bare_house.folder / "worker.log"
    await bare_house.fault(service="slack", code="internal_error", status=500, times=1)
    env = {"TOWPATH_LOG_LEVEL": level, "TOWPATH_SECRETS": '{"PIN": "0a-7-b"}'}
    async with bare_house.worker(env, log=log, metrics_port=port) as worker:
        run = await bare_house.start(customer)
        result = await run.handle.result()
        who: JsonObject = {"name": "Hiddenname", "address": "hidden@verysecret.example", "company": "Verysecret"}
        await private_run(bare_house, who)
        async with httpx.AsyncClient() as http:
            metrics = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
        await worker.stop()
    text = log.read_text()

    assert result.outcome is OnboardingOutcome.ONBOARDED
    assert "Slack answered 500" in text
    assert "towpath_claude_tokens_total" in metrics
    assert "masked only where they are the whole value" in text and "PIN" in text
    for private in (
        customer.email,
        "0a-7-b",
        "verysecret",
        "Verysecret",
        "Hiddenname",
        "offline-stand-in-key",
        "Bearer",
    ):
        assert private not in text
        assert private not in metrics
