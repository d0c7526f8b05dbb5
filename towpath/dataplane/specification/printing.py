"""The allow-list: for each kind of node that an expression may hold, how it is printed. There is no other printing."""

import re
from collections.abc import Callable, Collection
from typing import Final, cast

from sqlglot import exp

from towpath.dataplane.core.columns import literal, quoted
from towpath.dataplane.specification.errors import RefusedExpressionError, no_column
from towpath.dataplane.specification.functions import CALLS, NAMED, SqlSignature, check_argument

_NUMBER = re.compile(r"\d{1,38}(\.\d{1,38})?([eE][+-]?\d{1,3})?")
_UNITS: Final = {"MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"}
_TYPES: Final = {
    "VARCHAR": "VARCHAR",
    "TEXT": "VARCHAR",
    "INT": "INTEGER",
    "BIGINT": "BIGINT",
    "DOUBLE": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
}
_TIMESTAMPS: Final = {"TIMESTAMP", "TIMESTAMPNTZ"}
_HARMLESS: Final = {"safe", "typed", "coalesce", "ignore_nulls", "single_replace", "null_if_pos_overflow", "nested"}
"""Flags by which other dialects are told from DuckDB: they say nothing here."""

BINARY: Final[dict[type[exp.Expr], str]] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.IntDiv: "//",
    exp.Mod: "%",
    exp.DPipe: "||",
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.And: "AND",
    exp.Or: "OR",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
}


class Printer:
    """Prints one expression, and keeps the columns that it reads."""

    def __init__(self, columns: Collection[str]) -> None:
        self._columns = columns
        self.read: set[str] = set()

    def sql(self, node: exp.Expr) -> str:
        """SQL of a node and all below it, with every operator in parentheses. Raises ExpressionError."""
        operator = BINARY.get(type(node))
        if operator is not None:
            only(node, {"this", "expression"})
            right = self.child(node, "expression")
            if isinstance(node, (exp.Div, exp.IntDiv, exp.Mod)):
                # DuckDB gives infinity for 1 / 0, and raises for 1 // 0 and 1 % 0.
                right = f"nullif({right}, 0)"
            return f"({self.child(node, 'this')} {operator} {right})"
        call = CALLS.get(type(node))
        if call is not None:
            return self._call(node, call)
        rule = RULES.get(type(node))
        if rule is None:
            raise _not_allowed(node)
        return rule(self, node)

    def child(self, node: exp.Expr, key: str) -> str:
        return self.sql(part(node, key))

    def column(self, node: exp.Expr) -> str:
        only(node, {"this"})
        name = part(node, "this").name
        if name not in self._columns:
            raise no_column(name, self._columns)
        self.read.add(name)
        return quoted(name)

    def _call(self, node: exp.Expr, call: SqlSignature) -> str:
        only(node, {*call.keys, *call.flags})
        arguments = [argument for key in call.keys for argument in listed(node, key)]
        return self.called(call, arguments)

    def called(self, call: SqlSignature, arguments: list[exp.Expr]) -> str:
        if not call.least <= len(arguments) <= call.most:
            raise RefusedExpressionError("function", f"{call.name} takes {call.least} to {call.most} arguments")
        for place, kind in call.literals.items():
            if place < len(arguments):
                check_argument(call.name, kind, arguments[place])
        told = ", ".join(self._argument(call, place, argument) for place, argument in enumerate(arguments))
        return f"{call.prints}({told})"

    def _argument(self, call: SqlSignature, place: int, argument: exp.Expr) -> str:
        if call.literals.get(place) == "unit":
            return literal(argument.name.lower())
        return self.sql(argument)


def part(node: exp.Expr, key: str) -> exp.Expr:
    found: object = node.args.get(key)
    if not isinstance(found, exp.Expr):
        raise _not_allowed(node)
    return found


def listed(node: exp.Expr, key: str) -> list[exp.Expr]:
    found: object = node.args.get(key)
    if found is None:
        return []
    entries = cast("list[object]", found) if isinstance(found, list) else [found]
    return [entry for entry in entries if isinstance(entry, exp.Expr)]


def only(node: exp.Expr, keys: Collection[str]) -> None:
    """Refuses a node with parts that its rule does not print."""
    if any(value and key not in keys and key not in _HARMLESS for key, value in node.args.items()):
        raise _not_allowed(node)


