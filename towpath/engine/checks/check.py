"""Everything that is wrong with a definition, at once: its text, its shape, its graph, its expressions, its names."""

from dataclasses import dataclass, replace

from towpath.engine.checks.document import DocumentChecks
from towpath.engine.checks.expressions import ExpressionChecks
from towpath.engine.checks.steps import StepChecks
from towpath.engine.language.catalogue import DefinitionCatalogue
from towpath.engine.language.diagnostics import MOST_SHOWN, Diagnostic, has_errors
from towpath.engine.language.plan import MOST_NODES, Plan, make_plan
from towpath.engine.language.reading import Definition, read_definition
from towpath.engine.language.source import Source, read_source

MOST_EDGES = 20_000


@dataclass(frozen=True)
class Checked:
    """A text after its checks. `plan` is there when the definition could be read; it may be used when `ok`."""

    source: Source
    definition: Definition | None
    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def ok(self) -> bool:
        return self.plan is not None and not has_errors(self.diagnostics)


def check_text(text: str | bytes, catalogue: DefinitionCatalogue) -> Checked:
    """Never raises: whatever a text holds ends in diagnostics."""
    source = read_source(text)
    definition = read_definition(source)
    plan = None if definition is None else _planned(source, definition, catalogue)
    return Checked(source, definition, plan, told(source.diagnostics))


def _planned(source: Source, definition: Definition, catalogue: DefinitionCatalogue) -> Plan | None:
    plan = make_plan(definition)
    edges = sum(len(node.needs) for node in plan.nodes)
    if plan.is_cut or len(plan.nodes) > MOST_NODES or edges > MOST_EDGES:
        what = f"{len(plan.nodes):,} steps with {edges:,} needs"
        mend = f"at most {MOST_NODES:,} and {MOST_EDGES:,}: split it into several definitions"
        source.report(("steps",), "steps.too-many", what, mend)
        return None
    expressions = ExpressionChecks(source, plan, catalogue)
    steps = StepChecks(source, plan, catalogue, expressions)
    for node in plan.nodes:
        if source.is_full:
            return plan
        steps.check(node)
    DocumentChecks(source, plan, catalogue, expressions, steps).check()
    return plan


def told(diagnostics: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Each once, by place, and no more of them than a person reads."""
    found = sorted(set(diagnostics))
    if len(found) <= MOST_SHOWN:
        return tuple(found)
    errors = [problem for problem in found if problem.severity == "error"] or found
    shown = errors[:MOST_SHOWN]
    last = replace(
        shown[-1], code="too-many", what=f"and {len(found) - len(shown)} more problems", mend="mend these first"
    )
    return (*shown, last)
