"""Every fault of every step, tried in memory, and which branches the tests and the faults took."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from towpath.engine.checks.inputs import accept_inputs
from towpath.engine.language.definition import DefinitionTest, Expectation
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.run.evaluation import PureFunctions
from towpath.engine.trial.simulate import CaseResult, StepFault, run_case

WAITS = "waits for ever"
KINDS = ("fails", "fails after its effect", "times out", "skipped")


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault of one step, and how the run ended."""

    step: str
    fault: str
    status: str
    undone: tuple[str, ...]
    fell_back: int
    problem: str = ""
    not_undone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MatrixReport:
    """`taken` and `branches` are branches as `condition:branch`; `note` says why a matrix could not be made."""

    cells: tuple[Cell, ...]
    branches: tuple[str, ...]
    taken: frozenset[str]
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether every run came to an end."""
        return all(not cell.problem for cell in self.cells)

    @property
    def missed(self) -> list[str]:
        return [branch for branch in self.branches if branch not in self.taken]

    @property
    def coverage_percent(self) -> float:
        return 100.0 if not self.branches else 100 * (len(self.branches) - len(self.missed)) / len(self.branches)

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "note": self.note,
            "cells": [
                {
                    "step": cell.step,
                    "fault": cell.fault,
                    "status": cell.status,
                    "undone": list(cell.undone),
                    "not_undone": list(cell.not_undone),
                    "fallbacks": cell.fell_back,
                    "problem": cell.problem,
                }
                for cell in self.cells
            ],
            "branch_coverage_percent": round(self.coverage_percent, 1),
            "branches_missed": self.missed,
        }

    def lines(self) -> list[str]:
        """For a terminal: a line for each step, then the coverage."""
        if self.note:
            return [self.note]
        width = max((len(cell.step) for cell in self.cells), default=0)
        found = [f"{'step':<{width}}  " + "".join(f"{f'{kind} →':<36}" for kind in KINDS).rstrip()]
        for step in dict.fromkeys(cell.step for cell in self.cells):
            ends = {cell.fault: _end(cell) for cell in self.cells if cell.step == step}
            found.append(f"{step:<{width}}  " + "".join(f"{ends[kind]:<36}" for kind in KINDS).rstrip())
        missed = f"; never taken: {', '.join(self.missed)}" if self.missed else ""
        found += ["", f"branch coverage {self.coverage_percent:.0f} % of {len(self.branches)} branches{missed}"]
        return found


def fault_matrix(plan: Plan, tests: Sequence[DefinitionTest], functions: PureFunctions) -> MatrixReport:
    """Each step fails before and after its effect, times out and is skipped, each in the first test that reaches it;
    every run must end.
    """
    bases = list(tests) or _without_inputs(plan)
    if not bases:
        return MatrixReport((), (), frozenset(), "The matrix needs a test with inputs: add one under tests:.")
    results = [run_case(plan, test, functions) for test in bases]
    taken: set[str] = set()
    for result in results:
        taken |= _taken(plan, result)
    cells: list[Cell] = []
    for node in plan.steps():
        if node.kind != "step":
            continue
        base = next((test for test, seen in zip(bases, results, strict=True) if _reached(seen, node)), bases[0])
        for kind in KINDS:
            result = run_case(plan, base, functions, StepFault(node.id, kind))
            taken |= _taken(plan, result)
            cells.append(_cell(node.id, kind, result))
    return MatrixReport(tuple(cells), tuple(_branches(plan)), frozenset(taken))


def _cell(step: str, kind: str, result: CaseResult) -> Cell:
    """A step without a time limit does not time out: its run goes on waiting, which is no mistake of the scheduler."""
    waits = kind == "times out" and result.status == "stuck" and result.states.get(step, "").startswith("running")
    status, problem = (WAITS, "") if waits else (result.status, "; ".join(result.problems))
    return Cell(step, kind, status, tuple(result.undone), result.fell_back, problem, tuple(result.not_undone))


def _without_inputs(plan: Plan) -> list[DefinitionTest]:
    """A run with nothing but defaults, where the definition allows that."""
    _, problems = accept_inputs(plan.definition.header, {})
    return [] if problems else [DefinitionTest(name="defaults", expect=Expectation())]


def _reached(result: CaseResult, node: PlanNode) -> bool:
    return result.states.get(node.id) not in {"pending", "skipped"}


def _branches(plan: Plan) -> list[str]:
    """All ways that a run can go: branches of conditions, and both values of every `when`."""
    found: list[str] = []
    for node in plan.steps():
        found.extend(f"{node.id}:{name}" for name in node.branches)
        if node.step is not None and node.step.when is not None:
            found += [f"{node.id}:when", f"{node.id}:not"]
    return found


def _taken(plan: Plan, result: CaseResult) -> set[str]:
    found = {f"{step.rpartition('/')[2]}:{branch}" for step, branch in result.branches.items()}
    conditional = {node.id for node in plan.steps() if node.step is not None and node.step.when is not None}
    for name, state in result.states.items():
        step = name.rpartition("/")[2]
        if step in conditional and state == "skipped":
            found.add(f"{step}:not")
        elif step in conditional and state != "pending" and " in " not in state:
            found.add(f"{step}:when")
    return found


def _end(cell: Cell) -> str:
    if cell.problem:
        return f"STUCK: {cell.problem}"[:34]
    undone = f", undoes {len(cell.undone)}" if cell.undone else ""
    stays = f", leaves {len(cell.not_undone)}" if cell.not_undone else ""
    return f"{cell.status}{undone}{stays}"
