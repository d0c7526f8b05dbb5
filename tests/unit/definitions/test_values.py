"""Types of what templates give, durations, secrets and calls that undo: told when a definition is checked."""

import pytest

from towpath.engine.checks.check import check_text
from towpath.engine.language.catalogue import DefinitionCatalogue, FunctionEntry

PARAMS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"n": {"type": "number"}, "s": {"type": "string"}, "o": {"$ref": "#/$defs/o"}},
    "$defs": {"o": {"type": "object", "properties": {"s": {"type": "string"}}}},
}
CATALOGUE = DefinitionCatalogue(functions={"f": FunctionEntry("f", pure=False, params=PARAMS)})
HEAD = """id: tried
version: "1.0.0"
inputs: {n: {type: integer}, s: {type: string}, o: {type: object}, l: {type: array}}
steps:
"""


def problems(*entries: str) -> list[str]:
    text = HEAD + "".join(f"  - {entry}\n" for entry in entries)
    return [f"{problem.code} {problem.path}" for problem in check_text(text, CATALOGUE).diagnostics]


def call(params: str, more: str = "") -> str:
    return f"{{id: a, type: function, config: {{handler: f, params: {params}}}{more}}}"


def value(text: str, more: str = "") -> str:
    return f'{{id: a, type: set, config: {{v: "{{{{ {text} }}}}"}}{more}}}'


VALUE, TYPE = "/steps/0/config/v", "expression.type"
CASES: dict[str, tuple[str, list[str]]] = {
    "a text where a number is wanted": (call("{n: '{{ inputs.s }}'}"), [f"{TYPE} /steps/0/config/params/n"]),
    "a text made of parts": (call("{n: 'no {{ inputs.n }}'}"), [f"{TYPE} /steps/0/config/params/n"]),
    "a number inside an object": (call("{o: {s: '{{ inputs.n }}'}}"), [f"{TYPE} /steps/0/config/params/o/s"]),
    "what fits": (call("{n: '{{ inputs.n + 1 }}', s: '{{ now() }}', o: '{{ inputs.o }}'}"), []),
    "a number and a text": (value("inputs.n * inputs.s"), [f"{TYPE} {VALUE}"]),
    "a date and a number": (value("now() + 5"), [f"{TYPE} {VALUE}"]),
    "a date and a duration": (value("now() + 5m"), []),
    "looking into a text": (value("'x' in inputs.s"), [f"{TYPE} {VALUE}"]),
    "a negative text": (value("-inputs.s"), [f"{TYPE} {VALUE}"]),
    "going over a text": (value("map(inputs.s, x, x)"), [f"{TYPE} {VALUE}"]),
    "a loop over an object": (value("item", ", for_each: {in: '{{ inputs.o }}'}"), [f"{TYPE} /steps/0/for_each/in"]),
    "a loop over a word": (value("item", ", for_each: {in: abc}"), ["for-each.shape /steps/0/for_each/in"]),
    "a loop over a list": (value("item", ", for_each: {in: '{{ inputs.l }}'}"), []),
    "a loop that counts failures it does not collect": (
        value("item", ", for_each: {in: [1], max_failures: 10%}"),
        ["for-each.shape /steps/0/for_each/max_failures"],
    ),
    "a cache of a loop": (value("item", ", for_each: {in: [1]}, cache: {key: x}"), ["step.no-effect /steps/0/cache"]),
    "names that elsewhere are durations": ("{id: a, type: set, config: {max: big, for: Kim, after: all}}", []),
    "a duration of a choice": (
        "{id: a, type: wait-any, config: {on: {x: {after: soon}}}}",
        ["duration.invalid /steps/0/config/on/x/after"],
    ),
    "what undoes a step, by an unknown function": (
        call("{}", ", compensate: {type: function, config: {handler: ff}}"),
        ["handler.unknown /steps/0/compensate/config/handler"],
    ),
    "what undoes a step, with an unknown field": (
        call("{}", ", compensate: {type: function, config: {handler: f, parms: {}}}"),
        ["field.unknown /steps/0/compensate/config/parms"],
    ),
    "what checks a step, at an unknown host": (
        call("{}", ", check: {type: http, config: {url: 'https://x.example/'}, done: output.status == 200}"),
        ["host.not-allowed /steps/0/check/config/url"],
    ),
    "a secret in what undoes a step": (
        call("{}", ", compensate: {type: function, config: {handler: f, params: {s: sk-live-4242424242424242}}}"),
        ["secret.plain /steps/0/compensate/config/params/s"],
    ),
    "a secret in a URL": (
        "{id: a, type: set, config: {v: 'https://x.example/?a=1&api_key=0123456789'}}",
        [f"secret.plain {VALUE}"],
    ),
}


@pytest.mark.parametrize(("entry", "expected"), CASES.values(), ids=CASES)
def test_value(entry: str, expected: list[str]) -> None:
    """Each is told once, at its place, or not at all where it is fine."""
    assert problems(entry) == expected
