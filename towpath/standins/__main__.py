"""Serve the stand-ins: `python -m towpath.standins`. Prints one line of JSON with its addresses when it is ready."""

import argparse
import asyncio
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import Collection

import uvicorn

from towpath.doors import LOOPBACK_NAMES, Door, Rules
from towpath.standins.app import StandIns
from towpath.standins.mail import serve_mail

LOOPBACK = "127.0.0.1"
SETTING = "STANDINS_TOKEN"
CONTROL = ("/_standins", "/claude/_")
"""What tells of the stand-ins themselves, and orders their faults."""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m towpath.standins",
        description="Stand-ins for the outside world: business services, Slack, mail, X, LinkedIn, blog, shop, Claude.",
        epilog=f"Below /_standins a bearer token is needed: that of {SETTING}, or one that the line of JSON tells.",
    )
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="HTTP port; 0 is a free one (default)")
    parser.add_argument("--smtp-port", type=int, default=0, help="SMTP port; 0 is a free one (default)")
    parser.add_argument("--name", action="append", default=[], help="another name that this host is asked for by")
    parser.add_argument("--faults", action="store_true", help="open POST /_standins/faults: failures on order")
    options = parser.parse_args()
    names = LOOPBACK_NAMES | {options.host, *options.name}
    asyncio.run(serve(options.host, options.port, options.smtp_port, names, faults=options.faults))


async def serve(host: str, port: int, smtp_port: int, names: Collection[str], *, faults: bool) -> None:
    """Both servers, until SIGTERM or SIGINT."""
    given = os.environ.get(SETTING, "")
    token = given or secrets.token_urlsafe(32)
    standins = StandIns(faults_allowed=faults)
    listener = socket.create_server((host, port), backlog=512)
    # asyncio sets it on sockets that it made itself; without it every answer waits 40 ms for a delayed ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    mail = await serve_mail(standins.mailbox, host, smtp_port)
    app = Door(standins.app(), Rules(names, json_below=CONTROL, token=token, token_below=CONTROL))
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    ready = {"http": _url(listener), "smtp": mail.sockets[0].getsockname()[1], **({} if given else {"token": token})}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    await serving
    mail.close()


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{LOOPBACK if host == '0.0.0.0' else host}:{port}"


if __name__ == "__main__":
    main()
