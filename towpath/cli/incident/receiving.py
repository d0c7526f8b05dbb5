"""`starter.py incident receive`: where Alertmanager sends its alerts."""

import asyncio
import secrets
import signal
import socket
import sys
from collections.abc import Collection, Sequence
from typing import Annotated

import typer
import uvicorn

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.configuration import settings
from towpath.cli.connection import client, run
from towpath.cli.terminal import Exit, console, fail
from towpath.config.incident_files import CatalogueError, inventory_services
from towpath.config.settings import SettingsError
from towpath.control.intake import AlertIntake
from towpath.control.receiver import PATH, Receiver
from towpath.doors import LOOPBACK_NAMES
from towpath.local.server import LOOPBACK

app = typer.Typer()


@app.command("receive")
def receive(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 is a free one.")] = 9095,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = LOOPBACK,
    name: Annotated[
        list[str] | None,
        typer.Option(help="Name that Alertmanager has for this host; without one, beyond loopback, any."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Take alerts from Alertmanager's webhook, until Ctrl-C. Each group of alerts is one incident.

    Alertmanager sends the bearer token of TOWPATH_ALERTS_TOKEN, or of the file that TOWPATH_ALERTS_TOKEN_FILE names.
    Without one, on loopback, a token is made and shown.
    """
    run(_receive(host, port, tuple(name or ()), as_json=as_json))


async def _receive(host: str, port: int, names: Sequence[str], *, as_json: bool) -> None:
    try:
        token = settings().token_for_alerts()
    except SettingsError as error:
        fail(Exit.WRONG_INPUT, str(error))
    try:
        services = inventory_services(settings().incident_folder)
    except CatalogueError as error:
        fail(Exit.WRONG_INPUT, *str(error).splitlines())
    if token is None and host not in LOOPBACK_NAMES:
        fail(Exit.WRONG_INPUT, f"--host {host}: set TOWPATH_ALERTS_TOKEN first: anybody could begin incidents")
    try:
        listener = socket.create_server((host, port), backlog=128)
    except OSError as error:
        fail(Exit.WRONG_INPUT, f"--host {host} --port {port}: {error.strerror}")
    with listener:
        asked = None if host not in LOOPBACK_NAMES and not names else LOOPBACK_NAMES | {host, *names}
        await _serve(listener, host, asked, token, services, as_json=as_json)


async def _serve(
    listener: socket.socket,
    host: str,
    names: Collection[str] | None,
    given: str | None,
    services: frozenset[str],
    *,
    as_json: bool,
) -> None:
    token = secrets.token_urlsafe(24) if given is None else given
    receiver = Receiver(AlertIntake(await client(), services), token, names)
    config = uvicorn.Config(receiver.app(), log_level="warning", access_log=False, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, lambda: setattr(server, "should_exit", True))
    url = f"http://{host}:{listener.getsockname()[1]}{PATH}"
    if as_json:
        show_json({"url": url} if given is not None else {"url": url, "token": token})
        sys.stdout.flush()
    else:
        console.print(f"Takes alerts at {url} (webhook_configs.url of Alertmanager), until Ctrl-C.", soft_wrap=True)
        if given is None:
            what = f"http_config: {{authorization: {{type: Bearer, credentials: {token}}}}}"
            console.print(f"TOWPATH_ALERTS_TOKEN is not set. Until then, for this start: {what}", soft_wrap=True)
    await server.serve(sockets=[listener])
