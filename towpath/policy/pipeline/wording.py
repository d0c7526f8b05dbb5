"""Operations of a specification in words, for people who look at a run or approve it."""

from collections.abc import Iterable, Mapping
from functools import singledispatch

from towpath.contracts.core.wire import clip
from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.transformation import (
    Aggregate,
    Cast,
    Deduplicate,
    Derive,
    Filter,
    Join,
    MapValues,
    Normalise,
    Operation,
    Rename,
    Split,
    Unnest,
)

MOST_TOLD = 5
_STEPS: Mapping[str, str] = {
    "trim": "trim",
    "lower": "make lower case",
    "upper": "make upper case",
    "collapse_spaces": "collapse spaces",
    "strip_accents": "strip accents",
    "digits_only": "keep digits only",
    "empty_to_null": "make an empty text null",
    "money": "read as an amount of money",
}


def in_words(operation: Operation) -> str:
    """What an operation does, as a sentence without its full stop."""
    return clip(_told(operation))


@singledispatch
def _told(operation: Operation) -> str:
    return operation.op


@_told.register
def _(operation: Rename) -> str:
    return f"Rename {_listed(f'{old} to {new}' for old, new in operation.columns.items())}"


@_told.register
def _(operation: Cast) -> str:
    target = operation.to.name
    into = "" if target == operation.column else f", as {target}"
    formats = f", written {_listed(operation.formats, 'or')}" if operation.formats else ""
    otherwise = "becomes null" if operation.on_error == "null" else "sends its row to quarantine"
    return f"Read {operation.column} as {_type(operation.to)}{into}{formats}; what is none {otherwise}"


@_told.register
def _(operation: Derive) -> str:
    return f"Make {operation.column.name} ({_type(operation.column)}) of {operation.expression}"


@_told.register
def _(operation: Normalise) -> str:
    return f"Clean {operation.column}: {_listed(_STEPS[step] for step in operation.steps)}"


@_told.register
def _(operation: MapValues) -> str:
    pairs = [f"{value} to {'null' if to is None else to}" for value, to in operation.values.items()]
    otherwise = {"keep": "stay", "null": "become null", "quarantine": "send their row to quarantine"}
    return f"Map values of {operation.column}: {_listed(pairs)}; others {otherwise[operation.otherwise]}"


@_told.register
def _(operation: Split) -> str:
    kept = ", and keep it" if operation.keep else ""
    return f"Split {operation.column} at {operation.separator!r} into {_listed(operation.into)}{kept}"


@_told.register
def _(operation: Filter) -> str:
    return f"Keep the rows for which {operation.expression}"


@_told.register
def _(operation: Deduplicate) -> str:
    newest = "the last" if operation.newest_by is None else f"the newest by {operation.newest_by}"
    return f"Of rows with the same {_listed(operation.key)} keep {newest}"


@_told.register
def _(operation: Join) -> str:
    named = (there if there == here else f"{there} as {here}" for there, here in operation.columns.items())
    keys = (here if here == there else f"{here} = {there}" for here, there in operation.on.items())
    without = "rows without a match go on" if operation.kind == "left" else "rows without a match are left out"
    return f"Add {_listed(named)} from {operation.source} by {_listed(keys)}; {without}"


@_told.register
def _(operation: Aggregate) -> str:
    measures = (f"{name} = {function}({of})" for name, (function, of) in operation.measures.items())
    by = f" for each {_listed(operation.by)}" if operation.by else " over all rows"
    return f"Compute {_listed(measures)}{by}"


@_told.register
def _(operation: Unnest) -> str:
    empty = "stays" if operation.keep_empty else "is left out"
    return f"Make a row of each entry of {operation.column}, as {operation.into}; a row with an empty list {empty}"


def _type(column: Column) -> str:
    if column.type is ColumnType.DECIMAL:
        return f"decimal({column.precision}, {column.scale})"
    return str(column.type)


def _listed(words: Iterable[str], last: str = "and") -> str:
    """`a, b and c`; of many only the first."""
    told = list(words)
    if len(told) > MOST_TOLD:
        return f"{', '.join(told[:MOST_TOLD])} {last} {len(told) - MOST_TOLD} more"
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} {last} {told[-1]}"
