"""`python -m towpath.local.watcher`: watches the stand-ins' shop by itself, where no Prometheus and Alertmanager do."""

import argparse
import asyncio
import signal
from pathlib import Path
from types import FrameType
from typing import NoReturn

import httpx

from towpath.local.monitoring import Shop, watch_shop
from towpath.local.tokens import kept_token

AGAIN_SECONDS = 2.0
WHOSE = {"token": "TOWPATH_ALERTS_TOKEN of the receiver", "standins-token": "token of the stand-ins' control"}


async def watch(shop: Shop, webhook: str, token: str) -> NoReturn:
    """For ever: what does not answer is asked again, for the services around it start in their own time."""
    while True:
        try:
            await watch_shop(shop, webhook, token)
        except httpx.HTTPError:
            await asyncio.sleep(AGAIN_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m towpath.local.watcher",
        description="Send alerts of the stand-ins' shop as Alertmanager does.",
    )
    parser.add_argument("--standins", required=True, help="address of the stand-ins")
    parser.add_argument("--webhook", required=True, help="where alerts are received")
    for whose in ("token", "standins-token"):
        parser.add_argument(f"--{whose}-file", required=True, type=Path, help=f"a file that holds the {WHOSE[whose]}")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    token, shop_token = kept_token(options.token_file), kept_token(options.standins_token_file)
    if not token or not shop_token:
        parser.error("a file of a token is missing or empty")
    asyncio.run(watch(Shop(options.standins, shop_token), options.webhook, token))


def _end(_: int, __: FrameType | None) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    main()
