"""`starter.py demo` and `up`: the local stack from the command line."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console

from towpath.cli.terminal import Exit, JsonFlag, console, fail, problems, show_json
from towpath.config.settings import SettingsError, has_claude_key
from towpath.control.temporal import connect, run_to_end
from towpath.integrations.storage.artefacts import ArtefactStore
from towpath.local.alerting import Alerting, alerting
from towpath.local.demo.etl import database
from towpath.local.demo.incident import quicker_definitions
from towpath.local.demo.parts import PARTS
from towpath.local.demo.scene import Scene, Told
from towpath.local.keeping import keep_working, until_one_ends
from towpath.local.processes import ChildFailedError
from towpath.local.server import ServerNotFoundError, TemporalServer
from towpath.local.stack import STATE, LocalStack, StandIns, local_stack

StateOption = Annotated[Path, typer.Option(help="Folder for the database file and the logs.")]


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)
    app.command("up")(up)


def demo(
    process: Annotated[str, typer.Option(help=f"Which process to show: {', '.join(PARTS)}, or all.")] = "all",
    state: StateOption = STATE,
    as_json: JsonFlag = False,
) -> None:
    """Show the processes on a local stack, every step as it happens, and end.

    With --json the steps go to stderr, and stdout gets what the runs did.
    """
    wanted = list(PARTS) if process == "all" else [process]
    if process not in {"all", *PARTS}:
        fail(Exit.WRONG_INPUT, f"--process: {process!r} is not shown; give one of: all, {', '.join(PARTS)}")
    _run(_demo(state, wanted, problems if as_json else console, as_json=as_json))


def up(state: StateOption = STATE) -> None:
    """Keep the local stack up until Ctrl-C: Temporal with its UI, stand-ins, one worker."""
    _run(_up(state))


def _run(command: Coroutine[Any, Any, None]) -> None:
    try:
        run_to_end(command)
    except SettingsError as error:
        fail(Exit.WRONG_INPUT, *str(error).splitlines())
    except (ChildFailedError, ServerNotFoundError) as error:
        fail(Exit.UNREACHABLE, str(error))


@dataclass(slots=True)
class Watch:
    """What watches the shop of the stand-ins, started before the worker, which asks it for metrics."""

    state: Path
    is_demo: bool
    wanted: bool = True
    own: Mapping[str, str] = field(default_factory=dict[str, str])
    """Settings of the worker that come from elsewhere."""
    alerting: Alerting | None = None

    @property
    def artefacts(self) -> str:
        return str((self.state / "artefacts").resolve())

    @asynccontextmanager
    async def around(self, server: TemporalServer, standins: StandIns) -> AsyncGenerator[Mapping[str, str]]:
        """Yields the settings of the worker that follow."""
        env = dict(self.own)
        if self.is_demo:
            env["TOWPATH_ARTEFACT_STORE"] = self.artefacts
        if not self.wanted:
            yield env
            return
        if self.is_demo:
            env["TOWPATH_INCIDENT_FOLDER"] = str(quicker_definitions(self.state / "demo-definitions"))
        os.environ["TEMPORAL_ADDRESS"] = server.address
        async with alerting(await connect(), standins, self.state) as self.alerting:
            yield env | {"TOWPATH_PROMETHEUS_URL": self.alerting.prometheus_url}


async def _demo(state: Path, wanted: Sequence[str], out: Console, *, as_json: bool) -> None:
    out.print("Starting Temporal, the stand-in services and a worker …")
    with database(wanted) as env:
        await _scenes(state, wanted, out, env, as_json=as_json)


async def _scenes(state: Path, wanted: Sequence[str], out: Console, env: Mapping[str, str], *, as_json: bool) -> None:
    watch = Watch(state, is_demo=True, wanted="incident" in wanted, own=env)
    async with local_stack(state, offline=not has_claude_key(), around=watch.around) as stack:
        _tell_addresses(stack, out)
        os.environ["TEMPORAL_ADDRESS"] = stack.server.address
        async with httpx.AsyncClient(base_url=stack.standins.url) as http:
            stamp, store = f"{datetime.now(UTC):%Y%m%d-%H%M%S}", ArtefactStore(watch.artefacts)
            scene = Scene(await connect(), stack, out, http, stamp, store, watch.alerting)
            told = [await _show(scene, name, f"{number}/{len(wanted)}") for number, name in enumerate(wanted, 1)]
            effects = (await http.get("/_standins/effects")).json()
        out.print("", _answered_by(stack), sep="\n", soft_wrap=True, markup=False)
        out.print("\nKeep everything up, with these runs: `make up`, stopped by Ctrl-C.")
        if as_json:
            runs = [run for part in told for run in part.runs]
            show_json({"offline": stack.offline, "effects": effects, "runs": runs})
    if not all(part.well for part in told):
        raise typer.Exit(Exit.REFUSED)


async def _show(scene: Scene, name: str, place: str) -> Told:
    entry = PARTS[name]
    scene.console.print(f"\n{place}  {entry.title}", style="bold", markup=False)
    told = await entry.show(scene)
    for line in told.report:
        scene.console.print(line, soft_wrap=isinstance(line, str), markup=False)
    return told


def _answered_by(stack: LocalStack) -> str:
    if not stack.offline:
        return "Claude answered: ANTHROPIC_API_KEY is set. All other services were stand-ins on this machine."
    return (
        "Nothing here came from Claude: there is no ANTHROPIC_API_KEY, so all answers are from the offline stand-in "
        "(model `offline-stand-in`, no price). Set the key and run the same command to ask Claude."
    )


async def _up(state: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
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
        fault = '{"service": "checkout", "fault": "bad-deployment"}'
        console.print(
            f"  curl -d '{fault}' {stack.standins.url}/_standins/world",
            f"  TEMPORAL_ADDRESS={stack.server.address} .venv/bin/python starter.py incident list",
            sep="\n",
            soft_wrap=True,
            markup=False,
        )
        if watch.alerting is not None:
            console.print(f"  alerts and metrics come from {watch.alerting.in_words}", soft_wrap=True, markup=False)
        console.print("Ctrl-C stops everything; the runs are kept.")
        await _stay_up(stack, stop)
        console.print("Stopping …")


async def _stay_up(stack: LocalStack, stop: asyncio.Event) -> None:
    """Until it is told to stop. Raises ChildFailedError when the stack cannot go on."""

    def say(text: str) -> None:
        console.print(text, soft_wrap=True, markup=False)

    watching: set[asyncio.Task[Any]] = {
        asyncio.create_task(stop.wait()),
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
    out.print(f"  Temporal   {stack.server.address}")
    out.print(f"  UI         {stack.server.ui_url}")
    out.print(f"  metrics    {stack.metrics_url}")
    out.print(f"  stand-ins  {stack.standins.url}, mail on port {stack.standins.smtp_port}")
    answers = "the offline stand-in (no ANTHROPIC_API_KEY)" if stack.offline else "Claude (ANTHROPIC_API_KEY is set)"
    out.print(f"  answers    {answers}")
