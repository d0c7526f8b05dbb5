"""The reports of an evaluation as tables for people and as one JSON document."""

import json
from collections.abc import Sequence
from decimal import Decimal

from pydantic import JsonValue
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.measure import percentile
from tests.evaluations.kinds import KindResult
from tests.evaluations.properties import CaseReport

NO_PRICE = "no price"
WHY = 110
"""Characters of a reason that a table shows; `--json` holds all of it."""


def rate(reports: Sequence[CaseReport]) -> float:
    """Share of all properties asked for that hold; 1 when none is asked for."""
    asked = sum(len(report.properties) for report in reports)
    return sum(report.passed for report in reports) / asked if asked else 1.0


def by_property(reports: Sequence[CaseReport]) -> dict[str, tuple[int, int]]:
    """Of each property, in how many cases it holds, and in how many it was asked for."""
    found: dict[str, tuple[int, int]] = {}
    for one in (one for report in reports for one in report.properties):
        holds, asked = found.get(one.name, (0, 0))
        found[one.name] = holds + one.holds, asked + 1
    return found


def usd(reports: Sequence[CaseReport]) -> Decimal | None:
    """What the reports cost; None where a part of it has no known price."""
    known = [report.usd for report in reports if report.usd is not None]
    return sum(known, Decimal(0)) if len(known) == len(reports) else None


def show(console: Console, process: str, answered_by: str, reports: Sequence[CaseReport]) -> None:
    """Properties and cases of the model's answers, and whatever is not as it should be."""
    asked = [report for report in reports if not report.by_code]
    if asked:
        console.rule(escape(f"{process}, answered by {answered_by}"))
        _show_properties(console, asked)
        _show_cases(console, asked)
    _show_failures(console, reports)


def show_kinds(console: Console, kinds: Sequence[KindResult]) -> None:
    """How many cases of each kind were right, with the totals of each process."""
    table = Table("process", "kind", "answered by", "cases", "right", "wrong", "undecided", "demanded")
    for process in dict.fromkeys(kind.process for kind in kinds):
        mine = [kind for kind in kinds if kind.process == process]
        for kind in mine:
            counts = map(str, (kind.cases, kind.right, kind.wrong, kind.undecided))
            demanded = (
                f"{kind.least:.0%}{', below it' if kind.is_below else ''}" if kind.is_whole else "of all its cases"
            )
            table.add_row(process, kind.kind, escape(kind.answered_by), *counts, demanded)
        counted = [(kind.cases, kind.right, kind.wrong, kind.undecided) for kind in mine]
        totals = map(str, map(sum, zip(*counted, strict=True)))
        table.add_row(process, "all", "", *totals, "", end_section=True)
    console.print(table)


def as_json(answered_by: str, reports: Sequence[CaseReport], kinds: Sequence[KindResult] = ()) -> str:
    processes: dict[str, JsonValue] = {}
    for process in dict.fromkeys(report.process for report in reports):
        mine = [report for report in reports if report.process == process]
        chosen = [report for report in mine if not report.by_code]
        seconds = [report.seconds for report in chosen]
        cost = usd(chosen)
        properties = {name: {"holds": holds, "of": of} for name, (holds, of) in by_property(chosen).items()}
        processes[process] = {
            "rate": round(rate(chosen), 4),
            "properties": {name: dict[str, JsonValue](counts) for name, counts in properties.items()},
            "usd": None if cost is None else float(cost),
            "seconds": _times(seconds),
            "cases": [report.as_json() for report in chosen],
            "decided_by_code": [report.as_json() for report in mine if report.by_code],
            "kinds": [kind.as_json() for kind in kinds if kind.process == process],
        }
    document: dict[str, JsonValue] = {
        "answered_by": answered_by,
        "rate": round(rate([report for report in reports if not report.by_code]), 4),
        "processes": processes,
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def _times(seconds: Sequence[float]) -> dict[str, JsonValue]:
    if not seconds:
        return {}
    return {"mean": round(sum(seconds) / len(seconds), 2), "p95": round(percentile(seconds, 0.95), 2)}


def _show_properties(console: Console, reports: Sequence[CaseReport]) -> None:
    table = Table("property", "holds", "of", "rate")
    for name, (holds, asked) in by_property(reports).items():
        table.add_row(name, str(holds), str(asked), f"{holds / asked:.0%}")
    console.print(table)


def _show_cases(console: Console, reports: Sequence[CaseReport]) -> None:
    table = Table("case", "holds", "fails", "calls", "tokens in", "tokens out", "cost", "seconds")
    for report in reports:
        failed = ", ".join(one.name for one in report.properties if not one.holds)
        table.add_row(report.case, f"{report.passed}/{len(report.properties)}", failed, *_used([report]))
    seconds = [report.seconds for report in reports]
    passed, asked = sum(report.passed for report in reports), sum(len(report.properties) for report in reports)
    *used, _ = _used(reports)
    times = f"mean {sum(seconds) / len(seconds):.1f}, p95 {percentile(seconds, 0.95):.1f}"
    table.add_section()
    table.add_row("all", f"{passed}/{asked}", f"{rate(reports):.0%} hold", *used, times)
    console.print(table)


def _used(reports: Sequence[CaseReport]) -> tuple[str, ...]:
    cost = usd(reports)
    return (
        str(sum(report.calls for report in reports)),
        f"{sum(report.input_tokens for report in reports):,}",
        f"{sum(report.output_tokens for report in reports):,}",
        NO_PRICE if cost is None else f"{cost:.4f} USD",
        f"{sum(report.seconds for report in reports):.1f}",
    )


def _show_failures(console: Console, reports: Sequence[CaseReport]) -> None:
    table = Table("case", "does not hold", "found")
    for report in reports:
        for one in report.properties:
            if not one.holds:
                why = one.why if len(one.why) <= WHY else f"{one.why[:WHY]}…"
                table.add_row(report.case, one.name, escape(why))
    if table.rows:
        console.print(table)
