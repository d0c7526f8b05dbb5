"""The schema for editors: it needs no network, refuses nothing good, and finds every mistake that a schema can."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.unit.definitions.diagnostic_cases import CASES, SHIPPED, check
from towpath.engine.language.schema import language_schema
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.source import read_source

VALIDATOR = Draft202012Validator(language_schema())
BEYOND = frozenset(
    [
        "source.leading-zero",
        "steps.too-deep",
        "steps.too-many",
        "step.duplicate",
        "needs.unknown",
        "graph.cycle",
        *("back.unknown", "back.endless", "back.too-many", "back.crossing", "back.entered"),
        "join.dead",
        "step.unreachable",
        "read.unknown",
        "read.unknown-input",
        "read.unknown-step",
        "read.unknown-field",
        "read.not-before",
        "read.maybe-skipped",
        "read.maybe-missing",
        "read.default-lacks",
        "read.computed-step",
        *("read.of-item", "needs.across"),
        "expression.syntax",
        "expression.name",
        "expression.limit",
        "expression.value",
        "expression.leading-zero",
        "expression.type",
        "channel.unknown",
        "template.unknown",
        "action.unknown",
        "task.quorum",
        "task.offer",
        "team.unknown",
        "handler.unknown",
        *("document.frozen", "document.not-fetched", "document.unusable", "document.server", "document.too-large"),
        *("document.unknown", "operation.unknown", "operation.unusable", "param.secret"),
        "service.unknown",
        "method.unknown",
        *("schema.dialect", "schema.too-deep", "schema.too-large"),
        "param.unknown",
        "param.missing",
        "param.value",
        "model.unknown",
        "model.retired",
        "model.ending",
        "connection.unknown",
        "host.not-allowed",
        "host.template",
        "host.https-only",
        "definition.unknown",
        "secret.place",
        "secret.name",
        "cron.clock-change",
        "timezone.unknown",
        "trigger.input-missing",
        "trigger.duplicate",
        "input.unknown",
        "input.default",
        "test.unknown-step",
        "test.unheard",
        "test.inputs",
        "select.unknown",
        "group.no-effect",
        "auth.secret",
        "emit.circle",
        "for-each.name",
    ]
)
"""No schema can find them: they need the text itself, another place of the document, the language of expressions, or
what the installation knows.
"""


def references(value: Any) -> Iterator[str]:
    fields = as_object(value) or {}
    if isinstance(fields.get("$ref"), str):
        yield fields["$ref"]
    for item in (*fields.values(), *(as_list(value) or ())):
        yield from references(item)


def test_it_refers_to_nothing_outside() -> None:
    """Every reference leads to a definition of the schema itself, which is a good one."""
    schema = language_schema()
    Draft202012Validator.check_schema(schema)
    assert {found for found in references(schema) if found.removeprefix("#/$defs/") not in schema["$defs"]} == set()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_good_definitions_pass(path: Path) -> None:
    """What ships is good in an editor too."""
    value = read_source(path.read_text(encoding="utf-8")).value
    assert [error.message for error in VALIDATOR.iter_errors(value)] == []


def test_every_mistake_is_found_that_a_schema_can_find() -> None:
    """The cases of all diagnostics: what the schema lets pass is on the list, and the list holds nothing else."""
    missed: set[str] = set()
    for code, text, *_ in CASES:
        source = read_source(text)
        if source.value is not None and VALIDATOR.is_valid(source.value):
            missed.add(code)
    assert missed == BEYOND


def test_it_refuses_only_what_check_refuses() -> None:
    """No case that `check` finds good, or only warns of, is a mistake in an editor."""
    for code, text, *_ in CASES:
        if check(text).ok:
            errors = [error.message[:80] for error in VALIDATOR.iter_errors(read_source(text).value)]
            assert errors == [], code
