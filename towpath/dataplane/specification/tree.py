"""Expressions as DuckDB's own parser reads them, and of that only the parts that an expression may have.

Nothing is run: `json_serialize_sql` parses the text that it gets as a parameter. A node, or a field of a node, that is
not known here is refused, so what is printed from the tree holds all of its meaning.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, cast

import duckdb
from pydantic import JsonValue

from towpath.contracts.core.wire import JsonObject, clip
from towpath.dataplane.specification.errors import RefusedExpressionError, not_allowed
from towpath.dataplane.specification.functions import NAMES

MAX_DEPTH = 120
"""Of a tree; the parser stops there by itself."""

SqlNodeKind = Literal["column", "text", "number", "word", "cast", "try_cast", "case", "switch", "call"]


@dataclass(frozen=True, slots=True)
class SqlNode:
    """`value` is the name of a column, the text of a literal, a word of SQL, the type of a cast, or what is called.

    Children of a `case` are conditions and results in turn and what holds otherwise; of a `switch`, the subject and
    then values and results in turn and what holds otherwise.
    """

    kind: SqlNodeKind
    value: str = ""
    children: tuple["SqlNode", ...] = ()

    @property
    def choosing(self) -> frozenset[int]:
        """Places of the children that only decide which other child is taken."""
        if self.kind == "switch":
            return frozenset({0, *range(1, len(self.children) - 1, 2)})
        return frozenset(range(0, len(self.children) - 1, 2)) if self.kind == "case" else frozenset()


def parsed(text: str) -> SqlNode:
    """The only projection of a bare SELECT. Raises ExpressionError."""
    statements = _statements(text)
    if len(statements) != 1 or not isinstance(statements[0], dict):
        raise _shape()
    match statements[0]:
        case {"node": {"select_list": [{"alias": "x__"}]}} as statement if _around(statement) == _bare():
            node = cast("JsonObject", statement["node"])
            projection = cast("list[JsonObject]", node["select_list"])[0]
            return _node({**projection, "alias": ""})
        case _:
            raise _shape()


def _shape() -> RefusedExpressionError:
    return RefusedExpressionError("shape", "one expression is wanted, without a name, and nothing else")


@lru_cache(maxsize=1)
def _parser() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    for statement in (
        f"SET max_expression_depth = {MAX_DEPTH}",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(statement)
    return connection


def _statements(text: str) -> list[JsonValue]:
    given = f"SELECT {text} AS x__"
    row = _parser().execute("SELECT json_serialize_sql(?)", [given]).fetchone()
    told = cast("JsonObject", json.loads(row[0], object_hook=_without_places)) if row else {}
    statements = told.get("statements")
    if isinstance(statements, list):
        return statements
    if told.get("error_type") != "parser":
        raise _shape()
    ended = str(told.get("position")) == str(len(given) - len("AS x__"))
    why = "it ends too early" if ended else clip(str(told.get("error_message")).partition(". ")[0], 120)
    mend = 'a column whose name is a word of SQL stands in double quotes, as "order"'
    raise RefusedExpressionError("syntax", f"no expression: {why}", mend)


def _without_places(told: JsonObject) -> JsonObject:
    return {name: value for name, value in told.items() if not name.startswith("query_location")}


def _around(statement: JsonObject) -> JsonObject:
    return {**statement, "node": {**cast("JsonObject", statement["node"]), "select_list": []}}


@lru_cache(maxsize=1)
def _bare() -> JsonObject:
    return _around(cast("JsonObject", _statements("1")[0]))


def _node(told: JsonValue) -> SqlNode:
    if not isinstance(told, dict):
        raise not_allowed("nothing")
    reader = _READERS.get(str(told.get("class")))
    if reader is None:
        raise not_allowed(str(told.get("class")).lower())
    return reader(told)


def _only(told: JsonObject, *fields: str) -> None:
    """Refuses a node that says more than what is read of it."""
    if any(value and name not in {"class", "type", *fields} for name, value in told.items()):
        raise not_allowed(str(told.get("function_name") or told.get("class")).lower())


def _nodes(told: JsonValue) -> tuple[SqlNode, ...]:
    return tuple(_node(entry) for entry in told) if isinstance(told, list) else ()


def _column(told: JsonObject) -> SqlNode:
    _only(told, "column_names")
    match told.get("column_names"):
        case [str() as name]:
            return SqlNode("column", name)
        case _:
            raise not_allowed("a column with the name of its table")


def _constant(told: JsonObject) -> SqlNode:
    _only(told, "literal")
    match told.get("literal"):
        case {"kind": "STRING", "text": str() as text}:
            return SqlNode("text", text)
        case {"kind": "INTEGER" | "NUMERIC", "text": str() as text}:
            return SqlNode("number", text.replace("_", ""))
        case {"kind": "BOOLEAN", "text": "true" | "false" as text}:
            return SqlNode("word", text.upper())
        case {"kind": "NULL_LITERAL"}:
            return SqlNode("word", "NULL")
        case _:
            raise not_allowed("this kind of literal")


def _operation(told: JsonObject) -> SqlNode:
    _only(told, "children")
    return SqlNode("call", str(told.get("type")), _nodes(told.get("children")))


def _comparison(told: JsonObject) -> SqlNode:
    _only(told, "left", "right")
    return SqlNode("call", str(told.get("type")), (_node(told.get("left")), _node(told.get("right"))))


def _between(told: JsonObject) -> SqlNode:
    _only(told, "input", "lower", "upper")
    children = (_node(told.get("input")), _node(told.get("lower")), _node(told.get("upper")))
    return SqlNode("call", str(told.get("type")), children)


def _case(told: JsonObject) -> SqlNode:
    _only(told, "case_checks", "else_expr")
    checks = cast("list[JsonObject]", told.get("case_checks"))
    pairs = [(_node(check.get("when_expr")), _node(check.get("then_expr"))) for check in checks]
    otherwise = _node(told.get("else_expr"))
    subject = pairs[0][0].children[0] if pairs[0][0].children else None
    if subject is not None and all(
        when.value == "COMPARE_EQUAL" and when.kind == "call" and when.children[0] == subject for when, _ in pairs
    ):
        chosen = (part for when, then in pairs for part in (when.children[1], then))
        return SqlNode("switch", children=(subject, *chosen, otherwise))
    return SqlNode("case", children=(*(part for pair in pairs for part in pair), otherwise))


def _function(told: JsonObject) -> SqlNode:
    name = str(told.get("function_name")).lower()
    path: JsonValue = {"path": [told.get("function_name")]}
    plain = told.get("order_bys") == {"type": "ORDER_MODIFIER", "orders": []} and told.get("qualified_name") == path
    if not plain:
        raise not_allowed(name)
    _only(told, "function_name", "arguments", "is_operator", "order_bys", "qualified_name")
    entries = told.get("arguments")
    arguments = tuple(_argument(name, entry) for entry in entries) if isinstance(entries, list) else ()
    if name in {"if", "iff"} and len(arguments) == 3:
        return SqlNode("case", children=arguments)
    if name in _PERIODS and len(arguments) == 1:
        return _interval(_count(arguments[0]), _PERIODS[name])
    return SqlNode("call", NAMES.get(name, name), arguments)


def _argument(function: str, entry: JsonValue) -> SqlNode:
    if not isinstance(entry, dict) or entry.get("name") != "":
        raise RefusedExpressionError("argument", f"{function}: arguments have no names")
    return _node(entry.get("expression"))


_PERIODS: Final = {
    f"to_{unit.lower()}s": unit
    for unit in ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
}
_CONVERSIONS: Final = {("cast", "DOUBLE"), ("cast", "INTEGER"), ("call", "trunc")}


def _count(node: SqlNode) -> str:
    """What `INTERVAL 3 DAY` counts: DuckDB reads it as `to_days(CAST(trunc(CAST(3 AS DOUBLE)) AS INTEGER))`."""
    while len(node.children) == 1 and (node.kind, node.value) in _CONVERSIONS:
        node = node.children[0]
    return node.value if node.kind in {"text", "number"} else ""


def _interval(count: str, unit: str) -> SqlNode:
    if not re.fullmatch(r"\d{1,6}", count, re.ASCII) or not unit:
        raise RefusedExpressionError("literal", "an interval is a whole number and a unit, as INTERVAL 3 DAY")
    return SqlNode("word", f"INTERVAL {int(count)} {unit}")


_TYPES: Final = {
    **dict.fromkeys(("VARCHAR", "TEXT", "STRING"), "VARCHAR"),
    **dict.fromkeys(("INTEGER", "INT", "INT4"), "INTEGER"),
    **dict.fromkeys(("BIGINT", "INT8", "LONG"), "BIGINT"),
    **dict.fromkeys(("DOUBLE", "FLOAT8"), "DOUBLE"),
    **dict.fromkeys(("BOOLEAN", "BOOL"), "BOOLEAN"),
    "DATE": "DATE",
    **dict.fromkeys(("TIMESTAMP", "DATETIME"), "TIMESTAMP"),
}


def _cast(told: JsonObject) -> SqlNode:
    _only(told, "child", "try_cast", "type_expr")
    to = cast("JsonObject", told.get("type_expr"))
    name, child = str(to.get("type_name")).upper(), _node(told.get("child"))
    kind: SqlNodeKind = "try_cast" if told.get("try_cast") else "cast"
    if name == "INTERVAL" and child.kind == "text":
        count, _, unit = child.value.strip().lower().partition(" ")
        return _interval(count, _PERIODS.get(f"to_{unit.removesuffix('s')}s", ""))
    if name == "DECIMAL":
        return SqlNode(kind, f"DECIMAL({_decimal(_nodes(to.get('children')))})", (child,))
    if name not in _TYPES or to.get("children") or to.get("qualified_name") != {"path": [to.get("type_name")]}:
        raise RefusedExpressionError(
            "type",
            f"no cast to {clip(name, 40)}",
            "types are VARCHAR, INTEGER, BIGINT, DOUBLE, BOOLEAN, DATE, TIMESTAMP (UTC) and DECIMAL(p, s)",
        )
    return SqlNode(kind, _TYPES[name], (child,))


def _decimal(sizes: tuple[SqlNode, ...]) -> str:
    told = [size.value for size in sizes if size.kind == "number" and re.fullmatch(r"\d{1,2}", size.value, re.ASCII)]
    if len(told) != 2 or len(sizes) != 2 or not int(told[1]) <= int(told[0]) <= 38:
        raise RefusedExpressionError("type", "a decimal says its precision and scale, as DECIMAL(18, 2)")
    return f"{int(told[0])}, {int(told[1])}"


_READERS: Final[dict[str, Callable[[JsonObject], SqlNode]]] = {
    "COLUMN_REF": _column,
    "CONSTANT": _constant,
    "OPERATOR": _operation,
    "CONJUNCTION": _operation,
    "COMPARISON": _comparison,
    "BETWEEN": _between,
    "CASE": _case,
    "FUNCTION": _function,
    "CAST": _cast,
}
