"""What rules are called, and what is told of a row that fails one. Names of columns and bounds, never a value."""

from collections.abc import Sequence

from towpath.contracts.core.wire import clip
from towpath.contracts.pipeline.quality import (
    Custom,
    ForeignKey,
    Freshness,
    InRange,
    InSet,
    Matches,
    NotNull,
    Rule,
    Unique,
    Volume,
)

WHOLE = (Freshness, Volume)
"""Rules over the dataset, which no single row fails."""


def columns_of(rule: Rule) -> tuple[str, ...]:
    """The columns that a rule names; those of an expression are not among them."""
    if isinstance(rule, Unique):
        return rule.columns
    return () if isinstance(rule, Custom | Volume) else (rule.column,)


def rule_names(rules: Sequence[Rule]) -> tuple[str, ...]:
    """The name that a rule was given, or its kind and columns; each name once."""
    names: list[str] = []
    for rule in rules:
        name = rule.name or ".".join((rule.rule, *columns_of(rule)))
        same = sum(known == name or known.startswith(f"{name}#") for known in names)
        names.append(f"{name}#{same + 1}" if same else name)
    return tuple(names)


def describe(rule: Rule) -> str:
    """What must hold, in words."""
    match rule:
        case NotNull():
            held = f"{rule.column}: must not be null"
        case Unique():
            held = f"{', '.join(rule.columns)}: must be unique"
        case InRange():
            held = f"{rule.column}: must be {_range(rule)}"
        case Matches():
            held = f"{rule.column}: must match {rule.pattern}"
        case InSet():
            held = f"{rule.column}: must be one of {', '.join(rule.values)}"
        case ForeignKey():
            held = f"{rule.column}: must be in {rule.source}.{rule.references}"
        case Freshness():
            held = f"{rule.column}: the newest at most {rule.at_most} old"
        case Volume():
            held = f"rows within {rule.deviations:g} standard deviations of the runs before"
        case Custom():
            held = f"must be true: {rule.expression}"
    return clip(held)


def _range(rule: InRange) -> str:
    if rule.minimum is None:
        return "any number" if rule.maximum is None else f"at most {rule.maximum:g}"
    return f"at least {rule.minimum:g}" if rule.maximum is None else f"{rule.minimum:g} to {rule.maximum:g}"