def _not_allowed(node: exp.Expr) -> RefusedExpressionError:
    name = node.name if isinstance(node, exp.Anonymous) else type(node).__name__.lower()
    return RefusedExpressionError(
        "not_allowed",
        f"{name[:60]!r} may not stand in an expression",
        "expressions are scalar: columns, literals, operators, CASE, casts, and the functions of the manual",
    )


def _literal(_: Printer, node: exp.Expr) -> str:
    if node.args.get("is_string"):
        return literal(node.name)
    if not _NUMBER.fullmatch(node.name):
        raise RefusedExpressionError("literal", "a number has at most 38 digits and an exponent of three")
    return node.name


def _boolean(_: Printer, node: exp.Expr) -> str:
    return "TRUE" if node.args.get("this") else "FALSE"


def _null(_: Printer, node: exp.Expr) -> str:
    only(node, ())
    return "NULL"


def _column(printer: Printer, node: exp.Expr) -> str:
    return printer.column(node)


def _paren(printer: Printer, node: exp.Expr) -> str:
    only(node, {"this"})
    return printer.child(node, "this")


def _negative(printer: Printer, node: exp.Expr) -> str:
    only(node, {"this"})
    return f"(- {printer.child(node, 'this')})"


def _not(printer: Printer, node: exp.Expr) -> str:
    only(node, {"this"})
    return f"(NOT {printer.child(node, 'this')})"


def _is(printer: Printer, node: exp.Expr) -> str:
    only(node, {"this", "expression"})
    if not isinstance(part(node, "expression"), (exp.Null, exp.Boolean)):
        raise _not_allowed(node)
    return f"({printer.child(node, 'this')} IS {printer.child(node, 'expression')})"


def _in(printer: Printer, node: exp.Expr) -> str:
    only(node, {"this", "expressions"})
    entries = ", ".join(printer.sql(entry) for entry in listed(node, "expressions"))
    if not entries:
        raise _not_allowed(node)
    return f"({printer.child(node, 'this')} IN ({entries}))"


def _between(printer: Printer, node: exp.Expr) -> str:
    only(node, {"this", "low", "high"})
    low, high = printer.child(node, "low"), printer.child(node, "high")
    return f"({printer.child(node, 'this')} BETWEEN {low} AND {high})"


def _like(printer: Printer, node: exp.Expr, escape: str = "") -> str:
    only(node, {"this", "expression", "negate"})
    check_argument("LIKE", "text", part(node, "expression"))
    word = "ILIKE" if isinstance(node, exp.ILike) else "LIKE"
    if node.args.get("negate"):
        word = f"NOT {word}"
    return f"({printer.child(node, 'this')} {word} {printer.child(node, 'expression')}{escape})"


def _escape(printer: Printer, node: exp.Expr) -> str:
    only(node, {"this", "expression"})
    inner, mark = part(node, "this"), part(node, "expression")
    if not isinstance(inner, (exp.Like, exp.ILike)) or not mark.is_string or len(mark.name) != 1:
        raise _not_allowed(node)
    return _like(printer, inner, f" ESCAPE {literal(mark.name)}")


def _case(printer: Printer, node: exp.Expr) -> str:
    only(node, {"this", "ifs", "default"})
    subject = f" {printer.child(node, 'this')}" if node.args.get("this") else ""
    branches = [
        f"WHEN {printer.child(branch, 'this')} THEN {printer.child(branch, 'true')}" for branch in listed(node, "ifs")
    ]
    otherwise = f" ELSE {printer.child(node, 'default')}" if node.args.get("default") else ""
    return f"(CASE{subject} {' '.join(branches)}{otherwise} END)"


def _if(printer: Printer, node: exp.Expr) -> str:
    only(node, {"this", "true", "false"})
    when, then = printer.child(node, "this"), printer.child(node, "true")
    return f"(CASE WHEN {when} THEN {then} ELSE {printer.child(node, 'false')} END)"


def _cast(printer: Printer, node: exp.Expr) -> str:
    """Every cast is a TRY_CAST. A timestamp is cast by way of UTC: DuckDB by itself drops the offset of a text."""
    only(node, {"this", "to"})
    value, to = printer.child(node, "this"), part(node, "to")
    kind: object = to.args.get("this")
    name = str(getattr(kind, "name", ""))
    if name in _TIMESTAMPS and not to.expressions:
        return f"TRY_CAST(TRY_CAST({value} AS TIMESTAMPTZ) AS TIMESTAMP)"
    if name == "DECIMAL":
        return f"TRY_CAST({value} AS DECIMAL({_decimal(to)}))"
    if name not in _TYPES or to.expressions:
        raise RefusedExpressionError(
            "type",
            f"no cast to {to.sql('duckdb')[:40]}",
            "types are VARCHAR, INTEGER, BIGINT, DOUBLE, BOOLEAN, DATE, TIMESTAMP (UTC) and DECIMAL(p, s)",
        )
    return f"TRY_CAST({value} AS {_TYPES[name]})"


