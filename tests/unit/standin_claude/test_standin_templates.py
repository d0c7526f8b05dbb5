"""Templates of answers: what their expressions become, and that no input breaks them."""

import json
from typing import Any

import anthropic
import pytest
from pydantic import JsonValue

from towpath.contracts.prompts import PROMPTS
from towpath.standins.claude.answer import answer_to
from towpath.standins.claude.schema import strict_schema
from towpath.standins.claude.templates import AnswerTemplate

GIVEN: dict[str, JsonValue] = {
    "name": "{{ 6 * 7 }}",
    "steps": [{"title": "open", "minutes": 5}, {"title": "close", "minutes": 50}],
}


@pytest.mark.parametrize(
    ("node", "value"),
    [
        pytest.param("{{ steps[0].minutes }}", 5, id="value"),
        pytest.param("{{ steps | map(attribute='title') }}", ["open", "close"], id="list"),
        pytest.param("Dear {{ name }},", "Dear {{ 6 * 7 }},", id="given-text-is-no-template"),
        pytest.param("{{ name }} {{ name }}", "{{ 6 * 7 }} {{ 6 * 7 }}", id="two-expressions"),
        pytest.param("{% if nothing %}\nno\n{% else %}\nyes\n{% endif %}\n", "yes", id="text"),
        pytest.param("{{ nothing.at.all }}", None, id="missing"),
        pytest.param("just words", "just words", id="words"),
        pytest.param([1, "{{ 1 + 1 }}", None, True], [1, 2, None, True], id="entries"),
        pytest.param({"for": "{{ nothing }}", "as": "step", "give": "x"}, [], id="for-each-of-nothing"),
    ],
)
def test_an_expression_becomes_its_value(node: JsonValue, value: JsonValue) -> None:
    """One expression keeps its type, everything else is text; what the input says is never run."""
    assert AnswerTemplate("", {}, {"field": node}).fill(GIVEN) == {"field": value}


def test_a_list_is_made_of_another() -> None:
    """Entries may be left out, and may use values that are named for each of them, and those of the template."""
    answer: JsonValue = {
        "long": {
            "for": "{{ steps }}",
            "as": "step",
            "let": {"hours": "{{ step.minutes / 60 }}", "is_long": "{{ hours > limit }}"},
            "if": "{{ is_long }}",
            "give": {"title": "{{ step.title | upper }}", "hours": "{{ hours | round(1) }}"},
        }
    }

    filled = AnswerTemplate("", {"minutes": 30, "limit": "{{ minutes / 60 }}"}, answer).fill(GIVEN)

    assert filled == {"long": [{"title": "CLOSE", "hours": 0.8}]}


@pytest.mark.parametrize("value", [None, 3, "text", ["text"], [{"text": 1}], {"text": {}}], ids=json.dumps)
@pytest.mark.parametrize("prompt", list(PROMPTS))
def test_any_input_has_an_answer_that_keeps_the_schema(prompt: str, value: JsonValue) -> None:
    """Fields that are missing or of another kind give an answer without them, and no error."""
    schema = strict_schema(anthropic.transform_schema(PROMPTS[prompt].output))
    given: dict[str, Any] = {} if value is None else dict.fromkeys(PROMPTS[prompt].input.model_fields, value)

    assert schema.violation(json.loads(answer_to(schema, given))) is None
