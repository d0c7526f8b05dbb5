"""Records histories of customer-onboarding against a fake house: `python -m tests.replay.record_onboarding`.

A file that exists is kept. Version v1 is of a worker that does not know the patch of the closing notice, v2 of one that
does: the example of a versioned change. Version v3 knows look-alike domains; `unseen-lookalike-v1` is of a worker that
did not, and of a name with a line break, which it evened.
"""

import tempfile
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from temporalio.client import WorkflowFailureError

from tests.fakes.house import FakeHouse, refused, unavailable
from tests.replay.record_incidents import write
from tests.timeskip.conftest import Bench, Handle, serve, time_skipping
from tests.timeskip.test_onboarding_paths import LOW_RISK, request
from tests.timeskip.test_onboarding_review import APPROVE, REJECT, UNJUDGED, decide, task_of
from towpath.control.temporal import run_to_end

Recorded = AsyncGenerator[tuple[str, Handle]]


async def straight(bench: Bench) -> Recorded:
    """Nobody is asked."""
    yield "straight", await bench.start(request())


async def retried(bench: Bench) -> Recorded:
    """Two of three calls of one moment fail for a moment, and go on by themselves."""
    bench.house.faults["create_account"] = [unavailable()]
    bench.house.faults["post_slack"] = [unavailable(), unavailable()]
    yield "retried", await bench.start(request())


async def failed(bench: Bench) -> Recorded:
    """Billing refuses: the account is closed, operations are told, the run is queued."""
    bench.house.faults["set_up_billing"] = [refused()]
    yield "failed", await bench.start(request())


async def cancelled(bench: Bench) -> Recorded:
    """Cancelled while a person is asked."""
    handle = await bench.start(UNJUDGED, skipping=False)
    await task_of(handle)
    await handle.cancel()
    yield "cancelled", handle


async def rejected(bench: Bench) -> Recorded:
    handle = await bench.start(UNJUDGED, skipping=False)
    await task_of(handle)
    await decide(handle, REJECT)
    yield "rejected", handle


async def reviewed(bench: Bench) -> Recorded:
    handle = await bench.start(UNJUDGED, skipping=False)
    await task_of(handle)
    await decide(handle, APPROVE)
    yield "reviewed", handle


async def lookalike(bench: Bench) -> Recorded:
    """A domain reads as another one: a person is asked."""
    customer = LOW_RISK.model_copy(update={"email": "kim@аррӏе.com"})
    handle = await bench.start(request(customer=customer), skipping=False)
    await task_of(handle)
    await decide(handle, REJECT)
    yield "lookalike", handle


Scenario = Callable[[Bench], Recorded]
VERSIONS: Sequence[tuple[str, bool, Sequence[Scenario]]] = (
    ("v1", False, (straight, retried, failed, cancelled, rejected, reviewed)),
    ("v2", True, (rejected, reviewed)),
    ("v3", True, (lookalike,)),
)


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with time_skipping(Path(folder)) as env:
            for version, patched, scenarios in VERSIONS:
                for scenario in scenarios:
                    async with serve(env, FakeHouse(), patched=patched) as bench:
                        async for name, handle in scenario(bench):
                            with suppress(WorkflowFailureError):
                                await handle.result()
                            write(f"{name}-{version}", await handle.fetch_history())


if __name__ == "__main__":
    run_to_end(main())
