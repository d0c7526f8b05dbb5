"""What tests say of people, budgets and the cache, and what `definition test` says that they leave open."""

from typing import Any

import pytest

from tests.unit.engine.test_trial import HEAD, TASK, planned, tried
from towpath.engine.checks.tests import read_cases
from towpath.engine.language.definition import DefinitionTest
from towpath.engine.trial.unplayed import unplayed

SAY = "  - {id: say, type: claude, config: {prompt: hi}, for_each: {times: 3, concurrency: 1}}\n"
ASK = "budget: {usd: 0.2}\n" + HEAD + SAY
KEPT = HEAD + "  - {id: rate, type: api, config: {service: s, method: rate}, cache: {key: a, ttl: 1h}}\n"


def test_too_few_people_end_a_task_at_once() -> None:
    """With `teams` a quorum that cannot be reached fails or escalates as it opens; a stranger is refused."""
    one = {"team": ["dana"], "leads": ["noor"]}
    alone = tried(TASK % ", quorum: 2", teams=one)
    assert (alone.failure, alone.duration.total_seconds()) == ("review.quorum", 0)
    said: dict[str, Any] = {"ask": {"decisions": [{"by": "dana"}, {"by": "kim"}, {"by": "noor", "after": "1h"}]}}
    both = tried(TASK % ", quorum: 2, escalate: [{after: 9h, to: leads}]", teams=one, answers=said)
    assert (both.status, both.duration.total_seconds()) == ("completed", 3600)
    assert both.refused == ["ask: kim was refused: no reviewer of team, leads"]


def test_what_answers_cost_is_spent() -> None:
    """The question after which the budget is spent is the last one that is asked."""
    result = tried(ASK, answers={"say": {"output": {"text": "x"}, "cost": {"usd": 0.1}}})
    assert (result.failure, result.calls) == ("budget.exceeded", ["say/0", "say/1"])
    assert tried(ASK, answers={"say": {"output": {"text": "x"}}}).status == "completed"


def test_nothing_goes_out_for_what_is_cached() -> None:
    """The output is that of an earlier run, and counts no attempt."""
    result = tried(KEPT, answers={"rate": {"cached": True, "output": {"n": 1}}})
    assert (result.calls, result.attempts, result.outputs) == ([], {"rate": 0}, {"rate": {"n": 1}})
    assert tried(KEPT, answers={"rate": {"output": {"n": 1}}}).calls == ["rate"]


@pytest.mark.parametrize(
    ("text", "test", "words"),
    [
        (ASK, {}, ["budget: nothing is spent of it, for no answer of say has a cost"]),
        (ASK, {"answers": {"say": [{}, {"cost": {"usd": 1}}]}}, []),
        (ASK.replace("budget: {usd: 0.2}\n", ""), {}, []),
        (TASK % ", quorum: 2", {}, ["ask: anybody counts for its quorum of 2: teams does not say who is in team"]),
        (TASK % ", quorum: 2", {"teams": {"team": ["dana", "noor"]}}, []),
        (TASK % "", {}, []),
        ("limits: {key: a}\n" + KEPT, {}, ["limits: no call waits for its turn"]),
    ],
)
def test_what_is_left_open_is_said(text: str, test: dict[str, Any], words: list[str]) -> None:
    """In words, where a worker may do otherwise than the tests say."""
    assert unplayed(planned(text), [DefinitionTest.model_validate({"name": "t", **test})]) == words


def test_words_that_no_step_hears_are_told() -> None:
    """`cached` of a step without a cache, and `cost` of what asks no model, or of a failure."""
    for text, answer in (
        (TASK % "", "ask: {cost: {usd: 1}}"),
        (TASK % "", "ask: {cached: true}"),
        (ASK, "say: {fail: claude.refusal, cost: {tokens: 1}}"),
    ):
        _, wrong = read_cases(f"tests: [{{name: t, answers: {{{answer}}}}}]".encode(), planned(text))
        assert [problem.code for problem in wrong] == ["test.unheard"]
