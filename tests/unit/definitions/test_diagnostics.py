"""Everything that can be wrong with a definition is told at once, with its place and its mend, and nothing else is."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.definitions.diagnostic_cases import (
    CASES,
    CATALOGUE,
    HEAD,
    ROOT,
    SHIPPED,
    check,
    given_step,
    steps,
)
from towpath.config.catalogue import make_catalogue
from towpath.config.connections import Connections
from towpath.engine.checks.check import check_text
from towpath.engine.language.diagnostics import excerpt, without_secrets
from towpath.engine.language.schema import language_schema


@pytest.mark.parametrize(("code", "text", "line", "part"), CASES, ids=[case[0] for case in CASES])
def test_diagnostic(code: str, text: str, line: int | None, part: str) -> None:
    """Each kind of problem has its code, its line, and says how to mend it."""
    checked = check_text(b"\xff\xfe" if code == "source.encoding" else text, CATALOGUE)
    found = [problem for problem in checked.diagnostics if problem.code == code]
    assert found, [problem.line_of("f") for problem in checked.diagnostics][:5]
    assert line is None or found[0].line == line
    assert part in f"{found[0].what} {found[0].mend}"
    assert checked.ok is all(problem.severity == "warning" for problem in checked.diagnostics)


def test_every_code_has_a_case() -> None:
    """No diagnostic is added without an example of it."""
    pattern = re.compile(
        r'"((?:source|auth|document|operation|version|field|step|steps|type|config|needs|graph|join|group|for-each|read|'
        r"condition|wait|channel|template|action|task|team|handler|service|method|param|model|schema|"
        r'connection|host|url|definition|duration|date|secret|cron|timezone|trigger|input|test|retry|catch|select)\.[a-z-]+)"'
    )
    emitted: set[str] = set()
    for path in (ROOT / "towpath" / "engine").rglob("*.py"):
        emitted |= set(pattern.findall(path.read_text(encoding="utf-8")))
    outside = {"step.cancelled", "step.timeout", "config.if", "config.prompt", "config.url", "secret.unknown"}
    outside |= {"tests.type", "retry.initial", "retry.max"}
    assert emitted - {case[0] for case in CASES} - outside == set()


def test_all_problems_are_told_at_once() -> None:
    """One pass tells of the text, the shapes, the graph and the expressions together."""
    text = "id: Bad\nversion: 1.0\nsteps:\n  - {id: a, type: htp}\n  - {id: b, type: http, config: {urll: x}}\n"
    codes = [problem.code for problem in check(text).diagnostics]
    assert codes == ["field.text", "version.unquoted", "type.unknown", "field.missing", "field.unknown"]


def test_a_line_names_place_code_problem_and_mend() -> None:
    """The line for people and tools, and the excerpt under it with carets at the place."""
    text = steps("{id: a, type: set, config: {v: 'sum {{ inputs.nn }}'}}")
    problem = check(text).diagnostics[0]
    expected = "f.yaml:5:44: read.unknown-input: inputs has no 'nn': did you mean 'n'?"
    assert problem.line_of("f.yaml") == expected
    shown = excerpt(problem, text).split("\n")
    assert shown[0].endswith("{id: a, type: set, config: {v: 'sum {{ inputs.nn }}'}}") and shown[1].endswith(" ^")
    assert shown[0].index("inputs.nn") == shown[1].index("^")
    assert problem.as_json()["path"] == "/steps/0/config/v"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_definitions_are_good(path: Path) -> None:
    """What ships has neither errors nor warnings, against what is registered here, and points editors to the schema."""
    catalogue = make_catalogue(
        Connections.load(ROOT / "connections.json"), frozenset({"compliance-team", "compliance-leads", "ops-team"})
    )
    text = path.read_text(encoding="utf-8")
    assert check_text(text, catalogue).diagnostics == ()
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")


def test_published_schema_is_current() -> None:
    """definitions/schema.json is what `starter.py definition schema` prints, with its keys sorted."""
    stored = json.loads((ROOT / "definitions" / "schema.json").read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(language_schema()))


def test_aliases_cannot_explode() -> None:
    """Nested aliases are counted as what they stand for."""
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    assert [problem.code for problem in check(bomb).diagnostics] == ["source.too-many"]


def test_nested_calls_are_read_once() -> None:
    """A call's arguments are looked at once: forty calls in each other would otherwise never end."""
    nested = "trim(" * 40 + "1" + ")" * 40
    text = given_step(f"{{a: '{{{{ {nested} }}}}'}}", "set")
    assert [problem.code for problem in check(text).diagnostics] == ["expression.type"]


