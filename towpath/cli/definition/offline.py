"""`starter.py definition check | plan | test | schema`: what needs no Temporal."""

from pathlib import Path
from typing import Annotated, Any

import typer

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.definition.reading import File, catalogue_of_this_place, checked_plan, tell_problems
from towpath.cli.files import read_bytes
from towpath.cli.terminal import Exit, console, fail, problems
from towpath.engine.checks.cases import read_cases
from towpath.engine.checks.check import Checked, check_text
from towpath.engine.language.definition import ScheduleTrigger
from towpath.engine.language.diagnostics import has_errors
from towpath.engine.language.graph import mermaid, text_graph
from towpath.engine.language.plan import Plan
from towpath.engine.language.schema import language_schema
from towpath.engine.run.matrix import fault_matrix
from towpath.engine.run.simulate import run_case
from towpath.functions.library import PURE
from towpath.views.wording import count

Files = Annotated[list[Path], typer.Argument(help="Definitions, in YAML or JSON.", metavar="FILE…")]
app = typer.Typer()


@app.command("check")
def check(files: Files, as_json: JsonFlag = False) -> None:
    """Everything that is wrong with definitions: where, what, and how to mend it. Nothing is started."""
    catalogue = catalogue_of_this_place()
    checked = {str(path): check_text(read_bytes(path), catalogue) for path in files}
    if as_json:
        show_json(
            [
                {"file": name, "ok": found.ok, "diagnostics": [problem.as_json() for problem in found.diagnostics]}
                for name, found in checked.items()
            ]
        )
    for name, found in checked.items():
        if not as_json:
            tell_problems(name, found)
            _summary(name, found)
    if not all(found.ok for found in checked.values()):
        raise typer.Exit(Exit.REFUSED)


@app.command("plan")
def plan(
    file: File,
    as_mermaid: Annotated[bool, typer.Option("--mermaid", help="Only the graph, as Mermaid.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """The graph of a definition: what waits for what, as text and as Mermaid; and when its schedules fire next."""
    found = checked_plan(file)
    if as_mermaid:
        console.print(mermaid(found), markup=False, soft_wrap=True)
        return
    if as_json:
        steps = [
            {
                "id": node.id,
                "type": node.kind if node.step is None else node.step.type,
                "needs": [found.nodes[need].id for need in node.needs],
                "branch_of": None if node.guard is None else [found.nodes[node.guard[0]].id, node.guard[1]],
            }
            for node in found.nodes
        ]
        show_json({"id": found.definition.header.id, "steps": steps, "mermaid": mermaid(found)})
        return
    console.print(*text_graph(found), "", "Mermaid:", mermaid(found), sep="\n", markup=False, soft_wrap=True)
    for trigger, _ in found.definition.triggers:
        if isinstance(trigger, ScheduleTrigger):
            console.print("", f"Schedule {trigger.cron} ({trigger.timezone}): published, `definition show` tells when")


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
    if as_json:
        show_json(
            {
                "tests": [
                    {"name": name, "ok": result.ok, "problems": list(result.problems)} for name, result in results
                ],
                "matrix": None if report is None else report.as_json(),
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
    if not all(result.ok for _, result in results) or (report is not None and not report.ok):
        raise typer.Exit(Exit.REFUSED)


@app.command("schema")
def schema(as_json: JsonFlag = True) -> None:
    """JSON Schema of the language, for editors."""
    del as_json  # it has no other form
    show_json(language_schema())


def _summary(name: str, found: Checked) -> None:
    errors = sum(problem.severity == "error" for problem in found.diagnostics)
    warnings = len(found.diagnostics) - errors
    if errors == 0 and found.plan is not None:
        header = found.plan.definition.header
        steps = count(sum(1 for _ in found.plan.steps()), "step")
        told = f", {count(warnings, 'warning')}" if warnings else ""
        console.print(f"{name}: {header.id}@{header.version} is good: {steps}{told}", markup=False, soft_wrap=True)
    else:
        wrong = f"{count(errors, 'error')}, {count(warnings, 'warning')}"
        problems.print(f"{name}: {wrong}", markup=False, soft_wrap=True)


def _tests_beside(file: Path, plan: Plan) -> list[Any]:
    """Tests in NAME.tests.yaml beside a definition."""
    beside = file.with_suffix(".tests.yaml")
    if str(file) == "-" or not beside.is_file():
        return []
    cases, wrong = read_cases(read_bytes(beside), plan)
    if has_errors(wrong):
        fail(Exit.WRONG_INPUT, *(problem.line_of(str(beside)) for problem in wrong))
    return cases
