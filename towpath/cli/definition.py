"""`starter.py definition check | plan | test | publish | list | show | diff | schema`."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.text import Text

from towpath.cli.definition_views import list_published, show_published, split_target
from towpath.cli.terminal import Exit, JsonFlag, client, console, fail, problems, run, settings, show_json
from towpath.config.catalog import make_catalog
from towpath.config.connections import Connections, ConnectionsFileError
from towpath.config.reviewers import ReviewerDirectory, ReviewersFileError
from towpath.contracts.declared.published import Publication
from towpath.control.definitions import DefinitionError, Definitions, make_request
from towpath.control.schedules import Schedules
from towpath.engine.checks.cases import read_cases
from towpath.engine.checks.check import Checked, check_text
from towpath.engine.checks.inputs import inputs_schema
from towpath.engine.checks.loading import digest, load_plan
from towpath.engine.language.catalog import Catalog
from towpath.engine.language.definition import ScheduleTrigger
from towpath.engine.language.diagnostics import excerpt, has_errors, without_secrets
from towpath.engine.language.diff import compare
from towpath.engine.language.graph import mermaid, text_graph
from towpath.engine.language.plan import Plan
from towpath.engine.language.schema import language_schema
from towpath.engine.run.matrix import fault_matrix
from towpath.engine.run.simulate import run_case
from towpath.functions.library import PURE

File = Annotated[Path, typer.Argument(help="The definition, in YAML or JSON; `-` reads stdin.", metavar="FILE")]
Files = Annotated[list[Path], typer.Argument(help="Definitions, in YAML or JSON.", metavar="FILE…")]
Target = Annotated[str, typer.Argument(help="A file, ID, or ID@VERSION.", metavar="FILE|ID[@VERSION]")]

app = typer.Typer(no_args_is_help=True, help="Definitions of workflows: check, look at, try out, and publish them.")


@app.command("check")
def check(files: Files, as_json: JsonFlag = False) -> None:
    """Everything that is wrong with definitions: where, what, and how to mend it. Nothing is started."""
    catalog = catalog_of_this_place()
    checked = {str(path): check_text(read(path), catalog) for path in files}
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


@app.command("publish")
def publish(
    file: File,
    by: Annotated[str, typer.Option(help="Who publishes it.")],
    note: Annotated[str, typer.Option(help="What changed and why.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Check a definition and publish it. Runs under way keep theirs; schedules are made what it says."""
    text = read(file)
    found = _without_errors(str(file), check_text(text, catalog_of_this_place()))
    run(_publish(str(file), found, text, by, note, as_json=as_json))


@app.command("list")
def list_definitions(as_json: JsonFlag = False) -> None:
    """Published definitions, with their latest version."""
    run(list_published(as_json=as_json))


