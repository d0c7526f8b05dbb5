"""Human tasks that are submitted any number of times: what counts, and that no submission in time is lost."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.test_progress import NOW, call, plan_of, progress_of, reloaded, started, states
from tests.unit.engine.test_trial import HEAD, tried
from towpath.contracts.core.review import DecidedReview, Decision, Verdict
from towpath.engine.language.plan import Plan
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.run.actions import Action, Cancel, Completed, End
from towpath.engine.run.deciding import MOST_SUBMISSIONS, MOST_SUBMITTED_BYTES, collected, no_room, sent_before
from towpath.engine.scheduling.progress import Progress

WINDOW = "(run.steps.one?.status ?? '') == 'completed' && (run.steps.two?.status ?? '') != 'completed'"
PARALLEL = f"""
  - parallel:
      - {call("one")}
      - {call("two")}
      - {call("three")}
      - {{id: ask, type: human-task, config: {{assignee: team, repeatable: true, enabled_while: "{WINDOW}"%s}}}}
  - {{id: after, type: set, config: {{said: "{{{{ map(steps.ask.runs, one, one.by) }}}}"}}}}
"""
PLANS = {more: plan_of(PARALLEL % more) for more in ("", ", optional: true")}
CYCLE = plan_of(
    PARALLEL.replace("- parallel:", "- id: group\n    parallel:") % ""
    + '  - {id: back, type: set, when: "run.steps.group.visits < 3", back_to: group, max: 5}\n'
)
CALLS = ("one", "two", "three")


def said(by: str, **fields: Any) -> DecidedReview:
    known = {"verdict": Verdict.APPROVE, "role": "r", "reason": "", "at": NOW}
    return DecidedReview.model_validate({**known, "reviewer": by, **fields})


class Desk:
    """People who submit what they can while they may."""

    def __init__(self) -> None:
        self.open: dict[str, list[DecidedReview]] = {}
        self.shutting: dict[str, list[DecidedReview]] = {}

    def is_over(self, place: str) -> bool:
        return place in self.shutting

    def shut(self, place: str) -> Sequence[DecidedReview]:
        self.shutting[place] = self.open.pop(place, self.shutting.get(place, []))
        return self.shutting[place]

    def say(self, by: str) -> None:
        for submissions in self.open.values():
            submissions.append(said(by))

    def hear(self, progress: Progress, actions: list[Action]) -> None:
        if "ask" in started(actions):
            self.open[progress.visits.place("ask")] = []


def people_of(progress: Progress, output: Any = None) -> list[Any]:
    runs = as_list((as_object(progress.outputs["ask"] if output is None else output) or {})["runs"]) or []
    return [(as_object(run) or {})["by"] for run in runs]


def play(plan: Plan, events: Sequence[str]) -> tuple[Progress, list[str]]:
    """The run after all events, and who was in time by the calls that are done and the deadline."""
    progress, desk, expected = progress_of(plan), Desk(), list[str]()
    progress.listen(desk)
    desk.hear(progress, progress.begin(NOW))
    done: set[str] = set()
    for number, event in enumerate(events):
        if event in CALLS:
            done.add(event)
            desk.hear(progress, progress.finish(event, Completed({}), NOW + timedelta(hours=number)))
        elif event == "deadline":
            if "one" in done and "two" not in done and "deadline" not in done:
                done.add("deadline")
                progress.finish("ask", collected(desk.shut("ask"), "its deadline passed"), NOW)
        else:
            desk.say(event)
            expected += [event] if "one" in done and not done & {"two", "deadline"} else []
    return progress, expected


SAYING = st.lists(st.sampled_from(["dana", "noor", "eve", "deadline"]), max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.permutations(CALLS), st.tuples(SAYING, SAYING, SAYING, SAYING), st.sampled_from(list(PLANS)))
def test_what_comes_in_time_is_kept_in_its_order(calls: list[str], between: tuple[list[str], ...], more: str) -> None:
    """Whatever ends first and whoever says what when: the output holds what came while it was offered, no more."""
    events = [*between[0], *(event for one, rest in zip(calls, between[1:], strict=True) for event in (one, *rest))]
    progress, expected = play(PLANS[more], events)
    assert progress.ended is not None and progress.ended.status == "completed"
    assert states(progress)["ask"] == "completed"
    assert people_of(progress) == (as_object(progress.outputs["after"]) or {})["said"] == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.permutations(CALLS), SAYING), min_size=3, max_size=3))
def test_each_visit_has_its_own(visits: list[tuple[list[str], list[str]]]) -> None:
    """In a cycle each visit begins with none; what the earlier ones gave is kept."""
    progress, desk, expected = progress_of(CYCLE), Desk(), list[list[str]]()
    progress.listen(desk)
    desk.hear(progress, progress.begin(NOW))
    for calls, people in visits:
        names = [one for one in people if one != "deadline"]
        for one in calls:
            desk.hear(progress, progress.finish(one, Completed({}), NOW))
            for by in names if one == "one" else []:
                desk.say(by)
        expected.append(names if calls.index("one") < calls.index("two") else [])
    assert progress.ended is not None and progress.ended.status == "completed"
    earlier = [visit.output for visit in progress.done if not isinstance(visit, int) and visit.step == "ask"]
    assert [people_of(progress, output) for output in (*earlier, progress.outputs["ask"])] == expected


def test_the_run_does_not_wait_for_an_optional_one() -> None:
    """When nothing else is left it is closed at once, with what came, and what follows it goes on."""
    plan = plan_of(
        f"  - parallel:\n      - {call('one')}\n"
        "      - {id: ask, type: human-task, config: {assignee: team, repeatable: true, optional: true}}\n"
    )
    progress, desk = progress_of(plan), Desk()
    progress.listen(desk)
    desk.hear(progress, progress.begin(NOW))
    desk.say("dana")
    actions = progress.finish("one", Completed({}), NOW)
    assert [type(action) for action in actions] == [Cancel, End] and people_of(progress) == ["dana"]
    assert progress.finish("ask", collected((said("late"),), "late"), NOW) == []
    assert people_of(progress) == ["dana"]


def test_the_same_words_count_once() -> None:
    """By the same person with the same verdict, reason and data; anything else is another submission."""
    first = said("dana", data={"n": 1, "m": [2]}, reason="a")
    words: dict[str, Any] = {"verdict": "approve", "reviewer": "dana", "reason": " a ", "data": {"m": [2], "n": 1}}
    assert sent_before([said("noor"), first], Decision.model_validate(words)) is first
    for other in ({"reviewer": "noor"}, {"verdict": "reject"}, {"reason": "b"}, {"data": {"n": 1}}):
        assert sent_before([first], Decision.model_validate({**words, **other})) is None


def test_there_is_a_limit() -> None:
    """A thousand of them, and a megabyte in all; one that was counted before is answered all the same."""
    many = [said("dana", data={"n": number}) for number in range(MOST_SUBMISSIONS)]
    one = Decision(verdict=Verdict.APPROVE, reviewer="dana", data={"n": MOST_SUBMISSIONS})
    assert no_room(many[1:], one) == "" != no_room(many, one)
    assert no_room(many, one.model_copy(update={"data": {"n": 5}})) == ""
    large = [said("dana", data={"text": "x" * (MOST_SUBMITTED_BYTES - 1_000)})]
    assert no_room(large, one) == "" != no_room(large, one.model_copy(update={"reason": "y" * 1_000}))


@pytest.mark.parametrize(
    ("answer", "people"),
    [
        pytest.param({}, ["tester"], id="nothing is said"),
        pytest.param({"decisions": []}, [], id="nobody"),
        pytest.param({"timeout": True}, [], id="no answer"),
        pytest.param({"output": {"runs": [{"by": "kim"}]}}, ["kim"], id="a whole output"),
        pytest.param({"decisions": [{"by": "a"}, {"by": "b", "after": "1h"}, {"by": "c", "after": "3h"}]}, ["a", "b"]),
    ],
)
def test_of_tests(answer: dict[str, Any], people: list[str]) -> None:
    """`definition test`: it is submitted once by itself, or as the test says; what comes after its end is refused."""
    task = HEAD + "  - {id: ask, type: human-task, config: {assignee: team, repeatable: true, deadline: 2h}}\n"
    hold = "  - {id: hold, type: wait, config: {for: 1d}}\n"
    result = tried(task + hold, answers={"ask": answer})
    runs = as_list((as_object(result.outputs["ask"]) or {})["runs"]) or []
    assert [(as_object(run) or {})["by"] for run in runs] == people
    assert len(result.refused) == (answer.get("decisions", [{}])[-1:] == [{"by": "c", "after": "3h"}])


def test_a_run_that_continues_has_what_was_submitted() -> None:
    """One that waits for its condition is offered in the new history; one that has ended keeps what came."""
    plan = plan_of(
        f"""
  - parallel:
      - {call("one")}
      - {{id: ask, type: human-task, config: {{assignee: team, repeatable: true, enabled_while: "{WINDOW}"}}}}
      - {call("two", ", needs: [one]")}
  - {{id: after, type: set, config: {{said: "{{{{ map(steps.ask.runs, one, one.by) }}}}"}}}}
"""
    )
    progress, desk = progress_of(plan), Desk()
    progress.begin(NOW)
    for step, then in (("one", ["ask", "two"]), ("two", [])):
        desk.say("dana")
        progress.pause()
        progress.finish(step, Completed({}), NOW)
        assert not progress.running and progress.ended is None
        progress = reloaded(progress)
        progress.listen(desk)
        actions = progress.resume(NOW)
        assert sorted(started(actions)) == then
        desk.hear(progress, actions)
    assert progress.ended is not None and progress.outputs["after"] == {"said": ["dana"]}


def test_a_redrive_keeps_what_was_submitted() -> None:
    """Of one that had ended; nobody is asked again."""
    kept: dict[str, Any] = {"ask": {"runs": [{"by": "dana"}]}}
    progress = progress_of(PLANS[""], seed=kept)
    assert started(progress.begin(NOW)) == list(CALLS)
    for step in CALLS:
        progress.finish(step, Completed({}), NOW)
    assert progress.ended is not None and progress.outputs["after"] == {"said": ["dana"]}
