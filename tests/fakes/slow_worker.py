"""A worker whose library has two more functions: both ask a server that does not answer, and one will not be stopped.

python -m tests.fakes.slow_worker
"""

import asyncio
from contextlib import suppress

import httpx

import worker
from towpath.functions.registry import step_function

FOREVER = 3600.0


@step_function("holdOn")
async def hold_on(url: str) -> None:
    """Wait for the answer."""
    async with httpx.AsyncClient(timeout=FOREVER) as http:
        await http.get(url)


@step_function("holdFast")
async def hold_fast(url: str) -> None:
    """Wait for the answer, and once more when it is cancelled."""
    with suppress(asyncio.CancelledError):
        await hold_on(url)
        return
    await hold_on(url)


if __name__ == "__main__":
    worker.main()
