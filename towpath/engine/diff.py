"""Placeholder."""

from dataclasses import dataclass

from towpath.engine.reading import Definition


@dataclass(frozen=True)
class Change:
    what: str


@dataclass(frozen=True)
class Comparison:
    changes: tuple[Change, ...] = ()
    risk: str = "low"


def compare(old: Definition, new: Definition) -> Comparison:
    return Comparison()


def bump_problem(old: str, new: str, comparison: Comparison) -> str | None:
    return None
