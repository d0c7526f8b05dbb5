"""Tests of definitions in memory: what their words mean, and that they wait and try as a worker does."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from towpath.engine.checks.loading import digest, load_plan
from towpath.engine.checks.tests import read_cases
from towpath.engine.language.definition import DefinitionTest
from towpath.engine.language.plan import Plan
from towpath.engine.language.source import read_source
from towpath.engine.language.steps import CONFIGS, EACH_GROUP
from towpath.engine.run.trying import CALL, CHECK, TRIES, UNDO, Trying
from towpath.engine.trial.calls import CALLS, REASKS
from towpath.engine.trial.matrix import WAITS, fault_matrix
from towpath.engine.trial.result import CaseResult
from towpath.engine.trial.simulate import run_case
from towpath.engine.trial.steps import PERFORMERS
from workflows.declared import performing
from workflows.kit import asking, options

HEAD = 'id: tried\nversion: "1.0.0"\nsteps:\n'
TASK = HEAD + "  - {id: ask, type: human-task, config: {assignee: team, deadline: 24h%s}}\n"
PAY = HEAD + "  - {id: pay, type: api, config: {service: s, method: pay}%s}\n"
EVENT = HEAD + "  - {id: hold, type: wait, config: {event: paid}}\n"


def planned(text: str) -> Plan:
    value: Any = read_source(text).value
    return load_plan(digest(value), value)


def tried(text: str, **test: Any) -> CaseResult:
    return run_case(planned(text), DefinitionTest.model_validate({"name": "t", **test}), {})


@pytest.mark.parametrize(
    ("policy", "status", "failure"),
    [
        ("fail", "failed", "review.expired"),
        ("approve", "completed", ""),
        ("reject", "rejected", ""),
        ("escalate", "failed", "review.expired"),
    ],
)
def test_deadline_decides_by_policy(policy: str, status: str, failure: str) -> None:
    """Nobody decides: the task ends at its deadline, as its `on_timeout` says."""
    result = tried(TASK % f", on_timeout: {policy}", answers={"ask": {"timeout": True}})
    assert (result.status, result.failure, result.duration.days) == (status, failure, 1)
    assert result.told == ["team: opened", "team: closed"]


def test_people_decide_in_their_time() -> None:
    """A quorum, one who is excluded, and one who comes too late: what did not count is told where a test is not met."""
    people = [{"by": "eve"}, {"by": "dana", "after": "1h"}, {"by": "noor", "after": "25h"}]
    given = {"answers": {"ask": {"decisions": people}}, "expect": {"status": "completed"}}
    text = TASK % ", quorum: 2, exclude: [eve], escalate: [{after: 2h, to: leads}]"
    result = tried(text, **given)
    assert result.problems == [
        "status: expected completed, got failed at ask (review.expired)",
        "ask: eve was refused: excluded from this task",
    ]
    assert result.told == ["team: opened", "leads: escalation", "team: closed"]


def test_list_is_one_answer_for_each_attempt() -> None:
    """A failure that passes is tried again, as often as the step may; time moves by the waits in between."""
    answers = {"pay": [{"fail": "service.unavailable"}, {"output": {"id": 1}}]}
    result = tried(PAY % "", answers=answers)
    assert (result.status, result.attempts["pay"], result.duration.total_seconds()) == ("completed", 2, 2)
    assert tried(PAY % ", retry: {max_attempts: 1}", answers=answers).failure == "service.unavailable"


def test_operators_are_part_of_a_test() -> None:
    """A run is cancelled, a step is skipped; what an operator is refused is told."""
    assert tried(EVENT, operations=[{"after": "1h", "cancel": True}]).status == "cancelled"
    skipped = tried(EVENT, operations=[{"after": "1h", "skip": "hold"}, {"after": "2h", "skip": "hold"}])
    assert skipped.states == {"hold": "skipped"}
    late = tried(PAY % "", operations=[{"after": "1h", "skip": "pay"}], expect={"steps": {"pay": "skipped"}})
    assert late.problems == ["pay: expected skipped, got completed"]


def test_run_that_waits_for_ever_stands_still() -> None:
    """An event that never comes to a wait without a limit ends no run; the matrix says so of its time-out."""
    assert tried(EVENT).problems[0] == "the run stands still; running: hold"
    report = fault_matrix(planned(EVENT), [], {})
    assert {cell.fault: cell.status for cell in report.cells}["times out"] == WAITS


@pytest.mark.parametrize("value", [0, False, "", None, [], {"a": 1}])
def test_the_one_output_is_compared_whole(value: Any) -> None:
    """Values of any kind, also nothing; a run with named outputs has none."""
    one = HEAD.replace("steps:", 'output: "{{ steps.s.value }}"\nsteps:')
    text = f"{one}  - {{id: s, type: set, config: {{value: {json.dumps(value)}}}}}\n"
    assert tried(text, expect={"output": value}).problems == []
    assert tried(text, expect={"output": "other"}).problems == [f"output: expected other, got {value}"]
    named = tried(f"{HEAD}  - {{id: s, type: set}}\n", expect={"output": None})
    assert named.problems == ["output: expected None, got no single one"]


@pytest.mark.parametrize(
    ("test", "part"),
    [
        ("operations: [{after: 1h, skip: pay, cancel: true}]", "exactly one of skip"),
        ("operations: [{skip: pya}]", "no step 'pya'"),
        ("answers: {pay: {undo: {fail: service.refusd}}}", "no failure has the code 'service.refusd'"),
        ("answers: {pay: {decisions: [{by: kim}]}}", "has no decisions"),
        ("expect: {failure: none.such}", "no failure has the code"),
    ],
)
def test_mistakes_in_tests_are_told(test: str, part: str) -> None:
    """Words that say nothing, or name what there is not, are told with their place."""
    _, problems = read_cases(f"tests:\n  - {{name: t, {test}}}\n".encode(), planned(PAY % ""))
    assert [problem for problem in problems if part in problem.what], [problem.what for problem in problems]


MALFORMED = {
    "answers: {pay: {after: [1]}}": "2:38: field.type: a list is not a text: write a text",
    "answers: {pay: [{fial: x}]}": "2:32: field.unknown: there is no field 'fial' here: did you mean 'fail'?",
    "answers: {pay: 3}": "2:30: field.value: 3: must be an object: write {…}: see docs/definitions.md",
    "answers: {pay: {timeout: maybe}}": "2:40: field.value: 'maybe': must be true or false, without quotes",
    "answers: {pay: {cost: {usd: -1}}}": "2:43: field.value: -1: must be at least 0",
    "answers: {pay: {decisions: [{by: a, verdict: yes}]}}": "2:60: field.choice: 'yes' is none of approve, reject",
    "expect: {status: done}": "2:32: field.choice: 'done' is none of completed, failed, rejected, cancelled",
    "events: [{after: 1h}]": "2:24: field.missing: 'event' is missing: add event: …",
    "operations: [{skip: pay, cancel: true}]": "2:28: field.value: a mapping: an operation has exactly one of skip",
    "now: 3": '2:20: field.type: 3 is not a text: quote it: "3"',
}


@pytest.mark.parametrize(("test", "line"), MALFORMED.items(), ids=MALFORMED)
def test_a_malformed_case_is_told_in_words(test: str, line: str) -> None:
    """Once, with its place and the mend, and in no words of pydantic."""
    _, problems = read_cases(f"tests:\n  - {{name: t, {test}}}\n".encode(), planned(PAY % ""))
    (told,) = [problem.line_of("tests.yaml") for problem in problems]
    assert told.startswith(f"tests.yaml:{line}"), told
    assert "input should" not in told.lower() and "value error" not in told.lower()


@pytest.mark.parametrize(
    ("engine", "worker"),
    [
        (CALL, options.EFFECT),
        (CALL, options.NOTICE),
        (CHECK, options.CHECK),
        (UNDO, options.UNDO),
        (TRIES["function"], options.FUNCTION),
        (TRIES["emit"], options.EMIT),
        (TRIES["claude"], options.CLAUDE),
    ],
    ids=["effect", "notice", "check", "undo", "function", "emit", "claude"],
)
def test_calls_are_tried_as_on_a_worker(engine: Trying, worker: options.Work) -> None:
    """The engine's classes of work are those of Temporal's options."""
    retry = worker.retry
    assert (engine.attempts, engine.initial) == (retry.maximum_attempts, retry.initial_interval)
    assert (engine.longest, engine.coefficient) == (retry.maximum_interval, retry.backoff_coefficient)
    assert engine.limit == worker.start_to_close
    assert asking.MAX_REASKS == REASKS


def test_every_step_type_is_performed() -> None:
    """Each type of the registry is performed in memory by the same kind of rule as in a workflow."""
    apart: Mapping[str, Any] = {**PERFORMERS, "condition": None, "raise": None}
    assert set(performing.CALLS) | set(apart) == {*CONFIGS, EACH_GROUP}
    assert set(CALLS) <= set(performing.CALLS)


def test_an_error_is_raised_by_its_own_words() -> None:
    """It ends the run with its type, and who reads it later has status, title and detail as data."""
    problem = "{type: 'https://errors.example/limit', status: 409, title: 'No', detail: '{{ 1 + 1 }} are left'}"
    text = HEAD + f"  - {{id: stop, type: raise, config: {problem}%s}}\n"
    assert (tried(text % "").status, tried(text % "").failure) == ("failed", "step.raised")
    after = "  - {id: told, type: set, config: {error: '{{ run.steps.stop.error }}'}}\n"
    found = tried(text % ", on_error: continue" + after)
    assert found.outputs["told"]["error"] == {
        "code": "step.raised",
        "message": "No: 2 are left",
        "type": "https://errors.example/limit",
        "status": 409,
        "title": "No",
        "detail": "2 are left",
    }


def test_a_status_is_one_of_http() -> None:
    """A template that gives something else fails the step as what it is: a wrong input."""
    text = HEAD + "  - {id: stop, type: raise, config: {status: '{{ %s }}'}}\n"
    assert [tried(text % value).failure for value in ("404", "40", "text(404)")] == [
        "step.raised",
        "step.input",
        "step.input",
    ]


CAUGHT = """
  - id: pay
    type: api
    config: {service: s, method: pay}
    catch:
      - {on: {code: service.refused}, as: no, do: [{id: tell, type: set, config: {why: "{{ no.code }}"}}]}
      - {on: {status: 5xx}, do: [{id: wait, type: set}]}
      - {on: {type: "https://errors.example/x"}}
  - {id: after, type: set, config: {why: "{{ steps.tell?.why ?? 'none' }}"}}
