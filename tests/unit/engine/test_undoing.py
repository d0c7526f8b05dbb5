"""Which steps of a run that fails are undone: those that were done, those of which nobody knows, and no others."""

from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.test_progress import NOW, failed, plan_of, progress_of
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.run import Cancellation
from towpath.engine.expression.values import as_text
from towpath.engine.language.definition import DefinitionTest, Expectation
from towpath.engine.run.actions import Action, Cancelled, End, Failed, Outcome, UndoStep
from towpath.engine.run.evaluation import Evaluation, RunFacts
from towpath.engine.scheduling.progress import Progress
from towpath.engine.trial.matrix import fault_matrix

UNDO = 'compensate: {type: api, config: {service: s, method: undo, params: {id: "{{ output.id }}"}}}'
CHECK = 'check: {type: api, config: {service: s, method: look}, done: "output.found"}'
LOST = failed(FailureCode.SERVICE_UNAVAILABLE, unknown=True)
REFUSED = failed()


def end(progress: Progress, step: str, outcome: Outcome) -> list[UndoStep]:
    """What is undone when the step ends in this way; every undo succeeds."""
    found: list[UndoStep] = []
    actions: list[Action] = progress.finish(step, outcome, NOW)
    while actions:
        action = actions.pop(0)
        if isinstance(action, UndoStep):
            found.append(action)
            actions += progress.undone(action.step, NOW)
        elif isinstance(action, End):
            assert action.status == "failed"
    return found


@pytest.mark.parametrize(
    ("more", "outcome", "undone", "note"),
    [
        ("", LOST, [], "not undone: it may have happened, and has neither check nor compensate"),
        ("", REFUSED, [], ""),
        (f", {UNDO}", LOST, [], "not undone: act.compensate: output is null, so it has no 'id'"),
        (f", {UNDO}", Failed(LOST.failure, True, {"id": 7}), [{"id": 7}], "undone"),
        (f", {UNDO}, {CHECK}", LOST, [None], "undone"),
        (f", {CHECK}", LOST, [None], "undone"),
        (f", {UNDO}, {CHECK}", REFUSED, [], ""),
    ],
    ids=["nobody knows", "refused", "no output", "partial output", "check tells", "check alone", "refused for sure"],
)
def test_step_that_failed(more: str, outcome: Outcome, undone: list[object], note: str) -> None:
    """A step that failed is undone when it may have had its effect; where that is impossible it is told."""
    progress = progress_of(plan_of(f"  - {{id: act, type: api, config: {{service: s, method: m}}{more}}}"))
    progress.begin(NOW)
    found = end(progress, "act", outcome)
    assert [None if undo.config is None else undo.config["params"] for undo in found] == undone
    assert progress.run_of("act").note == note
    assert progress.not_undone == (["act"] if note.startswith("not undone") else [])


def test_reading_leaves_nothing() -> None:
    """A GET whose answer was lost has no effect that could stay."""
    progress = progress_of(plan_of('  - {id: act, type: http, config: {url: "https://a.example"}}'))
    progress.begin(NOW)
    assert end(progress, "act", LOST) == [] and progress.not_undone == []


def test_default_output_of_a_refused_step_is_not_undone() -> None:
    """A step that is known to have done nothing, and gave its default, is not compensated when the run fails."""
    undo = "compensate: {type: api, config: {service: s, method: undo}}"
    step = f"{{id: act, type: api, on_error: {{default: 1}}, config: {{service: s, method: m}}, {undo}}}"
    plan = plan_of(f"  - {step}\n  - {{id: later, type: api, config: {{service: s, method: m}}}}")
    for outcome, undone in ((REFUSED, []), (LOST, ["act"])):
        progress = progress_of(plan)
        progress.begin(NOW)
        progress.finish("act", outcome, NOW)
        assert [found.step for found in end(progress, "later", REFUSED)] == undone


def test_cancelled_run_tells_what_it_sent() -> None:
    """A step without an undo that is cancelled while its effect is under way says that it may have happened."""
    progress = progress_of(plan_of("  - {id: act, type: notify, config: {target: t, message: m}}"))
    progress.begin(NOW)
    progress.cancel(NOW, Cancellation(by="dana"))
    progress.finish("act", Cancelled("cancelled", unknown=True), NOW)
    assert progress.not_undone == ["act"] and progress.run_of("act").note.endswith("; cancelled")


def test_matrix_fails_after_the_effect() -> None:
    """The fault matrix undoes a step whose answer is lost after its effect, and tells of one that has no undo."""
    undo = "compensate: {type: api, config: {service: s, method: undo}}"
    plan = plan_of(
        f"  - {{id: one, type: api, config: {{service: s, method: m}}, {undo}}}\n"
        "  - {id: two, type: notify, config: {target: t, message: m}}"
    )
    report = fault_matrix(plan, [DefinitionTest(name="all", expect=Expectation())], {})
    lost = {
        cell.step: (cell.undone, cell.not_undone) for cell in report.cells if cell.fault == "fails after its effect"
    }
    assert lost == {"one": (("one",), ()), "two": (("one",), ("two",))}
    assert any("leaves 1" in line for line in report.lines())


URL = "https://a.example/{{ output }}/x?q={{ output }}"


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.one_of(st.text(alphabet="a/?&#%한 ", max_size=6), st.integers(-9, 9), st.booleans()))
def test_urls_of_undo_and_check_are_a_steps(value: str | int) -> None:
    """A value in the URL of a compensation or a check can end no segment and open no query, as in a step's own."""
    written = f'{{type: http, config: {{url: "{URL}", method: DELETE}}'
    step = f'  - {{id: act, type: http, config: {{url: "{URL}"}}, compensate: {written}}}}}'
    node = plan_of(step).node("act")
    assert node.step is not None and node.step.compensate is not None
    facts = RunFacts("declared/a", NOW)
    found: list[object] = []
    for language in (facts.language, 2):
        evaluation = Evaluation(replace(facts, language=language), {}, {}, {}, lambda: "")
        found.append(evaluation.part(node.step.compensate, "act.compensate", output=value)["url"])
        own = evaluation.config(node, output=value)["url"]
        assert own == URL.replace("{{ output }}", quote(as_text(value), safe=""))
    assert found == [own, URL.replace("{{ output }}", as_text(value))]
