"""`starter.py definition test`: a definition's own tests, in memory."""

from pathlib import Path
from typing import Annotated, Any

import typer

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.definition.reading import File, checked_plan
from towpath.cli.files import read_bytes
from towpath.cli.terminal import Exit, console, fail
from towpath.engine.checks.tests import read_cases
from towpath.engine.language.diagnostics import has_errors
from towpath.engine.language.plan import Plan
from towpath.engine.trial.matrix import fault_matrix
from towpath.engine.trial.simulate import run_case
from towpath.engine.trial.unplayed import unplayed
from towpath.functions.library import PURE

app = typer.Typer()


@app.command("test")
def try_out(
    file: File,
    matrix: Annotated[bool, typer.Option(help="Also let each step fail, time out and be skipped.")] = True,
    as_json: JsonFlag = False,
) -> None:
    """Run a definition's own tests in memory, with no Temporal, and every fault of every step; print the coverage."""
    found = checked_plan(file)
    tests = [*found.definition.header.tests, *_tests_beside(file, found)]
    results = [(case.name, run_case(found, case, PURE)) for case in tests]
    report = fault_matrix(found, tests, PURE) if matrix else None
    open_ends = unplayed(found, tests)
    if as_json:
        show_json(
            {
                "tests": [
                    {"name": name, "ok": result.ok, "problems": list(result.problems)} for name, result in results
                ],
                "matrix": None if report is None else report.as_json(),
                "unplayed": open_ends,
            }
        )
    else:
        for name, result in results:
            console.print(f"{'✓' if result.ok else '✗'} {name}", markup=False)
            for problem in result.problems:
                console.print(f"    {problem}", markup=False, soft_wrap=True)
        if not results:
            console.print("There are no tests: add a `tests:` block, or a file NAME.tests.yaml beside it.")
        if report is not None:
            console.print("", *report.lines(), sep="\n", markup=False, soft_wrap=True)
        for what in open_ends:
            console.print(f"Not played here: {what}", markup=False, soft_wrap=True)
    if not all(result.ok for _, result in results) or (report is not None and not report.ok):
        raise typer.Exit(Exit.REFUSED)


def _tests_beside(file: Path, plan: Plan) -> list[Any]:
    """Tests in NAME.tests.yaml beside a definition."""
    beside = file.with_suffix(".tests.yaml")
    if str(file) == "-" or not beside.is_file():
        return []
    cases, wrong = read_cases(read_bytes(beside), plan)
    if has_errors(wrong):
        fail(Exit.WRONG_INPUT, *(problem.line_of(str(beside)) for problem in wrong))
    return cases