def _decimal(to: exp.Expr) -> str:
    sizes = [parameter.name for parameter in to.expressions if isinstance(parameter, exp.DataTypeParam)]
    if len(sizes) != 2 or not all(size.isdecimal() for size in sizes) or not 0 <= int(sizes[1]) <= int(sizes[0]) <= 38:
        raise RefusedExpressionError("type", "a decimal says its precision and scale, as DECIMAL(18, 2)")
    return f"{int(sizes[0])}, {int(sizes[1])}"


def _interval(_: Printer, node: exp.Expr) -> str:
    only(node, {"this", "unit"})
    amount, unit = part(node, "this"), part(node, "unit").name.upper().removesuffix("S")
    if not isinstance(amount, exp.Literal) or not amount.name.isdecimal() or len(amount.name) > 6 or unit not in _UNITS:
        raise RefusedExpressionError("literal", "an interval is a whole number and a unit, as INTERVAL 3 DAY")
    return f"INTERVAL {int(amount.name)} {unit}"


def _trim(printer: Printer, node: exp.Expr) -> str:
    only(node, {"this", "expression", "position"})
    side = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position")).upper(), "trim")
    what = listed(node, "expression")
    if what:
        check_argument("trim", "text", what[0])
    return f"{side}({', '.join(printer.sql(argument) for argument in (part(node, 'this'), *what))})"


def _pad(printer: Printer, node: exp.Expr) -> str:
    only(node, {"this", "expression", "fill_pattern", "is_left"})
    name = "lpad" if node.args.get("is_left") else "rpad"
    call = SqlSignature(name, ("this", "expression", "fill_pattern"), 3, 3, {1: "width", 2: "text"})
    return printer.called(call, [part(node, key) for key in call.keys])


def _sha(printer: Printer, node: exp.Expr) -> str:
    only(node, {"this", "length"})
    if part(node, "length").name != "256":
        raise _not_allowed(node)
    return f"sha256({printer.child(node, 'this')})"


def _json_text(printer: Printer, node: exp.Expr) -> str:
    only(node, {"this", "expression"})
    return f"json_extract_string({printer.child(node, 'this')}, {literal(_json_path(part(node, 'expression')))})"


def _json_path(node: exp.Expr) -> str:
    told = ""
    for step in listed(node, "expressions"):
        value: object = step.args.get("this")
        if isinstance(step, exp.JSONPathRoot):
            told += "$"
        elif isinstance(step, exp.JSONPathKey) and isinstance(value, str) and re.fullmatch(r"\w{1,60}", value):
            told += f".{value}"
        elif isinstance(step, exp.JSONPathSubscript) and isinstance(value, int):
            told += f"[{value}]"
        else:
            told = ""
            break
    if not told.startswith("$"):
        raise RefusedExpressionError("literal", "a JSON path is a literal like '$.items[0].name'")
    return told


def _extract(printer: Printer, node: exp.Expr) -> str:
    only(node, {"this", "expression"})
    check_argument("extract", "unit", part(node, "this"))
    return f"date_part({literal(part(node, 'this').name.lower())}, {printer.child(node, 'expression')})"


def _named(printer: Printer, node: exp.Expr) -> str:
    """Functions that the parser knows by name only."""
    only(node, {"this", "expressions"})
    call = NAMED.get(node.name.lower())
    if call is None:
        raise _not_allowed(node)
    return printer.called(call, listed(node, "expressions"))


RULES: Final[dict[type[exp.Expr], Callable[[Printer, exp.Expr], str]]] = {
    exp.Literal: _literal,
    exp.Boolean: _boolean,
    exp.Null: _null,
    exp.Column: _column,
    exp.Paren: _paren,
    exp.Neg: _negative,
    exp.Not: _not,
    exp.Is: _is,
    exp.In: _in,
    exp.Between: _between,
    exp.Like: _like,
    exp.ILike: _like,
    exp.Escape: _escape,
    exp.Case: _case,
    exp.If: _if,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Interval: _interval,
    exp.Trim: _trim,
    exp.Pad: _pad,
    exp.SHA2: _sha,
    exp.JSONExtractScalar: _json_text,
    exp.Extract: _extract,
    exp.Anonymous: _named,
}
