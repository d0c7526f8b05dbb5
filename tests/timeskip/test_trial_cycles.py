"""`definition test` and Temporal agree on cycles: each step type in one, each way out, what is undone of visits."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.trial_cycles import cycle_cases
from tests.timeskip.trial_play import Stage, stage

AT_ONCE = 24
CASES = list(cycle_cases())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def playing(env: WorkflowEnvironment) -> AsyncIterator[Stage]:
    async with stage(env) as serving:
        yield serving


@pytest.mark.parametrize("begin", range(0, len(CASES), AT_ONCE))
async def test_cycles_end_as_they_are_said_to(playing: Stage, begin: int) -> None:
    """Outcome, states, attempts, outputs, calls, undoing, notices and refusals are the same."""
    found = await asyncio.gather(*(playing.differences(case) for case in CASES[begin : begin + AT_ONCE]))
    assert not (problems := [problem for problems in found for problem in problems]), "\n".join(problems)
