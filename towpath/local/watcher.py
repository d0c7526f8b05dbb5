"""`python -m towpath.local.watcher`: watches the stand-ins' shop by itself, where no Prometheus and Alertmanager do."""

import argparse
import asyncio
import signal
from types import FrameType
from typing import NoReturn

import httpx

from towpath.local.monitoring import watch_shop

AGAIN_SECONDS = 2.0


async def watch(standins: str, webhook: str, token: str) -> NoReturn:
    """For ever: what does not answer is asked again, for the services around it start in their own time."""
    while True:
        try:
            await watch_shop(standins, webhook, token)
        except httpx.HTTPError:
            await asyncio.sleep(AGAIN_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m towpath.local.watcher",
        description="Send alerts of the stand-ins' shop as Alertmanager does.",
    )
    parser.add_argument("--standins", required=True, help="address of the stand-ins")
    parser.add_argument("--webhook", required=True, help="where alerts are received")
    parser.add_argument("--token", required=True, help="what the receiver has as TOWPATH_ALERTS_TOKEN")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    asyncio.run(watch(options.standins, options.webhook, options.token))


def _end(_: int, __: FrameType | None) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    main()
