"""`definition test` and Temporal agree on tasks that are offered for a while."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.trial_milestones import milestone_cases
from tests.timeskip.trial_play import Stage, stage

AT_ONCE = 24


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def playing(env: WorkflowEnvironment) -> AsyncIterator[Stage]:
    async with stage(env) as serving:
        yield serving


async def test_milestones_end_as_they_are_said_to(playing: Stage) -> None:
    """Outcome, states, attempts, outputs, calls, undoing, notices and refusals are the same."""
    cases = list(milestone_cases())
    problems: list[str] = []
    for begin in range(0, len(cases), AT_ONCE):
        found = await asyncio.gather(*(playing.differences(case) for case in cases[begin : begin + AT_ONCE]))
        problems += [problem for each in found for problem in each]
    assert not problems, "\n".join(problems)
