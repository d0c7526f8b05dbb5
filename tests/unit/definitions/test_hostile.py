"""Definitions that are written to hurt: each ends in diagnostics, soon, and with little memory."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towpath.engine.checks.check import check_text
from towpath.engine.language.catalogue import DefinitionCatalogue
from towpath.engine.language.source import MOST_KEPT

HEAD = 'id: tried\nversion: "1.0.0"\ninputs: {a: {type: integer}}\n'
SECONDS = 5.0
"""Of processor time: what takes a fraction of a second, with room for a machine that is shared."""


def aliases(text: str) -> str:
    return HEAD + f'steps:\n  - {{id: s, type: set, config: {{v: &a "{text}", w: [{", ".join(["*a"] * 15_000)}]}}}}\n'


def schema(text: str) -> str:
    return HEAD.replace("{type: integer}", text) + "steps: [{id: s, type: set, config: {v: '{{ inputs.a }}'}}]\n"


def steps(count: int, more: str) -> str:
    return HEAD + "steps:\n" + "".join(f"  - {{id: s{n}, {more.replace('#', str(n))}}}\n" for n in range(count))


SUM = " + ".join(["inputs.a"] * 140)
TEXTS = {
    "one long expression, named thousands of times": (aliases(f"{{{{ {SUM} }}}}"), None),
    "one wrong expression, named thousands of times": (
        aliases(f"{{{{ {SUM.replace('.a', '.b')} }}}}"),
        "read.unknown-input",
    ),
    "thousands of unknown names": (steps(4_900, "type: set, needs: [zz#]"), "needs.unknown"),
    "thousands of steps with unknown fields": (steps(4_900, "typ: set, uses: x, with: y"), "field.missing"),
    "a schema that refers to itself": (schema("{$ref: '#', default: 1}"), "schema.invalid"),
    "a schema that refers to itself by a detour": (
        schema("{$ref: '#/$defs/b', $defs: {b: {$ref: '#/$defs/b'}}, default: 1}"),
        "schema.invalid",
    ),
    "a schema of itself and itself": (schema("{allOf: [{$ref: '#'}], default: 1}"), "input.default"),
    "a schema that refers to nothing": (schema("{$ref: '#/$defs/b', default: 1}"), "schema.invalid"),
    "a schema that would have to be fetched": (schema("{$ref: 'http://127.0.0.1:9/x', default: 1}"), "schema.invalid"),
    "a schema that refers to itself with an end": (
        schema("{type: object, properties: {a: {$ref: '#'}}, default: {a: {}}}"),
        None,
    ),
}


@pytest.mark.parametrize(("text", "code"), TEXTS.values(), ids=TEXTS)
def test_hostile_text(text: str, code: str | None) -> None:
    """It is told what is wrong, soon, and no more of it than a person could read."""
    begun = time.process_time()
    found = check_text(text, DefinitionCatalogue()).diagnostics
    assert time.process_time() - begun < SECONDS
    assert [problem.code for problem in found[:1]] == ([] if code is None else [code])
    assert len(found) <= MOST_KEPT


def test_many_warnings_hide_no_error() -> None:
    """An error is told of, however many warnings stand before it."""
    entries = "".join(f"  - {{id: s{n}, type: set, when: false}}\n" for n in range(MOST_KEPT + 50))
    checked = check_text(f"{HEAD}steps:\n{entries}  - {{id: x, type: set, needs: [nobody]}}\n", DefinitionCatalogue())
    assert not checked.ok and checked.diagnostics[-1].code in {"too-many", "needs.unknown"}


WORDS = ("type", "properties", "required", "items", "enum", "pattern", "$ref", "$defs", "allOf", "minimum", "default")
VALUES: list[Any] = [None, True, -1, 1.5, "", "object", "string", "(", "#", "#/$defs/a", "http://[::1", [], {}]
LEAVES = st.sampled_from(VALUES)
SCHEMAS = st.dictionaries(
    st.sampled_from([*WORDS, "a"]),
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*WORDS, "a"]), inner, max_size=4),
        max_leaves=8,
    ),
    max_size=4,
)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(SCHEMAS)
def test_no_schema_raises(schema: dict[str, Any]) -> None:
    """Whatever stands where a schema should, reads, loops and tests that depend on it are checked to the end."""
    document = {
        "id": "tried",
        "version": "1.0.0",
        "inputs": {"a": schema},
        "steps": [
            {"id": "s", "type": "set", "config": {"v": "{{ inputs.a.b }}", "w": "{{ inputs.a + 1 }}"}},
            {"id": "l", "type": "set", "for_each": {"in": "{{ inputs.a }}"}, "config": {"v": "{{ item.b }}"}},
            {"id": "c", "type": "claude", "config": {"prompt": "x", "output_schema": schema}},
        ],
        "outputs": {"o": "{{ steps.c.a.b }}"},
        "tests": [{"name": "t", "inputs": {"a": {"b": 1}}}],
    }
    assert check_text(json.dumps(document), DefinitionCatalogue()).source.value is not None
