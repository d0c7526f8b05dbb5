"""The workflow patterns and the scenarios of the CTK hold, with the worker killed -9 in the middle of each."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from itertools import combinations, pairwise

import pytest
import pytest_asyncio

from tests.integration.conftest import open_house
from tests.integration.pattern_cases import (
    PASSWORD,
    Ended,
    PatternCase,
    held_run,
    pattern_cases,
    pet_store,
    publish_instance,
)

CASES = [case for case in pattern_cases() if case.file]
SECRETS = {"TOWPATH_SECRETS": json.dumps({"PATTERN_PASSWORD": PASSWORD})}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def endings(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mapping[str, Ended]]:
    """All runs at once, each in the call that its case names when their worker is killed; and how they end on the next
    one. Every history is replayed.
    """
    folder = tmp_path_factory.mktemp("patterns")
    async with open_house(folder) as house, pet_store() as pets:
        async with house.worker(env=SECRETS) as worker:
            await publish_instance(house)
            runs = await asyncio.gather(*(held_run(house, case, pets) for case in CASES))
            await worker.kill()
        await house.lift()
        async with house.worker(env=SECRETS):
            await asyncio.gather(*(run.act(run.case.after) for run in runs))
            ended = await asyncio.gather(*(run.ended(house) for run in runs))
        yield {run.case.id: found for run, found in zip(runs, ended, strict=True)}


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
async def test_killed_in_the_middle(endings: Mapping[str, Ended], case: PatternCase) -> None:
    """The run ends as its pattern says, and each of its effects happened once at the receiver."""
    found = endings[case.id]
    assert found.status == case.status
    assert {name: found.outputs[name] for name in case.outputs} == case.outputs
    assert found.output == case.output
    assert {name: len(str(found.outputs[name]).split(",")) for name in case.size} == case.size
    assert found.applied == (1,) * case.effects
    assert {step: found.steps[step].state for step in case.states} == case.states
    assert all(found.in_turn(*pair) for pair in pairwise(case.order))
    assert all(found.in_turn(a, b) or found.in_turn(b, a) for a, b in combinations(case.apart, 2))
    if case.status == "failed":
        assert found.letter is not None
        assert (found.letter.step, str(found.letter.failure.code)) == (case.step, case.failure)
        assert {name: found.letter.failure.evidence[name] for name in case.evidence} == case.evidence
