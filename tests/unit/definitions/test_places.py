"""Where a problem stands, to the column, however the text is written; and what it says to write instead."""

import json

import pytest

from towpath.engine.checks.check import Checked, check_text
from towpath.engine.language.catalogue import DefinitionCatalogue

HEAD = 'id: tried\nversion: "1.0.0"\nsteps:\n'
BLOCK = HEAD + "  - id: a\n    type: set\n    config:\n      v: "


def check(text: str) -> Checked:
    return check_text(text, DefinitionCatalogue())


PLACES = {
    "escaped quotes": HEAD + '  - {id: a, type: set, config: {v: "say \\"hi\\" \\u00e9 {{ inputs.nn }}"}}',
    "doubled quotes": HEAD + "  - {id: a, type: set, config: {v: 'it''s {{ inputs.nn }}'}}",
    "letters of other scripts": HEAD + '  - {id: a, type: set, config: {v: "고객 {{ inputs.nn }}"}}',
    "a folded block": BLOCK + ">\n        one\n        two {{ inputs.nn }}\n",
    "a literal block": BLOCK + "|\n          one\n\n          two {{ inputs.nn }}\n",
    "a plain text of two lines": BLOCK + "one\n        two {{ inputs.nn }}\n",
    "a quoted text of two lines": BLOCK + '"one\n\n        two {{ inputs.nn }}"\n',
    "the second of two reads": BLOCK + '"inputs.nn \\t {{ inputs.nn }}"\n',
    "JSON with characters in two escapes": json.dumps(
        {"id": "a", "version": "1.0.0", "steps": [{"id": "a", "type": "set", "config": {"v": "😀 {{ inputs.nn }}"}}]},
        indent="\t",
    ),
    "an address in braces": HEAD + '  - {id: a, type: set, config: {u: https://x.example, v: "{{ inputs.nn }}"}}',
}


@pytest.mark.parametrize("text", PLACES.values(), ids=PLACES)
def test_place(text: str) -> None:
    """Line and column are those of the read itself."""
    (problem,) = check(text).diagnostics
    line = text.split("\n")[problem.line - 1]
    assert problem.code == "read.unknown-input"
    assert line[problem.column - 1 :].startswith("inputs.nn }}")


MENDS = {
    "- {id: a, type: parallel, steps: []}": "write - parallel: [steps]",
    "- {id: a, type: set, depends_on: [b]}": "here it is called needs",
    "- {id: a, type: notify, target: ops, config: {target: ops}}": "it belongs to the step's config",
    "- {id: a, type: set, needs: b}": "write [b]",
    "a: {type: set}": "write - {id: …, type: …} for each",
    "- {id: a, type: set, timeout: 30}": 'give it a unit: "30s"',
    "- {id: a, type: condition, config: {if: true, then: []}}": 'quote it: "true"',
    "- {id: a, type: condition, config: {if: 1 == 1, then: {id: b, type: set}}}": "write - {id: …, type: …} for each",
    "- id: a\n    type: notify\n    config:\n      target: #ops": "# begins a comment",
    "\t- {id: a}": "indent with spaces",
    "- {id: a, type: qqq}": "known: api, claude",
}


@pytest.mark.parametrize(("entry", "mend"), MENDS.items(), ids=MENDS)
def test_mend(entry: str, mend: str) -> None:
    """What is often written elsewhere is told how to write here."""
    assert any(mend in problem.mend for problem in check(f"{HEAD}  {entry}\n").diagnostics)


@pytest.mark.parametrize(
    ("inputs", "mend"),
    [
        ("[{name: a, type: string}]", "write NAME: {type: string}"),
        ("{a: string}", "write a JSON Schema: {type: string}"),
    ],
)
def test_mend_of_inputs(inputs: str, mend: str) -> None:
    """Inputs are names with schemas, and it is told how."""
    text = f'id: tried\nversion: "1.0.0"\ninputs: {inputs}\nsteps: [{{id: a, type: set}}]\n'
    assert [problem.mend for problem in check(text).diagnostics] == [mend]
