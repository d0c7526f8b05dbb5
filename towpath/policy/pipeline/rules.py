"""What rules are called, and what is told of a row that fails one. Names of columns and bounds, never a value."""

from collections.abc import Sequence
from functools import singledispatch

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
    return clip(_described(rule))


@singledispatch
def _described(rule: Rule) -> str:
    return rule.rule


@_described.register
def _(rule: NotNull) -> str:
    return f"{rule.column}: must not be null"


@_described.register
def _(rule: Unique) -> str:
    return f"{', '.join(rule.columns)}: must be unique"


@_described.register
def _(rule: InRange) -> str:
    return f"{rule.column}: must be {_range(rule)}"


@_described.register
def _(rule: Matches) -> str:
    return f"{rule.column}: must match {rule.pattern}"


@_described.register
def _(rule: InSet) -> str:
    return f"{rule.column}: must be one of {', '.join(rule.values)}"


@_described.register
def _(rule: ForeignKey) -> str:
    return f"{rule.column}: must be in {rule.source}.{rule.references}"


@_described.register
def _(rule: Freshness) -> str:
    return f"{rule.column}: the newest at most {rule.at_most} old"


@_described.register
def _(rule: Volume) -> str:
    return f"rows within {rule.deviations:g} standard deviations of the runs before"


@_described.register
def _(rule: Custom) -> str:
    return f"must be true: {rule.expression}"


def _range(rule: InRange) -> str:
    if rule.minimum is None:
        return "any number" if rule.maximum is None else f"at most {rule.maximum:g}"
    return f"at least {rule.minimum:g}" if rule.maximum is None else f"{rule.minimum:g} to {rule.maximum:g}"
