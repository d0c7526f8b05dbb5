"""Checks of the tests of a definition: names, codes, times and inputs that would make a test say nothing."""

from collections.abc import Iterator

from towpath.engine.checks.inputs import accept_inputs
from towpath.engine.checks.marks import durations
from towpath.engine.expression.durations import parse_duration
from towpath.engine.expression.functions import parse_date
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.expression.values import ExpressionError
from towpath.engine.language.definition import CaseAnswer, DefinitionTest
from towpath.engine.language.diagnostics import Diagnostic, Path, has_errors
from towpath.engine.language.plan import Plan
from towpath.engine.language.reading import read_model
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.source import Source, read_source
from towpath.engine.language.steps import HumanTaskConfig, MultiChannelConfig, WaitAnyConfig
from towpath.engine.language.turns import items_around
from towpath.engine.language.vocabulary import CODES


def check_tests(source: Source, plan: Plan, tests: list[DefinitionTest], base: Path) -> None:
    """What is wrong with each test, at its place in the source; `base` is where the list of tests stands."""
    ids = [node.id for node in plan.nodes if not node.anonymous]
    for index, test in enumerate(tests):
        path = (*base, index)
        for place, name, is_key in _named(test):
            if step_of_item(plan, name) is None and not source.is_full:
                hint = did_you_mean(name, ids)[2:]
                what = f"there is no step {name!r}"
                source.report((*path, *place), "test.unknown-step", what, hint, key=is_key)
        for place, code in _codes(test):
            if code not in CODES:
                what, hint = f"no failure has the code {code!r}", did_you_mean(code, CODES)[2:]
                source.report((*path, *place), "test.unknown-code", what, hint or "take a failure code")
        _check_answers(source, plan, test, path)
        _check_outputs(source, plan, test, path)
        _check_times(source, test, path)
        _check_inputs(source, plan, test, path)


def _check_outputs(source: Source, plan: Plan, test: DefinitionTest, path: Path) -> None:
    """A run gives named outputs or a single one, by its definition: what it never gives cannot be expected."""
    is_single = plan.definition.header.output is not None
    if is_single and test.expect.outputs:
        what, mend = "this definition gives one value by its output, and no outputs", "expect it by output: …"
        source.report((*path, "expect", "outputs"), "test.output", what, mend, key=True)
    if not is_single and "output" in test.expect.model_fields_set:
        what, mend = "this definition has no output: it gives outputs by name", "expect them by outputs: {NAME: …}"
        source.report((*path, "expect", "output"), "test.output", what, mend, key=True)


def _check_times(source: Source, test: DefinitionTest, path: Path) -> None:
    for place, text in durations(DefinitionTest, source.value_at(path), path):
        if parse_duration(text) is None:
            source.report(place, "duration.invalid", f"{text!r} is no duration", "write it like 30s, 5m or 24h")
    try:
        parse_date(test.now)
    except ExpressionError:
        what, mend = f"{test.now!r} is no date", "write it as 2026-11-22T09:00:00Z"
        source.report((*path, "now"), "date.invalid", what, mend)


def _check_inputs(source: Source, plan: Plan, test: DefinitionTest, path: Path) -> None:
    if any(problem.path.startswith("/inputs") and problem.severity == "error" for problem in source.diagnostics):
        return
    for problem in accept_inputs(plan.definition.header, test.inputs)[1]:
        mend = "a run with these inputs would not start"
        source.report((*path, "inputs"), "test.inputs", problem, mend, severity="warning")


def _named(test: DefinitionTest) -> Iterator[tuple[Path, str, bool]]:
    """Steps that a test names, and whether each is a key there."""
    for name in test.answers:
        yield ("answers", name), name, True
    for name in test.expect.steps:
        yield ("expect", "steps", name), name, True
    for name in test.expect.chosen:
        yield ("expect", "chosen", name), name, True
    for field in ("undone", "not_undone"):
        for index, name in enumerate(getattr(test.expect, field) or []):
            yield ("expect", field, index), name, False
    for index, operation in enumerate(test.operations):
        for verb in ("skip", "set_output"):
            if getattr(operation, verb) is not None:
                yield ("operations", index, verb), getattr(operation, verb), False


def _check_answers(source: Source, plan: Plan, test: DefinitionTest, path: Path) -> None:
    """Words of an answer that its step does not hear."""
    for place, step, answer in _answers(test):
        named = step_of_item(plan, step)
        if named is None:
            continue
        node = plan.written_node(named)
        kinds = {
            "decisions": isinstance(node.config, (HumanTaskConfig, WaitAnyConfig)),
            "channels": isinstance(node.config, MultiChannelConfig),
            "check": node.step is not None and node.step.check is not None,
            "undo": node.step is not None and node.step.compensate is not None,
            "cached": node.step is not None and node.step.cache is not None,
            "cost": node.step is not None and node.step.type == "claude" and answer.fail is None,
        }
        for word, is_heard in kinds.items():
            if word in answer.model_fields_set and not is_heard:
                what, mend = f"the step {step!r} has no {word}", f"leave {word} out, or name the step that has one"
                source.report((*path, *place, word), "test.unheard", what, mend, severity="warning")


def step_of_item(plan: Plan, name: str) -> str | None:
    """The step that a test means, None when there is none: of one item of a group it is `group/index/step`."""
    *items, step = name.split("/")
    groups, indexes = items[::2], items[1::2]
    if step not in plan.by_id or len(groups) != len(indexes) or not all(map(str.isdigit, indexes)):
        return None
    around = [plan.nodes[group].id for group in items_around(plan, plan.by_id[step])]
    return step if not items or groups == around else None


def _answers(test: DefinitionTest) -> Iterator[tuple[Path, str, CaseAnswer]]:
    for name, given in test.answers.items():
        if isinstance(given, list):
            for index, answer in enumerate(given):
                yield ("answers", name, index), name, answer
        else:
            yield ("answers", name), name, given


def _codes(test: DefinitionTest) -> Iterator[tuple[Path, str]]:
    if test.expect.failure is not None:
        yield ("expect", "failure"), test.expect.failure
    for place, _, answer in _answers(test):
        if answer.fail is not None:
            yield (*place, "fail"), answer.fail
        for channel, code in answer.channels.items():
            yield (*place, "channels", channel), code
        for word, call in (("check", answer.check), ("undo", answer.undo)):
            if call is not None and call.fail is not None:
                yield (*place, word, "fail"), call.fail


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
        case = read_model(source, DefinitionTest, entry, (*base, index))
        if case is not None:
            cases.append(case)
    if not has_errors(source.diagnostics):
        check_tests(source, plan, cases, base)
    return cases, source.diagnostics
