"""`starter.py definition check | plan | schema`: what needs no Temporal and runs nothing."""

from pathlib import Path
from typing import Annotated

import typer

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.definition.reading import File, check_file, checked_plan, tell_problems
from towpath.cli.terminal import Exit, console, problems
from towpath.engine.checks.check import Checked
from towpath.engine.language.definition import ScheduleTrigger
from towpath.engine.language.graph import mermaid, text_graph
from towpath.engine.language.schema import language_schema
from towpath.views.wording import count

Files = Annotated[list[Path], typer.Argument(help="Definitions, in YAML or JSON.", metavar="FILE…")]
app = typer.Typer()


@app.command("check")
def check(files: Files, as_json: JsonFlag = False) -> None:
    """Everything that is wrong with definitions: where, what, and how to mend it. Nothing is started."""
    checked = {str(path): check_file(path).found for path in files}
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
