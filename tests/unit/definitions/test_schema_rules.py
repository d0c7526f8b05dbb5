"""Patterns of the schema for editors against what `check` reads: whatever it takes, the schema takes as well."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.unit.definitions.diagnostic_cases import check, given_step, steps, url
from towpath.engine.expression.functions import parse_date
from towpath.engine.expression.values import ExpressionError
from towpath.engine.language.cron import FIELDS, cron_pattern, cron_problem
from towpath.engine.language.schema import language_schema
from towpath.engine.language.schema_rules import DATE
from towpath.engine.language.source import read_source

VALIDATOR = Draft202012Validator(language_schema())
CRON = re.compile(cron_pattern())
SEEN_BY_CHECK_ALONE = ("backwards", "it never comes")
NUMBERS = st.integers(0, 70).map(str) | st.sampled_from(["00", "07", "*", "?", "L", "", "1.5", "٣"])
NAMES = st.sampled_from([name for *_, names in FIELDS for name in names] + ["mon", "Jan", "XYZ"])
ENDS = NUMBERS | NAMES
PARTS = st.one_of(
    ENDS,
    st.tuples(ENDS, ENDS).map("-".join),
    st.tuples(ENDS, NUMBERS).map("/".join),
    st.tuples(ENDS, ENDS).map("-".join).flatmap(lambda part: NUMBERS.map(lambda step: f"{part}/{step}")),
)
CRONS = st.lists(st.lists(PARTS, min_size=1, max_size=2).map(",".join), min_size=4, max_size=6).map(" ".join)
GOOD = st.tuples(
    *(st.integers(low, high).map(str) | st.sampled_from([*names, "*", "*/5"]) for _, low, high, names in FIELDS)
).map(" ".join)
DATES = st.from_regex(
    r"\A[0-9]{4}-[0-3][0-9]-[0-3][0-9]([Tt ][0-2][0-9]:[0-6][0-9](:[0-6][0-9])?([zZ]|\+0[0-9]:00)?)?\Z"
)

MISTAKES = {
    "bearer in plain text": url("https://api.example.com", ", auth: {bearer: abc}"),
    "password made of more": url("https://api.example.com", ", auth: {basic: {user: a, password: 'x{{ secrets.K }}'}}"),
    "user in the url": url("https://kim@api.example.com/x"),
    "path without a connection": url("/orders"),
    **{
        f"paging: {more}": url("https://api.example.com/a", f", {more}")
        for more in (
            "method: POST, paging: {items: '{{ output.body }}'}",
            "poll: {until: output.body.a}, paging: {items: '{{ output.body }}'}",
            "paging: {items: '{{ output.body }}', next: '{{ output.body.a }}'}",
            "output: body, paging: {items: '{{ output.body }}'}",
            "paging: {style: link, items: '{{ output.body }}', parameter: a}",
        )
    },
    "paging by links of a query": url("https://api.example.com/a?b=1", ", paging: {style: link, items: '{{ [] }}'}"),
    "select of pages": steps(
        "{id: a, type: http, select: [items], config: {url: 'https://api.example.com', paging: {items: '{{ [] }}'}}}"
    ),
    "cache of a loop": steps("{id: a, type: set, for_each: {times: 2}, cache: {key: x}}"),
    "share of the first failure": steps("{id: a, type: set, for_each: {times: 2, max_failures: 5%}}"),
    "share of events": steps("{id: a, type: set, for_each: {on_event: x.y, within: 1h, max_failures: 5%}}"),
    "loop over a text": steps("{id: a, type: set, for_each: {in: abc}}"),
    "select of a set": steps("{id: a, type: set, select: [a]}"),
    "undoing a wait": given_step("{for: 1s}", "wait", ", compensate: {type: function, config: {handler: x}}"),
    "code of a channel": steps(
        "{id: a, type: set}", more="tests: [{name: t, inputs: {n: 1}, answers: {a: {channels: {slack: x.y}}}}]\n"
    ),
    "day of a test": steps("{id: a, type: set}", more="tests: [{name: t, inputs: {n: 1}, now: 2026-02-41}]\n"),
    "secret with a default": 'id: a\nversion: "1.0.0"\ninputs: {k: {type: string, x-secret: true, default: ab}}\n'
    "steps: [{id: s, type: set}]\n",
    "password in a set": steps("{id: a, type: set, config: {db-password: hunter22}}"),
    "key in a list": steps("{id: a, type: set, config: {v: [[sk-abcdefghijklmnopqrst]]}}"),
}
GOODS = {
    "secret input": 'id: a\nversion: "1.0.0"\ninputs: {key: {type: string, x-secret: true}}\n'
    "steps: [{id: s, type: http, config: {url: 'https://api.example.com', auth: {bearer: '{{ inputs.key }}'}}}]\n",
    "names in schemas": 'id: a\nversion: "1.0.0"\ninputs: {n: {type: object, properties: {token: {type: string, '
    "description: a long text}}}}\nsteps: [{id: s, type: set}]\n",
    "codes in capitals": steps("{id: a, type: set, retry: {retry_on: [STEP.TIMEOUT, 5XX, '429']}}"),
    "macro": steps("{id: a, type: set}", more="triggers: [{type: schedule, cron: '@Daily', inputs: {n: 1}}]\n"),
    "template of a password": steps("{id: a, type: set, config: {password: 'not {{ inputs.n }} long'}}"),
}


def refused(text: str) -> bool:
    value: Any = read_source(text).value
    return not VALIDATOR.is_valid(value)


@pytest.mark.parametrize("text", MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_are_seen_in_an_editor(text: str) -> None:
    """What `check` refuses by a word, a pattern or a pair of fields, the schema refuses too."""
    assert not check(text).ok
    assert refused(text)


@pytest.mark.parametrize("text", GOODS.values(), ids=GOODS.keys())
def test_what_is_right_is_not_marked(text: str) -> None:
    """Where the rules end, an editor says nothing."""
    assert not [found for found in check(text).diagnostics if found.severity == "error" and "host" not in found.code]
    assert not refused(text)


@given(CRONS | GOOD)
@settings(max_examples=600, deadline=None)
def test_crons(text: str) -> None:
    """The pattern takes what Temporal reads as it is meant, and ranges that only `check` can compare."""
    problem = cron_problem(text)
    is_beyond = problem is not None and any(part in problem[0] for part in SEEN_BY_CHECK_ALONE)
    if not is_beyond:
        assert (CRON.search(text) is not None) == (problem is None)


@given(DATES)
@settings(max_examples=400, deadline=None)
def test_dates(text: str) -> None:
    """A date that can be read fits; one that fits and cannot be read is a day that its month does not have."""
    try:
        parse_date(text)
    except ExpressionError:
        assert not re.search(DATE, text) or text[8:10] in {"29", "30", "31"} or text.startswith("0000")
    else:
        assert re.search(DATE, text)
