"""What changed between two versions in meaning, and the least bump of the version that it needs."""

import pytest

from towpath.engine.checks.check import check_text
from towpath.engine.language.catalogue import DefinitionCatalogue
from towpath.engine.language.diff import Comparison, bump_problem, compare
from towpath.engine.language.reading import Definition

A = "steps: [{id: a, type: set, config: {v: 1}}]"
B = "steps: [{id: a, type: set, config: {v: 1}}, {id: b, type: set}]"
RACE = "steps: [{id: g, parallel: [{id: a, type: set}, {id: b, type: set}], join: any, losers: cancel}]"


TASK = "steps: [{id: a, type: human-task, config: {assignee: team, deadline: 1h%s}}]"


def definition(text: str, name: str = "tried") -> Definition:
    found = check_text(f'id: {name}\nversion: "1.0.0"\n{text}\n', DefinitionCatalogue()).definition
    assert found is not None
    return found


def changes(old: str, new: str) -> Comparison:
    return compare(definition(old), definition(new))


def given(schema: str) -> str:
    return f"inputs: {{x: {schema}}}\n{A}"


CASES = {
    "nothing but a comment": (A, f"# why\n{A}", "none", ""),
    "an input loses its default": (given("{default: y}"), given("{}"), "major", "has to be given now"),
    "an input gets a default": (given("{}"), given("{default: y}"), "minor", "may be left out"),
    "an input may be left out": (given("{}"), given("{required: false}"), "minor", "may be left out"),
    "another default": (given("{default: y}"), given("{default: z}"), "minor", "another default: y → z"),
    "another description": (given("{}"), given("{description: hi}"), "none", "described"),
    "more choices": (given("{enum: [a]}"), given("{enum: [a, b]}"), "minor", "more than before"),
    "fewer choices": (given("{enum: [a, b]}"), given("{enum: [a]}"), "major", "something else"),
    "a limit is gone": (given("{minimum: 2}"), given("{}"), "minor", "more than before"),
    "a new limit": (given("{}"), given("{minimum: 2}"), "major", "something else"),
    "another type": (given("{type: string}"), given("{type: integer}"), "major", "something else"),
    "a new optional field": (
        given("{properties: {a: {}}, required: [a]}"),
        given("{properties: {a: {}, b: {}}, required: [a]}"),
        "minor",
        "more than before",
    ),
    "a new required field": (given("{required: [a]}"), given("{required: [a, b]}"), "major", "something else"),
    "a new required input": (A, given("{}"), "major", "required input x"),
    "a step without named outputs is gone": (B, A, "major", "the output b is gone"),
    "a step with named outputs is gone": (f"{B}\noutputs: {{o: 1}}", f"{A}\noutputs: {{o: 1}}", "minor", "step b"),
    "a named output is gone": (f"{A}\noutputs: {{o: 1, p: 2}}", f"{A}\noutputs: {{o: 1}}", "major", "output p"),
    "one output": (f"{A}\noutputs: {{o: 1}}", f"{A}\noutput: 1", "major", "gives one value"),
    "named outputs again": (f"{A}\noutput: 1", A, "major", "gives named outputs"),
    "another output": (f"{A}\noutput: 1", f"{A}\noutput: 2", "minor", "1 → 2"),
    "the same output": (f"{A}\noutput: 1", f"{A}\noutput: 1", "none", ""),
    "losers are let run": (RACE, RACE.replace("losers: cancel", "losers: let-run"), "minor", "cancel → let-run"),
    "a group waits for all": (RACE, RACE.replace("join: any", "join: all"), "minor", "any → all"),
    "a webhook moves": (
        f"triggers: [{{type: webhook, endpoint: /a}}]\n{A}",
        f"triggers: [{{type: webhook, endpoint: /b}}]\n{A}",
        "major",
        "nothing answers at /a",
    ),
    "another condition": (
        B.replace("b, type: set", "b, type: set, when: 1 == 1"),
        B.replace("b, type: set", "b, type: set, when: 1 == 2"),
        "minor",
        "condition: 1 == 1 → 1 == 2",
    ),
    "a task is repeatable": (TASK % "", TASK % ", repeatable: true", "major", "a decision no longer ends it"),
    "a task is decided once": (TASK % ", repeatable: true", TASK % "", "major", "a decision ends it"),
    "a task is offered for a while": (TASK % "", TASK % ', enabled_while: "1 == 1"', "minor", "None → 1 == 1"),
    "a longer timeout": (A, A.replace("type: set", "type: set, timeout: 5s"), "patch", "timeout"),
}


@pytest.mark.parametrize(("old", "new", "bump", "part"), CASES.values(), ids=CASES)
def test_change(old: str, new: str, bump: str, part: str) -> None:
    """The heaviest change decides, and says in words what it is."""
    found = changes(old, new)
    assert found.required_bump == bump
    assert part in (found.changes[0].what if found.changes else "")


def test_another_id_is_another_definition() -> None:
    """Two definitions that have nothing to do with each other are told apart first."""
    found = compare(definition(A), definition(A, "other"))
    assert [change.what for change in found.changes] == ["other is another definition than tried"]


def test_a_bump_that_is_too_small_names_the_version_that_would_do() -> None:
    """Whoever publishes reads why, and the number to take."""
    found = changes(B, A)
    problem = bump_problem("1.2.3", "1.3.0", found) or ""
    assert "the output b is gone" in problem and problem.endswith("Make it 2.0.0")
    assert bump_problem("1.2.3", "2.0.0", found) is None
    assert "does not follow" in (bump_problem("1.2.3", "1.2.3", found) or "")
