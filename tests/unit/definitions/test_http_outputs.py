"""The `output` of http steps in checks: what of it can be read, and that who does not name it is not touched."""

import pytest

from towpath.engine.checks.check import check_text
from towpath.engine.language.catalogue import DefinitionCatalogue, KnownConnection
from towpath.engine.language.plan import make_plan
from towpath.engine.language.reading import read_definition
from towpath.engine.language.source import read_source

CATALOGUE = DefinitionCatalogue(connections={"all": KnownConnection("all", ("a.example",))})


def written(config: str, read: str, more: str = "") -> str:
    return f"""
id: forms
version: "1.0.0"
steps:
  - {{id: ask, type: http, config: {{url: "https://a.example/x", {config}}}{more}}}
  - {{id: use, type: set, config: {{v: "{{{{ {read} }}}}"}}}}
"""


@pytest.mark.parametrize(
    ("config", "read", "code"),
    [
        ("method: GET", "steps.ask.body.a", None),
        ("method: GET", "steps.ask.request.uri", "read.unknown-field"),
        ("output: body", "steps.ask.a.b", None),
        ("output: body", "steps.ask[0].a", None),
        ("output: body", "steps.ask + 1", None),
        ("output: response", "steps.ask.request.headers.accept", None),
        ("output: response", "steps.ask.request.url", "read.unknown-field"),
        ("output: raw", "upper(steps.ask)", None),
        ("output: raw", "steps.ask.body", "read.unknown-field"),
        ("output: raw", "steps.ask + 1", "expression.type"),
        ("output: content", "steps.ask.body", "field.choice"),
        ('redirect: "no"', "steps.ask.body", "field.value"),
    ],
)
def test_what_can_be_read(config: str, read: str, code: str | None) -> None:
    """Each form has its own parts; a mistake is told where it stands."""
    found = check_text(written(config, read), CATALOGUE)
    assert [problem.code for problem in found.diagnostics] == ([] if code is None else [code])


def test_raw_has_nothing_to_select() -> None:
    """A text has no parts."""
    found = check_text(written("output: raw", "steps.ask", ", select: [body]"), CATALOGUE)
    assert [problem.code for problem in found.diagnostics] == ["select.unknown"]


def test_who_names_no_form_is_untouched() -> None:
    """A config without the new fields is written out as it ever was: what was kept for a redrive stays the same."""
    source = read_source(written("method: GET", "1"))
    definition = read_definition(source)
    assert definition is not None
    config = make_plan(definition).node("ask").written
    assert list(config) == ["url", "method", "headers", "query", "body", "expect", "poll", "timeout", "connection"]
