"""The part that our expressions share with CEL means the same: compared with Google's implementation."""

import importlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from towpath.engine.expression.template import compile_condition
from towpath.engine.expression.values import ExpressionError, Scope

cel: Any = importlib.import_module("cel_expr_python.cel")
ROOTS: dict[str, Any] = {"i": 7, "j": -3, "f": 2.5, "g": -0.5, "s": "kim", "t": "", "b": True, "l": [1, 2, 7]}
ENVIRONMENT: Any = cel.NewEnv(
    variables={
        "i": cel.Type.INT,
        "j": cel.Type.INT,
        "f": cel.Type.DOUBLE,
        "g": cel.Type.DOUBLE,
        "s": cel.Type.STRING,
        "t": cel.Type.STRING,
        "b": cel.Type.BOOL,
        "l": cel.Type.List(cel.Type.INT),
    }
)
REFUSED = "refused"


def ours(text: str) -> Any:
    try:
        return compile_condition(text).evaluate(Scope(dict(ROOTS)))
    except ExpressionError:
        return REFUSED


def theirs(text: str) -> Any:
    """CEL answers an error as a value: its type tells."""
    found = ENVIRONMENT.compile(text).eval(data=ROOTS)
    return REFUSED if found.type() == cel.Type.ERROR else found.plain_value()


def _joined(operands: st.SearchStrategy[str], operators: list[str]) -> st.SearchStrategy[str]:
    return st.tuples(operands, st.sampled_from(operators), operands).map(lambda parts: f"({' '.join(parts)})")


INTEGERS = st.recursive(
    st.one_of(
        st.sampled_from(["i", "j", "size(s)", "size(l)", "l[1]", "(-9223372036854775808)"]), st.integers(0, 50).map(str)
    ),
    lambda inner: st.one_of(_joined(inner, ["+", "-", "*", "%"]), inner.map(lambda a: f"(-{a})")),
    max_leaves=5,
)
DOUBLES = st.recursive(
    st.sampled_from(["f", "g", "1.5", "0.25", "3.0"]),
    lambda inner: st.one_of(_joined(inner, ["+", "-", "*"]), inner.map(lambda a: f"({a} / 4.0)")),
    max_leaves=4,
)
STRINGS = st.recursive(
    st.sampled_from(["s", "t", "'abc'", "''", "'한'"]), lambda inner: _joined(inner, ["+"]), max_leaves=4
)
COMPARED = st.one_of(
    _joined(INTEGERS, ["==", "!=", "<", "<=", ">", ">="]),
    _joined(DOUBLES, ["==", "!=", "<", "<=", ">", ">="]),
    _joined(STRINGS, ["==", "!=", "<", ">="]),
    INTEGERS.map(lambda a: f"({a} in l)"),
    st.sampled_from(["b", "true", "false"]),
)
BOOLEANS = st.recursive(
    COMPARED,
    lambda inner: st.one_of(
        _joined(inner, ["&&", "||"]),
        inner.map(lambda a: f"(!{a})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} ? {parts[1]} : {parts[2]})"),
    ),
    max_leaves=6,
)


@settings(max_examples=500, derandomize=True, deadline=None)
@given(st.one_of(INTEGERS, DOUBLES, STRINGS, BOOLEANS))
def test_the_shared_part_means_the_same(text: str) -> None:
    """Arithmetic of one kind, comparison, logic, choice, membership and size agree, errors included.

    Two things differ on purpose and are left out: a division of doubles by zero is refused here, and CEL answers
    `error || true` with true where ours reads from the left and refuses the error that it meets.
    """
    one, other = ours(text), theirs(text)
    if one == REFUSED and other != REFUSED:
        assert any(operator in text for operator in ("&&", "||")), text
        return
    assert one == other and (one == REFUSED or isinstance(one, bool) is isinstance(other, bool)), text