def test_more_steps_than_a_list_holds_are_not_read() -> None:
    """The list is told as too long; what is beyond its end is not read."""
    problems = check(HEAD + "steps:\n" + "  - {}\n" * 6_000).diagnostics
    assert "5000" in problems[0].what and max(problem.line for problem in problems) < 5_010


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.text(alphabet="abdeginoprstuvx:-{}[]\"'|>&*#!%@, \n\t0123456789./", max_size=200))
def test_no_text_raises(text: str) -> None:
    """Whatever a file holds ends in diagnostics."""
    checked = check(text)
    assert checked.diagnostics and not checked.ok


@settings(max_examples=300, derandomize=True, deadline=None)
@given(data=st.data())
def test_no_damaged_definition_raises(data: st.DataObject) -> None:
    """Shipped definitions with pieces cut out, doubled or replaced are read to their end."""
    text = data.draw(st.sampled_from([path.read_text(encoding="utf-8") for path in SHIPPED]))
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(text)))
        end = min(len(text), begin + data.draw(st.integers(0, 60)))
        piece = data.draw(
            st.sampled_from(["", text[begin:end] * 2, "{{", "}}", "[]", "null", "-1", "&a *a", "\x00", "é"])
        )
        text = text[:begin] + piece + text[end:]
    checked = check(text)
    assert checked.plan is not None or checked.diagnostics


def test_what_is_wrong_already_is_not_told_twice() -> None:
    """Another step may name one that cannot be read, and a bad header hides nothing below it."""
    text = """
id: "a"
version: 1.0
inputs: {n: {type: "integer"}}
steps:
  - {id: "x", type: "htp", config: {}}
  - id: "y"
    type: "set"
    needs: ["x"]
    config: {a: "{{ steps.x.b }}", b: "{{ inputs.m }}", c: "{{ run.steps.x.status }}"}
"""
    codes = [problem.code for problem in check(text).diagnostics]
    assert codes == ["version.unquoted", "type.unknown", "read.unknown-input"]


def test_excerpts_hide_secrets() -> None:
    """A secret in plain text is told of, and shown by no excerpt of its line."""
    request = '{url: "https://nowhere.example", headers: {Authorization: "Bearer sk-live-4242424242424242"}}'
    text = f'id: "a"\nversion: "1.0.0"\nsteps:\n  - {{id: "x", type: "http", config: {request}}}\n'
    found = check(text)
    shown = [excerpt(problem, without_secrets(text, found.diagnostics)) for problem in found.diagnostics]
    assert {"secret.plain", "host.not-allowed"} <= {problem.code for problem in found.diagnostics}
    assert all("4242" not in line and "nowhere.example" in line for line in shown)


@pytest.mark.parametrize(
    ("config", "severity"),
    [
        ("quorum: 2", None),
        ("quorum: 2, exclude: [dana]", "error"),
        ("quorum: 2, exclude: ['{{ inputs.text }}']", None),
        ("quorum: 3, candidates: [kim]", None),
        ("quorum: 3, candidates: [dana]", "error"),
        ("quorum: 3, escalate: [{after: 1h, to: leads}]", "warning"),
        ("quorum: 4, escalate: [{after: 1h, to: leads}]", "error"),
        ("exclude: [dana, minjun]", "error"),
    ],
)
def test_a_quorum_must_be_within_reach(config: str, severity: str | None) -> None:
    """As many people must be able to decide as must decide; a template names nobody that is known here."""
    found = check(f"{HEAD}steps:\n{given_step(f'{{assignee: ops-team, deadline: 9d, {config}}}', 'human-task')}")
    assert [problem.severity for problem in found.diagnostics if problem.code == "task.quorum"] == (
        [] if severity is None else [severity]
    )