"""


@pytest.mark.parametrize(
    ("answer", "states", "why"),
    [
        ({"output": {}}, ("completed", "skipped", "skipped", "completed"), "none"),
        ({"fail": "service.refused"}, ("failed", "completed", "skipped", "completed"), "service.refused"),
        ({"fail": "service.auth"}, ("failed", "skipped", "skipped", "pending"), None),
    ],
)
def test_a_failure_is_caught_by_what_fits_it(answer: Any, states: tuple[str, ...], why: str | None) -> None:
    """The first entry that fits handles it; a step that completes needs none, and what fits nothing fails the run."""
    result = tried(HEAD + CAUGHT, answers={"pay": answer})
    assert tuple(result.states[step] for step in ("pay", "tell", "wait", "after")) == states
    assert result.status == ("failed" if why is None else "completed")
    assert why is None or result.outputs["after"] == {"why": why}


def test_what_needs_a_step_waits_for_what_handles_its_error() -> None:
    """A handler takes an hour: the next step, the group around and a step that needs it begin after it."""
    handler = "{id: slow, type: wait, config: {for: 1h}}"
    text = (
        HEAD
        + f"""
  - id: both
    parallel:
      - {{id: stop, type: raise, config: {{status: 409}}, catch: [{{on: {{status: 4xx}}, do: [{handler}]}}]}}
      - {{id: quick, type: set}}
  - {{id: needing, type: set, needs: [stop], config: {{at: "{{{{ text(now()) }}}}"}}}}
