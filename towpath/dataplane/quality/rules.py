"""Rules as conditions of the engine: for each a piece of SQL that is true for a row that fails, and for no other."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatchmethod

import duckdb

from towpath.contracts.pipeline.dataset import Column, ColumnType
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
)
from towpath.contracts.pipeline.transformation import SpecificationProblem
from towpath.dataplane.core.columns import literal, quoted, sql_type, statement
from towpath.dataplane.core.errors import SpecificationError
from towpath.dataplane.core.patterns import RE2_SYNTAX, pattern_problem
from towpath.dataplane.specification.binding import bound_type
from towpath.dataplane.specification.errors import RefusedExpressionError
from towpath.dataplane.specification.guard import guard
from towpath.policy.pipeline.rules import WHOLE, columns_of, describe, rule_names

NUMBER = "n"
"""Where a row is in its part, from 0."""
MOST_RULES = 62
_NUMBERS = (ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.FLOAT)
_TIMES = (ColumnType.DATE, ColumnType.TIMESTAMP)


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A rule over rows. `bit` is its place in a row's mask; `table` is what `fails` looks up, made beforehand."""

    rule: Rule
    name: str
    reason: str
    bit: int
    fails: str
    table: str = ""

    @property
    def mask(self) -> int:
        return 1 << self.bit


def compile_rules(rules: tuple[Rule, ...], columns: Mapping[str, Column]) -> tuple[RowCheck, ...]:
    """The rules over rows. Raises SpecificationError with every rule that does not fit its columns."""
    checks: list[RowCheck] = []
    problems: list[SpecificationProblem] = []
    for number, (rule, name) in enumerate(zip(rules, rule_names(rules), strict=True)):
        try:
            _check_columns(rule, columns)
            if not isinstance(rule, WHOLE):
                table = f"looked_up_{number}" if isinstance(rule, ForeignKey | Unique) else ""
                fails = _Failing(columns, table).of(rule)
                checks.append(RowCheck(rule, name, describe(rule), len(checks), fails, table))
        except RefusedExpressionError as error:
            problems.append(error.at(f"rules.{number}"))
    if len(checks) > MOST_RULES:
        message = f"at most {MOST_RULES} rules over rows"
        problems.append(SpecificationProblem(place="rules", code="size", message=message))
    if problems:
        raise SpecificationError(tuple(problems))
    return tuple(checks)


def _check_columns(rule: Rule, columns: Mapping[str, Column]) -> None:
    for name in columns_of(rule):
        if name not in columns:
            raise RefusedExpressionError("column", f"there is no column {name!r}", f"columns are: {', '.join(columns)}")
    if isinstance(rule, InRange) and columns[rule.column].type not in _NUMBERS:
        raise RefusedExpressionError("type", f"{rule.column} is no number", "cast it, or write a custom rule")
    if isinstance(rule, Freshness) and columns[rule.column].type not in _TIMES:
        raise RefusedExpressionError("type", f"{rule.column} is no date and no time")


class _Failing:
    """SQL for rules over some columns. `table` is what a rule looks up: all that there is to a unique rule."""

    def __init__(self, columns: Mapping[str, Column], table: str) -> None:
        self._columns = columns
        self._table = table

    @singledispatchmethod
    def of(self, rule: Rule) -> str:
        """SQL that is true for a row that fails, false for any other, and never null."""
        del rule
        return statement("{number} IN (SELECT {number} FROM {table})", number=NUMBER, table=self._table)

    @of.register
    def _(self, rule: NotNull) -> str:
        return f"{quoted(rule.column)} IS NULL"

    @of.register
    def _(self, rule: InSet) -> str:
        name, kind = quoted(rule.column), sql_type(self._columns[rule.column])
        values = ", ".join(f"try_cast({literal(value)} AS {kind})" for value in rule.values)
        return f"{name} IS NOT NULL AND ({name} IN ({values})) IS NOT TRUE"

    @of.register
    def _(self, rule: ForeignKey) -> str:
        name = quoted(rule.column)
        return statement(
            "{name} IS NOT NULL AND ({name} IN (SELECT v FROM {table})) IS NOT TRUE", name=name, table=self._table
        )

    @of.register
    def _(self, rule: InRange) -> str:
        """Null is in every range; what is no number (NaN) is in none."""
        value = quoted(rule.column)
        bounds = [f"{value} < CAST({literal(repr(rule.minimum))} AS DOUBLE)"] if rule.minimum is not None else []
        if rule.maximum is not None:
            bounds.append(f"{value} > CAST({literal(repr(rule.maximum))} AS DOUBLE)")
        if self._columns[rule.column].type is ColumnType.FLOAT:
            bounds.append(f"isnan({value})")
        return f"coalesce({' OR '.join(bounds) or 'FALSE'}, FALSE)"

    @of.register
    def _(self, rule: Matches) -> str:
        pattern = literal(rule.pattern)
        problem = pattern_problem(rule.pattern)
        if problem is not None:
            raise RefusedExpressionError("argument", problem, RE2_SYNTAX)
        return f"coalesce(NOT regexp_full_match(CAST({quoted(rule.column)} AS VARCHAR), {pattern}), FALSE)"

    @of.register
    def _(self, rule: Custom) -> str:
        guarded = guard(rule.expression, self._columns.keys())
        kind = bound_type(guarded.sql, self._columns)
        if kind is None or kind.type is not ColumnType.BOOLEAN:
            raise RefusedExpressionError("type", "the expression is not true or false", "compare something")
        return f"TRY({guarded.sql}) IS NOT TRUE"


def look_up_keys(connection: duckdb.DuckDBPyConnection, check: RowCheck, column: Column, scan: str) -> None:
    """The table of a foreign key: the values there are, in the type of the column that refers to them."""
    if not isinstance(check.rule, ForeignKey):
        raise TypeError(check.name)
    connection.execute(
        statement(
            "CREATE TEMP TABLE {table} AS SELECT DISTINCT try_cast({references} AS {kind}) AS v FROM {scan}"
            " WHERE v IS NOT NULL",
            table=check.table,
            references=quoted(check.rule.references),
            kind=sql_type(column),
            scan=scan,
        )
    )


def look_up_repeated(connection: duckdb.DuckDBPyConnection, check: RowCheck, scan: str) -> None:
    """The table of a unique rule: part and row of every row but the first with its values. Nulls equal nothing.

    Only hashes that occur twice are looked at closer, so that the memory is that of eight bytes a row.
    """
    if not isinstance(check.rule, Unique):
        raise TypeError(check.name)
    key = ", ".join(quoted(name) for name in check.rule.columns)
    whole = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in check.rule.columns)
    parts = {"table": check.table, "key": key, "whole": whole, "scan": scan, "number": NUMBER}
    connection.execute(
        statement(
            "CREATE TEMP TABLE {table}_twice AS SELECT hash({key}) AS h FROM {scan} WHERE {whole}"
            " GROUP BY h HAVING count(*) > 1",
            **parts,
        )
    )
    connection.execute(
        statement(
            "CREATE TEMP TABLE {table}_all AS SELECT part, {number} FROM (SELECT CAST(file_index AS BIGINT) AS part,"
            " file_row_number AS {number}, row_number() OVER (PARTITION BY {key}"
            " ORDER BY file_index, file_row_number) AS place FROM {scan}"
            " WHERE {whole} AND hash({key}) IN (SELECT h FROM {table}_twice)) WHERE place > 1",
            **parts,
        )
    )
    connection.execute(statement("DROP TABLE {table}_twice", **parts))
