"""Tests of a definition that stand in a file beside it."""

from pydantic import ValidationError

from towpath.engine.checks.tests import check_tests
from towpath.engine.language.definition import DefinitionTest
from towpath.engine.language.diagnostics import Diagnostic, has_errors
from towpath.engine.language.plan import Plan
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.source import read_source


def read_cases(text: bytes, plan: Plan) -> tuple[list[DefinitionTest], list[Diagnostic]]:
    """The tests under `tests:`, or of a list of them; and what is wrong with the file, also for this definition."""
    source = read_source(text)
    fields = as_object(source.value)
    base = () if fields is None else ("tests",)
    entries = as_list(source.value if fields is None else fields.get("tests"))
    if entries is None:
        source.report((), "tests.type", "this is no list of tests", "begin with tests:")
        return [], source.diagnostics
    cases: list[DefinitionTest] = []
    for index, entry in enumerate(entries):
        try:
            cases.append(DefinitionTest.model_validate(entry))
        except ValidationError as error:
            for problem in error.errors():
                place = (*base, index, *problem["loc"])
                source.report(place, "tests.value", problem["msg"].lower(), "see docs/definitions.md")
    if not has_errors(source.diagnostics):
        check_tests(source, plan, cases, base)
    return cases, source.diagnostics
