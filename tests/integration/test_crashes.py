"""kill -9 of worker and server in the middle: nothing is lost, and no effect happens twice at its receiver."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.integration.conftest import House, new_customer
from tests.waiting import until
from towpath.contracts.onboarding.customer import Customer, OnboardingOutcome
from towpath.control.temporal import Started

CHECKED, PROVISIONED, TOLD = ("email-check",), ("accounts", "billing"), ("crm", "slack")
PLACES = (
    ("email-check", "checkEmail", CHECKED),
    ("accounts", "createAccount", PROVISIONED),
    ("billing", "setUpSubscription", PROVISIONED),
    ("crm", "updateStatus", TOLD),
    ("slack", "chat.postMessage", TOLD),
    ("claude", "CompanyResearch", CHECKED),
    ("claude", "WelcomeKitDraft", PROVISIONED),
)
"""Service and operation of every step with an outside call over HTTP, and the services that are called with it."""


async def hold_each(house: House, *, after_effect: bool) -> list[Started]:
    """One run for each place, each standing still inside its step."""
    held: list[Started] = []
    for service, operation, _ in PLACES:
        fault = await house.fault(service=service, operation=operation, hold=True, after_effect=after_effect, times=1)
        held.append(await house.start(new_customer()))
        await until(lambda fault=fault: house.hits(fault), lambda hits: hits == 1)
    return held


async def all_onboarded(runs: Sequence[Started]) -> None:
    results = await asyncio.gather(*(run.handle.result() for run in runs))
    assert [result.outcome for result in results] == [OnboardingOutcome.ONBOARDED] * len(runs)


async def nothing_twice(house: House, runs: Sequence[Started]) -> None:
    """Each run has one account, one subscription, one status, one mail and one post; no key took effect twice."""
    effects = await house.effects()
    mine = [effect for effect in effects["effects"] if effect["applied"]]
    assert effects["applied_twice"] == []
    for run in runs:
        reference = run.handle.id.partition("/")[2]
        assert effects["accounts"][reference]["status"] == "active"
        assert effects["subscriptions"][reference]["status"] == "active"
        assert effects["statuses"][reference] == "onboarded"
        applied = [effect["service"] for effect in mine if effect["key"].startswith(f"{run.handle.id}/")]
        assert sorted(applied) == ["accounts", "billing", "crm", "email-check", "slack"]
    assert sum(effect["service"] == "mail" for effect in mine) == len(runs)


async def only_in_flight(house: House, runs: Sequence[Started]) -> None:
    """What was sent a second time was on its way at the crash: no step before it was."""
    effects = (await house.effects())["effects"]
    for run, (_, _, together) in zip(runs, PLACES, strict=True):
        mine = [effect for effect in effects if effect["key"].startswith(f"{run.handle.id}/")]
        assert {effect["service"] for effect in mine if effect["requests"] > 1} <= set(together)


@pytest.mark.parametrize("after_effect", [False, True], ids=["before-the-effect", "after-the-effect"])
async def test_worker_killed_in_each_step(bare_house: House, after_effect: bool) -> None:
    """A worker killed with -9 while a run stands in each of its steps: the next one finishes them all, once, and sends
    again only what was on its way.
    """
    async with bare_house.worker() as worker:
        runs = await hold_each(bare_house, after_effect=after_effect)
        await worker.kill()
    await bare_house.lift()
    async with bare_house.worker():
        await all_onboarded(runs)

    await nothing_twice(bare_house, runs)
    await only_in_flight(bare_house, runs)


async def test_server_killed_and_restarted_on_its_file(bare_house: House) -> None:
    """The Temporal server killed with -9 in the middle of runs comes back on its database: all runs end, once."""
    async with bare_house.worker():
        runs = await hold_each(bare_house, after_effect=False)
        await bare_house.server.process.kill()
        await bare_house.lift()
        async with bare_house.restarted():
            await all_onboarded(runs)

    await nothing_twice(bare_house, runs)


async def test_two_starts_at_once_are_one_run(house: House) -> None:
    """The same customer started ten times at once is one run and one account."""
    customer: Customer = new_customer()
    started = await asyncio.gather(*(house.start(customer) for _ in range(10)))
    await all_onboarded(started[:1])

    assert len({run.handle.result_run_id for run in started}) == 1
    assert [run.existing for run in started].count(False) == 1
    await nothing_twice(house, started[:1])
