"""The expression language: values, errors with their columns, templates, hostile texts, and laws for any text."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towpath.contracts.declared.references import SecretName
from towpath.engine.expression.template import (
    compile_condition,
    compile_template,
    decide,
    render,
    render_text,
    secret_named,
)
from towpath.engine.expression.values import ExpressionError, Scope, SecretText, as_json

NAMES: dict[str, Any] = {
    "inputs": {"n": 3, "half": 0.5, "name": "Kim", "flag": True, "none": None, "list": [1, 2, 3], "any key": 1},
    "steps": {"risk-assessment": {"score": 0.8}, "a": {"items": [{"id": 1, "ok": True}, {"id": 2, "ok": False}]}},
}
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def scope(**more: Any) -> Scope:
    return Scope({**NAMES, **more}, NOW, lambda: "a-uuid")


def value(text: str) -> Any:
    return compile_condition(text).evaluate(scope())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ steps.risk-assessment.score }} > 0.7", True),
        ("{{ steps.risk-assessment.score > 0.7 }}", True),
        ("steps.risk-assessment.score > 70%", True),
        ("inputs.n - 1", 2),
        ("inputs['any key'] + 1", 2),
        ("1 + 2 * 3 - 4 / 2", 5),
        ("7 / 2", 3.5),
        ("10 / 2", 5),
        ("-7 % 3", -1),
        ("not inputs.n == 3 or inputs.flag", True),
        ("!inputs.flag || inputs.n > 2 && true", True),
        ("true || inputs.missing", True),
        ("inputs.missing ?? 5 == 5", True),
        ("inputs.none ?? 'x'", "x"),
        ("inputs.missing?.deeper", None),
        ("inputs?.none?.deeper ?? 1", 1),
        ("has(inputs.n) && !has(inputs.missing)", True),
        ("inputs.n > 2 ? 'more' : 'less'", "more"),
        ("2 in inputs.list && 'n' in inputs", True),
        ("[1, 'a', [2.0]] == [1.0, 'a', [2]]", True),
        ("{a: 1, 'b c': [2]}['b c'][0]", 2),
        ("1 == true ? 'no' : 'yes'", None),
        ("null == inputs.none", True),
        ("300s == 5m && 1h30m > 89m && 1d == 24h", True),
        ("90s * 2", timedelta(minutes=3)),
        ("date('2026-01-01') + 36h", datetime(2026, 1, 2, 12, tzinfo=UTC)),
        ("date('2026-01-02T09:00:00+09:00') == date('2026-01-02')", True),
        ("seconds(now() - date('2026-03-01')) / 3600", 12),
        ("format_date(now(), 'DD.MM.YYYY HH:mm')", "01.03.2026 12:00"),
        ("size('abc') + size([1]) + size({a: 1})", 5),
        ("upper(trim('  a ')) + lower('B')", "Ab"),
        ("split('a,b', ',')", ["a", "b"]),
        ("join([1, 'b', true], '-')", "1-b-true"),
        ("replace('aXbX', 'X', '')", "ab"),
        ("contains('abc', 'b') && starts_with('abc', 'a') && ends_with('abc', 'c')", True),
        ("round(2.5) + round(-2.5) + round(1.005, 2)", 1.01),
        ("min(3, 1, 2) + max([1, 5])", 6),
        ("sum([1, 2.5]) + avg([1, 3])", 5.5),
        ("keys({b: 1, a: 2})", ["a", "b"]),
        ("values({b: 1, a: 2})", [2, 1]),
        ("map(filter(steps.a.items, item, item.ok), item, item.id)", [1]),
        ("any(inputs.list, x, x > 2) && all(inputs.list, x, x > 0)", True),
        ("from_json(to_json({a: [1, null]})).a", [1, None]),
        ("number('1.5') + number(' 2 ')", 3.5),
        ("text(1) + text([true])", "1[true]"),
        ("uuid()", "a-uuid"),
        ("'\\u00e9\\n' == 'é\n'", True),
        ("5 % 3", 2),
        ("50% + 1", 1.5),
    ],
)
def test_value(text: str, expected: Any) -> None:
    """What an expression comes to; None stands for one that must be refused where values have no common kind."""
    if text == "1 == true ? 'no' : 'yes'":
        with pytest.raises(ExpressionError):
            value(text)
        return
    found = value(text)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "code", "at", "part"),
    [
        ("", "syntax", 0, "missing"),
        ("inputs.n >", "syntax", 10, "expected a value"),
        ("inputs.n = 3", "syntax", 9, "equality is =="),
        ("1 < 2 < 3", "syntax", 6, "do not chain"),
        ("(1", "syntax", 2, "')'"),
        ("a.", "syntax", 2, "a name after the dot"),
        ("'open", "syntax", 0, "not closed"),
        ("1 & 2", "syntax", 2, "&&"),
        ("x }}", "syntax", 2, "closes nothing"),
        ("upper('a', 'b')", "syntax", 0, "write upper(string)"),
        ("uper('a')", "name", 0, "did you mean 'upper'"),
        ("inputs.m", "missing", 6, "inputs has no 'm'"),
        ("inputs.list[9]", "missing", 11, "has 3"),
        ("inputs.none.x", "missing", 11, "is null"),
        ("nowhere", "missing", 0, "nowhere is not known"),
        ("inputs.n > 'a'", "type", 9, "no order"),
        ("inputs.n == 'a'", "type", 9, "number is compared with a string"),
        ("'a' + 1", "type", 4, "text(…)"),
        ("inputs.n && true", "type", 9, "true or false"),
        ("!1", "type", 0, "negates"),
        ("inputs.name.x", "type", 11, "is a string"),
        ("'a' in 'abc'", "type", 4, "contains"),
        ("upper(1)", "type", 0, "given a number"),
        ("1 / 0", "value", 2, "zero"),
        ("date('soon')", "value", 0, "2026-11-22"),
        ("from_json('{')", "value", 0, "not JSON"),
        ("from_json('NaN')", "value", 0, "not JSON"),
        ("min([])", "value", 0, "at least one"),
        ("9223372036854775807 + 1", "limit", 20, "64 bits"),
        ("99999999999999999999", "limit", 0, "64 bits"),
        ("1e308 * 10", "limit", 6, "finite"),
        ("date('9999-12-31') + 3000d", "limit", 19, "range"),
    ],
)
def test_error_names_its_place(text: str, code: str, at: int, part: str) -> None:
    """What is wrong, and at which column."""
    with pytest.raises(ExpressionError) as caught:
        compile_condition(text).evaluate(scope())
    error = caught.value
    assert (error.code, error.at) == (code, at) and part in error.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ inputs.n }}", 3),
        ("{{ inputs.list }}\n", [1, 2, 3]),
        ("n={{ inputs.n }}, {{ inputs.name }}", "n=3, Kim"),
        ("{{ inputs.list }}!", "[1,2,3]!"),
        ("{{ '}}' }}{{ {a: {b: 1}} }}", '}}{"a":{"b":1}}'),
        ("costs $${{ x }}", "costs {{ x }}"),
        ("no template", "no template"),
        ("{{ 90m }}", "5400s"),
        ("{{ date('2026-01-01') }}", "2026-01-01T00:00:00Z"),
    ],
)
def test_template(text: str, expected: Any) -> None:
    """One template alone keeps its type; text around it makes a string; `$${{` stands for itself."""
    assert render(text, scope()) == expected


def test_output_is_never_looked_at_again() -> None:
    """What a value brings in is data, even when it looks like a template or a condition."""
    hostile = "{{ secrets.KEY }} x' || true || 'y"
    names = scope(evil=hostile)
    assert render({"a": "{{ evil }}", "b": "-{{ evil }}"}, names) == {"a": hostile, "b": f"-{hostile}"}
    assert decide(compile_condition("{{ evil }} == 'x'"), names) is False


def test_secrets_stay_references() -> None:
    """A text that names a secret becomes a value with its parts, which no JSON is: the secret is not known here."""
    names = scope(secrets={"KEY": secret_named("KEY")}, o={"$secret": "KEY"})
    found = render_text(compile_template("Bearer {{ secrets.KEY }}"), names)
    assert found == SecretText(("Bearer ", SecretName(secret="KEY")))
    assert render("{{ secrets.KEY }}", names) == SecretText((SecretName(secret="KEY"),))
    assert render("{{ o }}", names) == {"$secret": "KEY"}
    assert render("a {{ o }}", names) == 'a {"$secret":"KEY"}'
    assert as_json([found]) == [{"$text": ["Bearer ", {"$secret": "KEY"}]}]


def test_conditions_are_true_or_false() -> None:
    """Nothing is taken for true that is not."""
    for text in ("inputs.n", "inputs.name", "inputs.list", "inputs.none"):
        with pytest.raises(ExpressionError, match="must be true or false"):
            decide(compile_condition(text), scope())


@pytest.mark.parametrize(
    "text",
    [
        "(" * 3000,
        "[" * 3000,
        "{" * 3000,
        "!" * 4000,
        "-" * 4000 + "1",
        "not " * 1000 + "true",
        "1" + "+1" * 2000,
        "a" + ".b" * 2000,
        "a?b:" * 900 + "c",
        "a??" * 1300 + "b",
        "x" * 5000,
        "map(range(99999), a, range(99999))",
        "all(range(300), a, all(range(300), b, all(range(300), c, true)))",
        "replace(replace('" + "a" * 900 + "', 'a', '" + "b" * 900 + "'), 'b', '" + "c" * 900 + "')",
        "join(map(range(20000), a, '" + "x" * 100 + "'), '" + "y" * 100 + "')",
        "map([1], a, " + "map([[a, a]], a, " * 30 + "a" + ")" * 30 + ") == 1",
        "to_json(map([1], a, " + "map([[a, a]], a, " * 30 + "a" + ")" * 30 + "))",
        "from_json('" + "[" * 2000 + "')",
        "from_json('1e999')",
        "'%' * 9",
        "().__class__",
        "inputs.__class__.__mro__",
        "open('/etc/passwd')",
        "range(-1)",
        "round(1e300, 12) * 1e300",
        "9 ** 9",
    ],
)
def test_hostile_expression_is_refused(text: str) -> None:
    """Bombs of every kind and ways to the machine end in an error of the language."""
    with pytest.raises(ExpressionError):
        as_json(compile_condition(text).evaluate(scope()))


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.text(alphabet="abn.?[]{}()'\"+-*/%<>=!&|, 0123456789sinputlrefhas\\u\n", max_size=80))
def test_no_text_raises_anything_else(text: str) -> None:
    """Any text compiles and evaluates, or is refused in words."""
    for expressions in (lambda: (compile_condition(text),), lambda: compile_template(text).expressions):
        try:
            for expression in expressions():
                expression.evaluate(scope())
        except ExpressionError:
            continue
    assert scope().names == NAMES


LEAVES = st.sampled_from(
    [
        "1",
        "0",
        "2.5",
        "'a'",
        "''",
        "true",
        "null",
        "inputs.n",
        "inputs.name",
        "inputs.list",
        "inputs.zz",
        "5m",
        "[]",
        "{}",
    ]
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||", "??", "in"])
    binary = st.tuples(inner, operators, inner).map(lambda parts: f"({' '.join(parts)})")
    unary = st.tuples(st.sampled_from(["-", "!", "not "]), inner).map(lambda parts: f"({''.join(parts)})")
    functions = st.sampled_from(["size", "upper", "sum", "keys", "to_json", "text", "number", "date", "max", "has"])
    call = st.tuples(functions, inner).map(lambda parts: f"{parts[0]}({parts[1]})")
    member = st.tuples(inner, inner).map(lambda parts: f"({parts[0]})[{parts[1]}]")
    loops = st.sampled_from(["map", "filter", "any", "all"])
    each = st.tuples(loops, inner, inner).map(lambda parts: f"{parts[0]}({parts[1]}, x, {parts[2]})")
    test = st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} ? {parts[1]} : {parts[2]})")
    return st.one_of(binary, unary, call, member, each, test)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.recursive(LEAVES, _grown, max_leaves=12))
def test_grown_expressions_are_total(text: str) -> None:
    """Whatever the grammar makes evaluates or is refused in words, the same way each time."""
    found: list[Any] = []
    for _ in range(2):
        try:
            found.append(as_json(compile_condition(text).evaluate(scope())))
        except ExpressionError as error:
            found.append((error.code, error.message, error.at))
    assert found[0] == found[1]
