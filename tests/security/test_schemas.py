"""One input against a schema from outside kept the workflow thread for seconds, or without end."""

import math
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.unit.cpu import least_cpu_seconds
from towpath.engine.checks.inputs import violations
from towpath.engine.matching.bounding import canonical
from towpath.engine.matching.validating import schema_excess

SECONDS = 4.0
"""What ends within a second on a quiet machine."""
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=1), inner, max_size=3),
    max_leaves=6,
)
LIKE: list[Any] = [0, 0.0, -0.0, False, 1, 1.0, True, "1", 2**53, 2.0**53, 2**53 + 1, 1e300, None, "", [], {}]
NUMBERS = st.sampled_from(LIKE)

USUAL: list[dict[str, Any]] = [
    {"type": "object"},
    {"items": {"uniqueItems": True}},
    {"$ref": "#/$defs/a", "$defs": {"a": {"enum": [1, "a", [1]]}}},
    {"anyOf": [{"type": "array"}, {"minimum": 0}]},
    {"$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": [{"type": "integer"}]},
]


def doubling(keyword: str, depth: int = 40) -> dict[str, Any]:
    """A schema of some lines that is looked at 2^depth times."""
    both = {f"s{number}": {keyword: [{"$ref": f"#/$defs/s{number + 1}"}] * 2} for number in range(depth)}
    return {"$ref": "#/$defs/s0", "$defs": {**both, f"s{depth}": {"type": "integer"}}}


HOSTILE: dict[str, tuple[dict[str, Any], Any]] = {
    "unique objects": ({"uniqueItems": True}, [{"a": number, "b": [number]} for number in range(12_000)]),
    "unique mixture": ({"uniqueItems": True}, [number if number % 2 else str(number) for number in range(20_000)]),
    "unique numbers of one hash": ({"uniqueItems": True}, [[number * (2**61 - 1), {}] for number in range(10_000)]),
    "allOf": (doubling("allOf"), 1),
    "anyOf": (doubling("anyOf"), "x"),
    "oneOf": (doubling("oneOf"), "x"),
    "not": (
        {"$ref": "#/$defs/a", "$defs": {"a": {"not": {"anyOf": [{"$ref": "#/$defs/b"}] * 2}}, "b": doubling("anyOf")}},
        "x",
    ),
    "enum of many": ({"items": {"enum": list(range(20_000))}}, [-1] * 20_000),
    "errors that quote the value": ({"allOf": [{"type": "object"}] * 3_000}, ["x" * 500_000]),
    "unevaluated": ({**doubling("allOf"), "unevaluatedProperties": False}, {"a": 1}),
    "another dialect": ({"items": {"$schema": DRAFT_7, "pattern": "^(?:a?a?)*$"}}, ["a" * 40 + "b"]),
    "another dialect by itself": (
        {"$schema": DRAFT_7, "properties": {"a": {"$ref": "#"}}, "pattern": "^(?:a?a?)*$"},
        {"a": "a" * 40 + "b"},
    ),
}


def nested(depth: int) -> dict[str, Any]:
    """`depth` lists within each other, and one object."""
    found: Any = {"type": "integer"}
    for _ in range(depth):
        found = {"items": found}
    return found


EXCESSIVE: list[dict[str, Any]] = [
    nested(51),
    nested(100_000),
    {"x": [[nested(49)]]},
    {"properties": {f"f{number}": {} for number in range(5_000)}},
    {"items": {"$schema": DRAFT_7}},
]


@pytest.mark.parametrize("schema", EXCESSIVE, ids=["deep", "very deep", "deep in lists", "large", "another dialect"])
def test_a_check_and_a_run_refuse_the_same_schemas(schema: dict[str, Any]) -> None:
    """By one function: what `definition check` lets through is not refused later for its form."""
    excess = schema_excess(schema)
    assert excess is not None
    assert violations(schema, 1, ("order",)) == [f"/order: has a schema {excess.what}: {excess.mend}"]


def test_schemas_within_the_bounds_are_taken() -> None:
    """Data in a schema counts for nothing."""
    data: Any = {"$schema": DRAFT_7}
    for _ in range(200):
        data = [data]
    fields: dict[str, Any] = {f"f{number}": {} for number in range(4_998)}
    for schema in (nested(50), {"properties": fields}, {"enum": data}, {"const": data}):
        assert schema_excess(schema) is None


@pytest.mark.parametrize(("schema", "value"), HOSTILE.values(), ids=HOSTILE)
def test_no_schema_keeps_the_thread(schema: dict[str, Any], value: Any) -> None:
    """Each ends soon: with an answer, or with a sentence that says what to mend."""
    assert least_cpu_seconds(lambda: violations(schema, value), SECONDS) < SECONDS
    found = violations(schema, value, ("order",))
    bounded = [line for line in found if "steps of its schema: give less, or say less by" in line]
    assert found == [] or bounded or "leave $schema out" in found[0] or "/order" in found[0]
    assert all(len(line) < 200 for line in found)


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
def test_what_is_too_much_is_told_with_its_place(keyword: str) -> None:
    """Before a run takes it; a `not` around it does not turn it into a yes."""
    for schema in (doubling(keyword), {"not": {"$ref": "#/$defs/s0"}, "$defs": doubling(keyword)["$defs"]}):
        (line,) = violations(schema, 1 if keyword == "allOf" else "x", ("order",))
        assert line.startswith("/order: takes more than 300,000 steps of its schema: give less")


def test_usual_values_are_far_from_the_bound() -> None:
    """Four thousand lines of an order, each with ten fields."""
    line = {f"f{number}": "text" for number in range(10)}
    fields = {name: {"type": "string", "minLength": 1, "maxLength": 10} for name in line}
    each = {"type": "object", "properties": fields, "required": list(line), "additionalProperties": False}
    assert violations({"type": "array", "items": each}, cast("Any", [line] * 4_000)) == []


@settings(max_examples=300, deadline=None)
@given(st.lists(VALUES | NUMBERS | st.lists(NUMBERS, max_size=2), max_size=6))
def test_unique_items_are_those_of_json_schema(items: list[Any]) -> None:
    """As jsonschema compares each with each; where its own `uniqueItems` says no, so does ours."""
    pairs = [(one, other) for place, one in enumerate(items) for other in items[:place]]
    equal = any(Draft202012Validator({"const": one}).is_valid(other) for one, other in pairs)
    assert (violations({"uniqueItems": True}, items) != []) == equal
    if not Draft202012Validator({"uniqueItems": True}).is_valid(items):
        assert equal


@given(VALUES | NUMBERS, VALUES | NUMBERS)
def test_equal_values_have_one_text(one: Any, other: Any) -> None:
    """1 and 1.0, and not 1 and true."""
    assert (canonical(one) == canonical(other)) == Draft202012Validator({"const": one}).is_valid(other)
    assert not isinstance(one, float) or math.isfinite(one)


@settings(max_examples=200, deadline=None)
@given(VALUES, st.sampled_from(USUAL))
def test_answers_are_those_of_jsonschema(value: Any, schema: dict[str, Any]) -> None:
    """Counting changes no answer."""
    assert (violations(schema, value) == []) == Draft202012Validator(schema).is_valid(value)