"""
    )
    result = tried(text, now="2026-03-01T12:00:00Z")
    assert (result.status, result.duration.total_seconds()) == ("completed", 3600)
    assert result.outputs["needing"] == {"at": "2026-03-01T13:00:00Z"}


def test_an_error_may_be_raised_again() -> None:
    """What a handler raises is an error of its own: caught there, or the end of the run with what was done undone."""
    undo = "compensate: {type: api, config: {service: s, method: undo}}"
    again = "{id: again, type: raise, config: {type: 'urn:two', detail: '{{ e.type }}'}%s}"
    text = (
        HEAD
        + f"  - {{id: pay, type: api, config: {{service: s, method: pay}}, {undo}}}\n"
        + "  - {id: stop, type: raise, config: {type: 'urn:one'}, catch: [{on: {type: 'urn:one'}, as: e, do: ["
        + again
        + "]}]}\n"
    )
    failed = tried(text % "")
    assert (failed.status, failed.failed_step, failed.undone) == ("failed", "again", ["pay"])
    inner = ", catch: [{on: {type: 'urn:two'}, as: f, do: [{id: end, type: set, config: {why: '{{ f.detail }}'}}]}]"
    caught = tried(text % inner)
    assert (caught.status, caught.outputs["end"], caught.undone) == ("completed", {"why": "urn:one"}, [])


def test_an_effect_in_doubt_stays_in_doubt_when_it_is_caught() -> None:
    """The step may have happened: caught or not, a run that fails later says that nobody undid it."""
    text = HEAD + CAUGHT.replace("service.refused", "service.unavailable") + "  - {id: stop, type: raise}\n"
    result = tried(text, answers={"pay": {"fail": "service.unavailable"}})
    assert (result.status, result.failed_step, result.not_undone) == ("failed", "stop", ["pay"])
