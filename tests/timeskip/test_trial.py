"""`definition test` and Temporal agree: each step type with each of its outcomes, in memory and on a real server."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.conftest import time_skipping
from tests.timeskip.trial_again import again_cases
from tests.timeskip.trial_cases import TrialCase, all_cases
from tests.timeskip.trial_cycles import cycle_cases
from tests.timeskip.trial_each import each_cases
from tests.timeskip.trial_emits import emit_cases
from tests.timeskip.trial_forms import form_cases
from tests.timeskip.trial_groups import group_cases
from tests.timeskip.trial_http import http_cases
from tests.timeskip.trial_milestones import milestone_cases
from tests.timeskip.trial_nested import nested_cases
from tests.timeskip.trial_outputs import output_cases
from tests.timeskip.trial_play import Stage, stage
from tests.timeskip.trial_quorums import quorum_cases
from tests.timeskip.trial_repeatables import repeatable_cases
from tests.timeskip.trial_samples import KINDS, SAMPLES, sample_of
from tests.timeskip.trial_spending import spending_cases
from towpath.engine.checks.loading import digest, load_plan
from towpath.engine.trial.simulate import run_case
from towpath.functions.library import PURE

SOURCES: Sequence[Callable[[], Iterable[TrialCase]]] = (
    *(all_cases, http_cases, form_cases, emit_cases, output_cases, nested_cases),
    *(
        each_cases,
        group_cases,
        again_cases,
        cycle_cases,
        milestone_cases,
        repeatable_cases,
        quorum_cases,
        spending_cases,
    ),
)
SAMPLED, SAMPLED_SHORT = 240, 48
AT_ONCE = 24
"""Cases of one test: they wait for the server together."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def playing(env: WorkflowEnvironment) -> AsyncIterator[Stage]:
    async with stage(env) as serving:
        yield serving


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def playing_short(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """On a server that suggests a new history after 12 events: a run of a few steps goes on in new ones."""
    folder = tmp_path_factory.mktemp("payloads")
    async with time_skipping(folder, "limit.historyCount.suggestContinueAsNew=12") as env, stage(env) as serving:
        yield serving
        goes_on = "WorkflowType = 'declared' AND ExecutionStatus = 'ContinuedAsNew'"
        assert (await env.client.count_workflows(goes_on)).count > 0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, sampled in (("turn", SAMPLED), ("short_turn", SAMPLED_SHORT)):
        if name in metafunc.fixturenames:
            count = len(every_case()) if metafunc.config.option.full else sampled
            metafunc.parametrize(name, range(-(-count // AT_ONCE)))


def every_case() -> list[TrialCase]:
    return [case for source in SOURCES for case in source()]


def chosen(seed: int, *, full: bool) -> Sequence[TrialCase]:
    """All cases, or those that the seed draws."""
    cases = every_case()
    if full:
        return cases
    return sorted(cases, key=lambda case: hashlib.sha256(f"{seed}/{case.name}".encode()).digest())[:SAMPLED]


async def test_said_is_what_happens(playing: Stage, turn: int, request: pytest.FixtureRequest) -> None:
    """Outcome, states, attempts, outputs, calls, undoing, notices and refusals are the same."""
    assert not (problems := await _differences(playing, turn, request)), "\n".join(problems)


async def test_new_histories_change_nothing(
    playing_short: Stage, short_turn: int, request: pytest.FixtureRequest
) -> None:
    """A run that goes on in a new history in its middle comes to the same."""
    assert not (problems := await _differences(playing_short, short_turn, request, is_short=True)), "\n".join(problems)


async def _differences(stage: Stage, turn: int, request: pytest.FixtureRequest, *, is_short: bool = False) -> list[str]:
    drawn = chosen(int(request.config.option.seed), full=bool(request.config.option.full))
    drawn = [case for case in drawn if not (is_short and case.is_beside)]
    cases = drawn[turn * AT_ONCE : (turn + 1) * AT_ONCE]
    found = await asyncio.gather(*(stage.differences(case) for case in cases))
    return [problem for problems in found for problem in problems]


def test_no_case_ends_before_its_steps() -> None:
    """A run is completed when each of its own steps has ended, by whatever way, and none of them stands still."""
    for case in every_case():
        result = run_case(load_plan(digest(case.document), case.document), case.test, PURE)
        own = {step: state for step, state in result.states.items() if "/" not in step}
        open_steps = [step for step, state in own.items() if state in {"pending", "running"}]
        assert result.status != "stuck" and (result.status != "completed" or not open_steps), (case.name, open_steps)


def test_every_step_type_has_a_sample() -> None:
    """A new step type is in the cases by itself, or its author hears what is missing."""
    assert [sample_of(kind) for kind in KINDS] == [SAMPLES[kind] for kind in KINDS]
    with pytest.raises(AssertionError, match="has no sample in tests/timeskip/trial_samples"):
        sample_of("teleport")
