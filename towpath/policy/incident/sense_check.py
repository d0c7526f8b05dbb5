"""Whether an action makes sense: its conditions can turn out both ways, and its rollback does something else."""

from collections.abc import Sequence

from towpath.contracts.incident.remediation import MetricQuery
from towpath.engine.language.diagnostics import Path, Severity
from towpath.engine.language.source import Source
from towpath.policy.incident.catalogue_file import ActionFile
from towpath.policy.incident.reach import can_fail, can_hold


def check_sense(source: Source, given: ActionFile, metrics: Sequence[MetricQuery]) -> None:
    """Its conditions are known to be conditions over these metrics."""
    if given.verify is not None:
        _both_ways(source, given.verify.condition, ("verify", "condition"), metrics, "verify", "error")
    if given.precondition is not None:
        _both_ways(source, given.precondition, ("precondition",), metrics, "precondition", _weight(given))
    if given.rollback is not None and given.rollback == given.apply:
        mend = "write what takes it back, or leave rollback: out"
        source.report(("rollback",), "rollback.same", "the rollback does once more what apply does", mend)


def _weight(given: ActionFile) -> Severity:
    return "error" if given.approval == "auto" else "warning"


def _both_ways(
    source: Source, condition: str, path: Path, metrics: Sequence[MetricQuery], name: str, weight: Severity
) -> None:
    if not can_hold(condition, metrics):
        what = f"{name} can never be true: it contradicts itself"
        source.report(path, f"{name}.never", what, "compare with numbers that the metrics can reach", at=0)
    elif not can_fail(condition, metrics):
        what = f"{name} is always true: nothing is found out by it"
        source.report(path, f"{name}.always", what, "compare with a number that is crossed", at=0, severity=weight)
