"""What `demo` and `up` do on a state folder that is theirs."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from towpath.cli.as_json import show_json
from towpath.cli.configuration import settings
from towpath.cli.local.commands import STATE
from towpath.cli.terminal import Exit, console, fail, problems
from towpath.config.settings import SettingsError, has_claude_key
from towpath.control.temporal import connect, run_to_end
from towpath.integrations.storage.artefacts import ArtefactStore
from towpath.local.alerting import Alerting, alerting
from towpath.local.demo.etl import database
from towpath.local.demo.incident import quicker_definitions
from towpath.local.demo.parts import PARTS
from towpath.local.demo.scene import STORY_SECONDS, Scene, Told
from towpath.local.processes import ChildFailedError
from towpath.local.restarting import keep_working, until_one_ends
from towpath.local.server import ServerNotFoundError, TemporalServer
from towpath.local.stack import LocalStack, RunningStandIns, local_stack
from towpath.local.state import StateFolder
from towpath.local.stopping import until_stopped
from towpath.outside.client import http_client
from towpath.views.live import TOLD_BRIEFLY, legend
from towpath.views.tables import show_table


def demo(state: StateFolder, wanted: Sequence[str], *, as_json: bool) -> bool:
    """Whether it was told to end before its end."""
    out = problems if as_json else console
    return _run(_demo(state, wanted, out, as_json=as_json), out)


def up(state: StateFolder) -> None:
    _run(_up(state), console)


def _run(command: Coroutine[Any, Any, None], out: Console) -> bool:
    try:
        return run_to_end(until_stopped(command, out.print))
    except SettingsError as error:
        fail(Exit.WRONG_INPUT, *str(error).splitlines())
    except (ChildFailedError, ServerNotFoundError) as error:
        fail(Exit.UNREACHABLE, str(error))
    except TimeoutError:
        fail(Exit.TIMED_OUT, f"A story of the demo did not come to its end in {STORY_SECONDS} s.")


@dataclass(slots=True)
class Watch:
    """What watches the shop of the stand-ins, started before the worker, which asks it for metrics."""

    state: StateFolder
    is_demo: bool
    wanted: bool = True
    own: Callable[[], Coroutine[Any, Any, Mapping[str, str]]] | None = None
    """Settings of the worker that come from elsewhere."""
    alerting: Alerting | None = None

    @property
    def artefacts(self) -> str:
        return str((self.state.path / "artefacts").resolve())

    @asynccontextmanager
    async def around(self, server: TemporalServer, standins: RunningStandIns) -> AsyncGenerator[Mapping[str, str]]:
        """Yields the settings of the worker that follow."""
        env = {} if self.own is None else dict(await self.own())
        if self.is_demo:
            env["TOWPATH_ARTEFACT_STORE"] = self.artefacts
        if not self.wanted:
            yield env
            return
        if self.is_demo:
            env["TOWPATH_INCIDENT_FOLDER"] = str(quicker_definitions(self.state.path / "definitions"))
        os.environ["TEMPORAL_ADDRESS"] = server.address
        async with alerting(await connect(), standins, self.state.path) as self.alerting:
            yield env | {"TOWPATH_PROMETHEUS_URL": self.alerting.prometheus_url}


async def _demo(state: StateFolder, wanted: Sequence[str], out: Console, *, as_json: bool) -> None:
    async with AsyncExitStack() as running:
        pipelines = await running.enter_async_context(database(wanted, state))
        watch = Watch(state, is_demo=True, wanted="incident" in wanted, own=pipelines)
        stack = await running.enter_async_context(local_stack(state, offline=not has_claude_key(), around=watch.around))
        _tell_addresses(stack, out)
        if not out.is_terminal:
            out.print(f"  signs      {legend(TOLD_BRIEFLY)}")
        os.environ["TEMPORAL_ADDRESS"] = stack.server.address
        http = await running.enter_async_context(_door_of(stack))
        stamp, store = f"{datetime.now(UTC):%Y%m%d-%H%M%S}", ArtefactStore(watch.artefacts)
        client = await connect(decision_key=settings().signing_key())
        scene = Scene(client, stack, out, http, stamp, store, state.path, watch.alerting)
        told = [await _show(scene, name, f"{number}/{len(wanted)}") for number, name in enumerate(wanted, 1)]
        effects = (await http.get("/_standins/effects")).json()
        out.print("", _answered_by(stack), sep="\n", soft_wrap=True, markup=False)
        if as_json:
            runs = [run for part in told for run in part.runs]
            show_json({"offline": stack.offline, "effects": effects, "runs": runs})
    out.print(f"The stack of the demo has ended. `make up STATE={state.path}` shows its runs again.", soft_wrap=True)
    if not all(part.well for part in told):
        raise typer.Exit(Exit.REFUSED)


def _door_of(stack: LocalStack) -> httpx.AsyncClient:
    """To the stand-ins, their control included."""
    return http_client(httpx.Timeout(5.0), base_url=stack.standins.url, headers=stack.standins.control)


def _at(path: Path) -> str:
    return "" if path == STATE else f" --state {path}"


async def _show(scene: Scene, name: str, place: str) -> Told:
    entry = PARTS[name]
    scene.console.print(f"\n{place}  {entry.title}", style="bold", markup=False, soft_wrap=True)
    told = await entry.show(scene)
    for line in [*(told.details if scene.console.is_terminal else told.brief), *told.report]:
        if isinstance(line, Table):
            show_table(scene.console, line)
        else:
            scene.console.print(line, soft_wrap=isinstance(line, str), markup=False)
    return told


def _answered_by(stack: LocalStack) -> str:
    if not stack.offline:
        return "Claude answered: ANTHROPIC_API_KEY is set. All other services were stand-ins on this machine."
    return (
        "Nothing here came from Claude: there is no ANTHROPIC_API_KEY, so all answers are from the offline stand-in "
        "(model `offline-stand-in`, no price). Set the key and run the same command to ask Claude."
    )


async def _up(state: StateFolder) -> None:
    watch = Watch(state, is_demo=False)
    async with local_stack(state, offline=not has_claude_key(), around=watch.around) as stack:
        _tell_addresses(stack, console)
        console.print("Up. Start a customer:")
        console.print(
            f"  TEMPORAL_ADDRESS={stack.server.address} .venv/bin/python starter.py onboarding "
            '--email kim@hanbit.example --company "Hanbit Logistics" --plan business --wait',
            soft_wrap=True,
        )
        console.print("Raise an incident, and see it; the alert fires in some seconds:")
        console.print(
            f"  .venv/bin/python starter.py faults shop checkout bad-deployment{_at(state.path)}",
            f"  TEMPORAL_ADDRESS={stack.server.address} .venv/bin/python starter.py incident list",
            sep="\n",
            soft_wrap=True,
            markup=False,
        )
        if watch.alerting is not None:
            console.print(f"  alerts and metrics come from {watch.alerting.in_words}", soft_wrap=True, markup=False)
        console.print("Ctrl-C stops everything; the runs are kept.")
        await _stay_up(stack)


async def _stay_up(stack: LocalStack) -> None:
    """Until it is cancelled. Raises ChildFailedError when the stack cannot go on."""

    def say(text: str) -> None:
        console.print(text, soft_wrap=True, markup=False)

    watching: set[asyncio.Task[Any]] = {
        asyncio.create_task(keep_working(stack, say)),
        asyncio.create_task(until_one_ends([stack.server.process, stack.standins.process])),
    }
    try:
        ended, _ = await asyncio.wait(watching, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)


def _tell_addresses(stack: LocalStack, out: Console) -> None:
    for name, port in stack.moved_ports.items():
        out.print(f"The usual port of {name} is in use: it is on {port} this time.")
    for name, address in stack.addresses.items():
        mail = f", mail on port {stack.standins.smtp_port}" if name == "stand-ins" else ""
        out.print(f"  {name:<10} {address}{mail}", soft_wrap=True)
    answers = "the offline stand-in (no ANTHROPIC_API_KEY)" if stack.offline else "Claude (ANTHROPIC_API_KEY is set)"
    out.print(f"  answers    {answers}")
    signed = "signed" if settings().decision_keys() else "not signed: whoever reaches this machine decides as anybody"
    out.print(f"  decisions  {signed}", soft_wrap=True)
