"""`retry` in an entry of `catch`: which errors have a step done again, how often, and after which waits."""

from datetime import timedelta

import pytest

from tests.unit.definitions.test_diagnostics import check
from tests.unit.engine.test_progress import plan_of, progress_of
from towpath.contracts.core.failure import Failure, FailureCode
from towpath.engine.run.actions import Cancelled, Completed, Failed
from towpath.engine.run.again import DoneAgain

TRIED = """  - id: a
    type: api
    config: {service: s, method: m}
    catch:
      - {on: {code: service.refused}, retry: {max_attempts: 3, initial: 10s}}
      - {on: {status: 4xx}, retry: {max_attempts: 9, backoff: fixed, initial: 1m, no_retry_on: [service.auth]}}
      - {on: {code: step.timeout}}
"""


def failed(code: FailureCode, attempts: int = 2, **more: int) -> Failed:
    return Failed(Failure(code=code, message="no", attempts=attempts, evidence=dict(more)))


def test_each_entry_counts_its_own_errors() -> None:
    """By the policy of the entry that wants the error; all attempts are counted in the end."""
    progress = progress_of(plan_of(TRIED))
    again = DoneAgain(progress.plan.node("a"))
    refused, other = failed(FailureCode.SERVICE_REFUSED), failed(FailureCode.SERVICE_AUTH, status=401)
    missing = failed(FailureCode.STEP_RAISED, status=404)
    waits = [again.wait_after(outcome, progress.evaluation) for outcome in (refused, missing, refused, missing)]
    assert waits == [timedelta(seconds=10), timedelta(minutes=1), timedelta(seconds=20), timedelta(minutes=1)]
    assert again.wait_after(other, progress.evaluation) is None, "the entry does not want it again"
    assert again.wait_after(refused, progress.evaluation) is None, "three times in all"
    assert again.counted(Completed("x", attempts=1)) == Completed("x", attempts=9)
    assert again.counted(Completed("x", attempts=0)) == Completed("x", attempts=0), "from a cache"
    ended = again.counted(refused)
    assert isinstance(ended, Failed) and ended.failure.attempts == 10


def test_nothing_else_is_done_again() -> None:
    """What is handled at once, what nothing wants, and what did not fail ends the step."""
    progress = progress_of(plan_of(TRIED))
    again = DoneAgain(progress.plan.node("a"))
    for outcome in (failed(FailureCode.STEP_TIMEOUT), failed(FailureCode.UNEXPECTED), Completed(1), Cancelled()):
        assert again.wait_after(outcome, progress.evaluation) is None
        assert again.counted(outcome) == outcome


@pytest.mark.parametrize(
    "entry",
    [
        "{id: a, type: set, catch: [{retry: {}}]}",
        "{id: a, type: raise, catch: [{retry: {}}]}",
        "{id: a, type: notify, config: {target: ops-team}, for_each: {times: 2}, catch: [{retry: {}}]}",
        "{parallel: [{id: a, type: set}], catch: [{retry: {}}]}",
    ],
)
def test_what_would_do_nothing_is_told(entry: str) -> None:
    """A step that ends the same each time, items, and groups are not done again."""
    found = check(f'id: tried\nversion: "1.0.0"\nsteps:\n  - {entry}').diagnostics
    assert [(problem.code, problem.path) for problem in found] == [("step.no-effect", "/steps/0/catch/0/retry")]


def test_codes_and_times_are_checked() -> None:
    """As in the retry of a step."""
    entry = "{id: a, type: notify, config: {target: ops-team}, catch: [{retry: {initial: soon, retry_on: [flaky]}}]}"
    found = check(f'id: tried\nversion: "1.0.0"\nsteps:\n  - {entry}').diagnostics
    assert sorted(problem.code for problem in found) == ["duration.invalid", "retry.unknown"]
