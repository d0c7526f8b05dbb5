"""Mails of definitions: what `check` tells of one is what its template refuses, and nested values are JSON."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.definitions.diagnostic_cases import CATALOGUE, HEAD
from towpath.contracts.core.failure import DeliveryError
from towpath.engine.checks.check import check_text
from towpath.engine.language.shapes import as_object
from towpath.policy.core.mailing import MAIL_TEMPLATES, make_mail


def problems(mail: dict[str, Any]) -> list[str]:
    step = {"id": "a", "type": "multi-channel", "config": {"channels": [{"email": {"to": "a@b.example", **mail}}]}}
    found = check_text(f"{HEAD}steps:\n  - {json.dumps(step)}\n", CATALOGUE).diagnostics
    return [f"{problem.path} {problem.what}: {problem.mend}" for problem in found]


@pytest.mark.parametrize(
    ("mail", "part"),
    [
        ({"data": {"reason": "x"}}, "/email mail template 'plain' needs a subject: add subject: …"),
        ({"subject": "s"}, "/email mail template 'plain' needs data: add data: what the mail says"),
        ({"template": "welcome", "subject": "s"}, "needs data: add data: {body: …}"),
        ({"template": "welcome", "data": {"body": "b"}}, "needs a subject"),
        ({"template": "welcome", "data": {"subject": "s"}}, "/email/data mail template 'welcome' needs 'body'"),
        ({"template": "welcome", "data": {"subject": "s", "body": "b", "bdy": 1}}, "/data/bdy mail template"),
        ({"template": "welcome", "data": {"subject": "s", "body": 5}}, "must be string"),
    ],
)
def test_fields_of_templates_are_checked(mail: dict[str, Any], part: str) -> None:
    """What a template needs and does not take is told at its place, with the mend."""
    assert any(part in problem for problem in problems(mail)), problems(mail)


@pytest.mark.parametrize(
    "mail",
    [
        {"template": "welcome", "data": "{{ inputs.text }}"},
        {"template": "welcome", "data": {"subject": "s", "body": "{{ inputs.text }}"}},
        {"subject": "{{ inputs.text }}", "data": "{{ inputs.n }}"},
        {"subject": "s", "data": {"anything": [1, {"a": None}]}},
    ],
)
def test_good_mails_pass(mail: dict[str, Any]) -> None:
    """What comes from templates is only known when it runs."""
    assert problems(mail) == []


WORDS = st.sampled_from(["", "a", "b c"])
JSON = st.recursive(
    st.one_of(WORDS, st.none(), st.booleans(), st.integers(-9, 9)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(WORDS, inner, max_size=2)),
    max_leaves=4,
)
FIELDS = st.dictionaries(st.sampled_from(["subject", "body", "x"]), st.sampled_from(["", "t"]), max_size=3)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.sampled_from(sorted(MAIL_TEMPLATES)), WORDS, st.one_of(FIELDS, JSON))
def test_what_passes_is_sent(template: str, subject: str, data: Any) -> None:
    """A mail that `check` has nothing against is refused only for a text that is empty; one that is sent was good."""
    told = problems({"template": template, "subject": subject, "data": data})
    try:
        made = make_mail(template, subject, data)
    except DeliveryError:
        assert told or "" in (as_object(data) or {}).values()
        return
    assert all(made)
    assert not any("needs" in problem for problem in told)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b"]), JSON, min_size=1))
def test_plain_writes_json(data: dict[str, Any]) -> None:
    """Each line is a name and a text, or JSON that reads back to the same value."""
    _, body = make_mail("plain", "s", data)
    assert body.count("\n") == len(data) - 1
    for line, (name, value) in zip(body.split("\n"), data.items(), strict=True):
        written = line.removeprefix(f"{name}: ")
        assert written == value if isinstance(value, str) else json.loads(written) == value
