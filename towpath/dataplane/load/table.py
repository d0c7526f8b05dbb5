"""A target that is a table of a database: made where it is missing, grown where it lacks columns, refused where it does
not fit.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.loading import DestinationPrepared
from towpath.dataplane.core.columns import quoted
from towpath.dataplane.core.errors import LoadError
from towpath.dataplane.load.ledger import Run
from towpath.dataplane.load.target import LoadTarget, split_name, wider, written

_DIGITS = re.compile(r"\w+\((\d+),(\d+)\)")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What two databases do differently. `takes` are types, without their digits, that take the values of a column.

    `is_unique` asks whether the columns of a key are unique in a table; None: its tables have no keys.
    """

    type_of: Callable[[Column], str]
    takes: Callable[[Column], Collection[str]]
    columns: Callable[[Run, str], dict[str, str]]
    is_unique: Callable[[Run, str, tuple[str, ...]], bool] | None = None


def prepare_table(run: Run, table: str, target: LoadTarget, dialect: Dialect) -> DestinationPrepared:
    """In the transaction that is open, behind a lock of this target. Raises LoadError for a table that does not fit."""
    found = dialect.columns(run, table)
    if not found:
        _create(run, table, target, dialect)
        return DestinationPrepared(created=True)
    added = [column for column in target.stored if column.name not in found]
    needed = [column.name for column in added if column.name in target.unique]
    if needed:
        raise LoadError(f"table {table} is there without {', '.join(needed)}: load into a new table")
    widened = [
        column
        for column in target.stored
        if column.name in found and _grows(table, column, found[column.name], dialect.takes(column))
    ]
    if target.unique and dialect.is_unique is not None and not dialect.is_unique(run, table, target.unique):
        raise LoadError(f"table {table} has no unique index on {', '.join(target.unique)}: make one, or another table")
    for change in (
        *(f"ADD COLUMN {quoted(column.name)} {dialect.type_of(column)}" for column in added),
        *(f"ALTER COLUMN {quoted(column.name)} TYPE {dialect.type_of(column)}" for column in widened),
    ):
        run(f"ALTER TABLE {written(table)} {change}", ())
    return DestinationPrepared(
        added=tuple(column.name for column in added), widened=tuple(column.name for column in widened)
    )


def _create(run: Run, table: str, target: LoadTarget, dialect: Dialect) -> None:
    schema, _ = split_name(table)
    # IF NOT EXISTS would ask for the right to make one where there is one.
    if schema is not None and not run("SELECT 1 FROM pg_namespace WHERE nspname = ?", (schema,)):
        run(f"CREATE SCHEMA {quoted(schema)}", ())
    lines = [
        f"{quoted(column.name)} {dialect.type_of(column)}{'' if column.nullable else ' NOT NULL'}"
        for column in target.stored
    ]
    if target.unique and dialect.is_unique is not None:
        lines.append(f"PRIMARY KEY ({', '.join(quoted(name) for name in target.unique)})")
    run(f"CREATE TABLE {written(table)} ({', '.join(lines)})", ())


def _grows(table: str, column: Column, kind: str, takes: Collection[str]) -> bool:
    """Whether a decimal needs more digits than it has. Raises LoadError for a type that does not take the values."""
    digits = _DIGITS.fullmatch(kind) if column.type is ColumnType.DECIMAL else None
    if digits is not None:
        return wider(column, int(digits[1]), int(digits[2]))
    if without_digits(kind) not in takes:
        raise LoadError(
            f"column {column.name} of {table} is {kind} and the target's is {column.type}:"
            " alter the table, or cast in the transformation"
        )
    return False


def without_digits(kind: str) -> str:
    return re.sub(r"\(\d+(,-?\d+)?\)", "", kind)
