"""Who cancelled and why, as words that travel with Temporal's request; and functions that hold a cancellation up."""

import asyncio

import pytest

from activities.functions import ended_when_cancelled
from towpath.contracts.core.run import Cancellation


@pytest.mark.parametrize(
    ("words", "by", "reason"),
    [
        ("by dana: no longer wanted", "dana", "no longer wanted"),
        ("by dana: late: very", "dana", "late: very"),
        ("by dana", "dana", ""),
        ("", "somebody", ""),
        ("Cancelled from the Web UI", "somebody", "Cancelled from the Web UI"),
    ],
)
def test_words_are_read(words: str, by: str, reason: str) -> None:
    """What a command said is found again; what somebody told Temporal itself is the reason of somebody."""
    assert Cancellation.parse(words) == Cancellation(by=by, reason=reason)


@pytest.mark.parametrize(("by", "reason"), [("dana", "late"), ("a:b", "late"), ("x" * 300, "y" * 900), ("dana", "")])
def test_words_survive_the_way(by: str, reason: str) -> None:
    """Whatever a person gives, the run reads what the command sent, and it is bounded."""
    given = Cancellation.of(by, reason)
    assert Cancellation.parse(given.in_words) == given
    assert len(given.in_words) < 500


class Stubborn:
    """It takes no notice of being cancelled before it is let go; `by_itself` lets it go when it is cancelled."""

    def __init__(self, *, by_itself: bool) -> None:
        self.begun, self.let_go = asyncio.Event(), asyncio.Event()
        self.by_itself = by_itself

    async def work(self) -> str:
        self.begun.set()
        while not self.let_go.is_set():
            try:
                await self.let_go.wait()
            except asyncio.CancelledError:
                if self.by_itself:
                    self.let_go.set()
        return "done"


async def cancelled(stubborn: Stubborn) -> "asyncio.Task[str]":
    calling = asyncio.ensure_future(ended_when_cancelled(stubborn.work(), "stubborn"))
    await stubborn.begun.wait()
    calling.cancel()
    await asyncio.wait([calling], timeout=10)
    return calling


async def test_function_that_goes_on_is_left_to_itself() -> None:
    """A function that takes no notice of its cancellation does not hold the call up."""
    stubborn = Stubborn(by_itself=False)
    assert (await cancelled(stubborn)).cancelled()
    stubborn.let_go.set()


async def test_function_that_is_done_all_the_same_is_done() -> None:
    """What a function gives while it is cancelled is its result: it did happen."""
    assert (await cancelled(Stubborn(by_itself=True))).result() == "done"
