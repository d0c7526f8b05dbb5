"""`definition test` and Temporal agree on what runs give that give one value: scalars, lists, objects, nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.trial_outputs import output_cases
from tests.timeskip.trial_play import Stage, stage

AT_ONCE = 24


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def playing(env: WorkflowEnvironment) -> AsyncIterator[Stage]:
    async with stage(env) as serving:
        yield serving


async def test_single_outputs_are_what_they_are_said_to_be(playing: Stage) -> None:
    """The one output is the same, and so is everything else that ends."""
    cases = list(output_cases())
    problems: list[str] = []
    for begin in range(0, len(cases), AT_ONCE):
        found = await asyncio.gather(*(playing.differences(case) for case in cases[begin : begin + AT_ONCE]))
        problems += [problem for each in found for problem in each]
    assert not problems, "\n".join(problems)