@app.command("show")
def show(
    target: Annotated[str, typer.Argument(metavar="ID[@VERSION]")],
    source: Annotated[bool, typer.Option("--source", help="Only its text, as it was published.")] = False,
    around: Annotated[
        str | None, typer.Option(help="A day (2027-03-28): show the firings of its schedules around it.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """The versions of a published definition, and when its schedules fire next."""
    run(show_published(target, _day(around), source=source, as_json=as_json))


@app.command("diff")
def diff(old: Target, new: Target, as_json: JsonFlag = False) -> None:
    """What changed between two definitions, in meaning and not in text, and how risky that is."""
    run(_diff(old, new, as_json=as_json))


@app.command("schema")
def schema() -> None:
    """JSON Schema of the language, for editors."""
    show_json(language_schema())


def read(path: Path) -> bytes:
    try:
        return typer.get_binary_stream("stdin").read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        fail(Exit.WRONG_INPUT, f"{path}: cannot be read: {error.strerror}")


def catalog_of_this_place() -> Catalog:
    """What the functions, services and files here let a definition name."""
    own = settings()
    try:
        connections = Connections.load(own.connections_file)
        directory = ReviewerDirectory.load(own.reviewers_file)
    except (ConnectionsFileError, ReviewersFileError) as error:
        fail(Exit.WRONG_INPUT, *str(error).splitlines())
    return make_catalog(connections, frozenset({*own.team_channels, *directory.teams()}))


def tell_problems(name: str, found: Checked) -> None:
    """A line for each problem, with its excerpt on a terminal."""
    text = without_secrets(found.source.text, found.diagnostics)
    for problem in found.diagnostics:
        told = Text(problem.line_of(name))
        told.highlight_words([problem.code], "bold red" if problem.severity == "error" else "bold yellow")
        problems.print(told, soft_wrap=True)
        if problems.is_terminal:
            line, _, carets = excerpt(problem, text).partition("\n")
            problems.print(Text.assemble((line, "dim"), "\n", (carets, "red")), soft_wrap=True)


def is_file(target: str) -> bool:
    """Whether a target names a file and no published definition."""
    return target == "-" or Path(target).suffix in {".yaml", ".yml", ".json"}


async def _check_children(file: str, plan: Plan, text: bytes, definitions: Definitions) -> None:
    """The definitions that its steps run must be published, and take the inputs that they are given."""
    header = plan.definition.header
    steps = (node.step for node in plan.nodes if node.step is not None)
    named = {str(step.config["id"]) for step in steps if step.type == "workflow"}
    if not named - {header.id}:
        return
    known = {**await definitions.schemas(named), header.id: inputs_schema(header)}
    catalog = replace(catalog_of_this_place(), definitions=known)
    _without_errors(file, check_text(text, catalog))


def checked_plan(file: Path) -> Plan:
    return plan_of(_without_errors(str(file), check_text(read(file), catalog_of_this_place())))


def plan_of(found: Checked) -> Plan:
    if found.plan is None:
        raise RuntimeError("a definition without errors has a plan")
    return found.plan


def _without_errors(name: str, found: Checked) -> Checked:
    if not found.ok:
        tell_problems(name, found)
        raise typer.Exit(Exit.REFUSED)
    return found


def _summary(name: str, found: Checked) -> None:
    errors = sum(problem.severity == "error" for problem in found.diagnostics)
    warnings = len(found.diagnostics) - errors
    if errors == 0 and found.plan is not None:
        header = found.plan.definition.header
        count = sum(1 for _ in found.plan.steps())
        told = f", {warnings} warnings" if warnings else ""
        console.print(
            f"{name}: {header.id}@{header.version} is good: {count} steps{told}", markup=False, soft_wrap=True
        )
    else:
        problems.print(f"{name}: {errors} errors, {warnings} warnings", markup=False, soft_wrap=True)


def _tests_beside(file: Path, plan: Plan) -> list[Any]:
    """Tests in NAME.tests.yaml beside a definition."""
    beside = file.with_suffix(".tests.yaml")
    if str(file) == "-" or not beside.is_file():
        return []
    cases, wrong = read_cases(beside.read_bytes(), plan)
    if has_errors(wrong):
        fail(Exit.WRONG_INPUT, *(problem.line_of(str(beside)) for problem in wrong))
    return cases


async def _publish(file: str, found: Checked, text: bytes, by: str, note: str, *, as_json: bool) -> None:
    temporal = await client()
    plan = plan_of(found)
    await _check_children(file, plan, text, Definitions(temporal))
    document: dict[str, Any] = found.source.value
    name = plan.definition.header.id
    publication = Publication(
        document=document, source=text.decode("utf-8-sig"), digest=digest(document), by=by, note=note
    )
    try:
        published = await Definitions(temporal).publish(name, publication)
    except DefinitionError as error:
        fail(Exit.REFUSED, f"{name}: not published: {error}")
    request = make_request(document, publication.digest, None).model_copy(
        update={"sinks": tuple(settings().event_sinks)}
    )
    done = await Schedules(temporal).reconcile(plan, request)
    if as_json:
        show_json({"id": name, **published.model_dump(mode="json"), "schedules": done})
        return
    version = published.version
    what = "published" if published.new else "was published already"
    console.print(f"{name}@{version.version} {what} ({version.digest[:12]})", markup=False)
    for change in version.changes:
        console.print(f"  {change}", markup=False, soft_wrap=True)
    if version.risk:
        console.print(f"  risk of the change: {version.risk}")
    for line in done:
        console.print(f"  schedule: {line}", markup=False)


async def _diff(old: str, new: str, *, as_json: bool) -> None:
    before, after = await _plan_of_target(old), await _plan_of_target(new)
    comparison = compare(before.definition, after.definition)
    if as_json:
        show_json(comparison.as_json())
        return
    for change in comparison.changes:
        console.print(f"{change.risk:>6}  {change.what}", markup=False, soft_wrap=True)
    if not comparison.changes:
        console.print("Nothing that matters changed.")
    console.print(f"risk: {comparison.risk}; version bump needed: {comparison.required_bump}")


async def _plan_of_target(target: str) -> Plan:
    if is_file(target):
        return checked_plan(Path(target))
    name, version = split_target(target)
    try:
        found = await Definitions(await client()).version(name, version)
    except DefinitionError as error:
        fail(Exit.NOT_FOUND, str(error))
    if found.document is None:
        fail(Exit.NOT_FOUND, f"the text of {target} is not kept any more")
    return load_plan(found.digest, found.document)


def _day(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        _wrong_day(text)


def _wrong_day(text: str) -> NoReturn:
    fail(Exit.WRONG_INPUT, f"--around: {text!r} is no day: write it like 2027-03-28")
