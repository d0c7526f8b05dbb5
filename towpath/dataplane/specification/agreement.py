"""The second parse: DuckDB reads the given and the printed expression, and has to see the same tree.

Nothing is run: `json_serialize_sql` parses the text that it gets as a parameter. Trees are compared after the few
rewritings that the printer does on purpose: tried casts, timestamps by way of UTC, and one name for each function.
"""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Final, cast

import duckdb
from pydantic import JsonValue

from towpath.contracts.core.wire import JsonObject

_NAMES: Final = {
    "len": "length",
    "char_length": "length",
    "character_length": "length",
    "substr": "substring",
    "lcase": "lower",
    "ucase": "upper",
    "position": "strpos",
    "instr": "strpos",
    "datediff": "date_diff",
    "datetrunc": "date_trunc",
    "datepart": "date_part",
    "datesub": "date_sub",
    "ceiling": "ceil",
    "power": "pow",
    "**": "pow",
    "mod": "%",
    "->>": "json_extract_string",
    "strptime": "try_strptime",
    "editdist3": "levenshtein",
    "dayofmonth": "day",
    "weekofyear": "week",
}
_TYPES: Final = {
    **dict.fromkeys(("TEXT", "STRING"), "VARCHAR"),
    **dict.fromkeys(("INT", "INT4"), "INTEGER"),
    **dict.fromkeys(("INT8", "LONG"), "BIGINT"),
    "BOOL": "BOOLEAN",
    "FLOAT8": "DOUBLE",
    "NUMERIC": "DECIMAL",
    "DATETIME": "TIMESTAMP",
}
_PERIODS: Final = frozenset(
    f"to_{unit}s"
    for unit in ("microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")
)
_NEGATED: Final = {"!~~": "~~", "!~~*": "~~*", "not_like_escape": "like_escape", "not_ilike_escape": "ilike_escape"}
_UTC: Final = {"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"}


def readable(text: str) -> bool:
    """DuckDB reads it as one expression."""
    return _tree(text) is not None


def same_meaning(given: str, printed: str) -> bool:
    """Both are one expression, and the same one."""
    tree = _tree(given)
    return tree is not None and tree == _tree(printed)


@lru_cache(maxsize=1)
def _parser() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    for statement in ("SET enable_external_access = false", "SET lock_configuration = true"):
        connection.execute(statement)
    return connection


def _tree(text: str) -> JsonValue:
    """The normal form of the only projection of a bare SELECT, or None."""
    row = _parser().execute("SELECT json_serialize_sql(?)", [f"SELECT {text} AS x__"]).fetchone()
    told = cast("JsonObject", json.loads(row[0])) if row else {}
    match told.get("statements"):
        case [{"node": {"type": "SELECT_NODE", "select_list": [projection], "from_table": {"type": "EMPTY"}, **rest}}]:
            plain = not rest.get("modifiers") and all(
                rest.get(name) is None for name in ("where_clause", "having", "qualify")
            )
            return _normal(projection) if plain else None
        case _:
            return None


def _normal(node: JsonValue) -> JsonValue:
    if isinstance(node, list):
        return [_normal(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    rule = _RULES.get(str(node.get("class")))
    if rule is not None:
        return rule(node)
    return {name: _normal(value) for name, value in node.items() if not _is_noise(name)}


def _is_noise(name: str) -> bool:
    return name == "alias" or name.startswith("query_location")


def _plain(node: JsonObject) -> JsonObject:
    return {name: _normal(value) for name, value in node.items() if not _is_noise(name)}


def _negation(inner: JsonValue) -> JsonObject:
    return {"class": "OPERATOR", "type": "OPERATOR_NOT", "children": [inner]}


def _function(node: JsonObject) -> JsonValue:
    name = str(node.get("function_name")).lower()
    whole = {key: node[key] for key in ("filter", "order_bys", "distinct", "schema", "catalog") if key in node}
    entries = node.get("arguments")
    arguments = [_argument(entry) for entry in entries] if isinstance(entries, list) else []
    if name in {"if", "iff"} and len(arguments) == 3:
        check: JsonValue = {"when_expr": arguments[0], "then_expr": arguments[1]}
        return {"class": "CASE", "type": "CASE_EXPR", "case_checks": [check], "else_expr": arguments[2]}
    if name in {"date_part", "datepart", "date_trunc", "datetrunc", "date_diff", "datediff", "date_sub", "datesub"}:
        arguments[0] = _lowered(arguments[0])
    if name == "regexp_extract" and len(arguments) == 2:
        arguments.append(_whole_number("0"))
    if name in _PERIODS:
        arguments = [_counted(argument) for argument in arguments]
    if name in {"/", "//", "%", "mod"} and len(arguments) == 2:
        arguments[1] = _divisor(arguments[1])
    positive = _NEGATED.get(name)
    called: JsonObject = {
        "class": "FUNCTION",
        "name": positive or _NAMES.get(name, name),
        "of": arguments,
        "rest": whole,
    }
    return _negation(called) if positive else called


def _argument(entry: JsonValue) -> JsonValue:
    """The expression of an argument; one with a name stays as it is, and then equals nothing that we print."""
    if isinstance(entry, dict) and entry.get("name") == "":
        return _normal(entry.get("expression"))
    return entry


def _divisor(node: JsonValue) -> JsonValue:
    """The printer makes zero NULL."""
    match node:
        case {"class": "FUNCTION", "name": "nullif", "of": [inner, zero]} if zero == _whole_number("0"):
            return _divisor(inner)
        case _:
            return node


def _whole_number(digits: str) -> JsonObject:
    return {"class": "CONSTANT", "literal": {"kind": "INTEGER", "text": digits}}


def _counted(node: JsonValue) -> JsonValue:
    """The count of an interval, which may be quoted."""
    if not isinstance(node, dict):
        return node
    value = node.get("literal")
    if isinstance(value, dict) and str(value.get("text")).isdecimal():
        return _whole_number(str(value.get("text")))
    return {
        name: [_counted(entry) for entry in inner] if isinstance(inner, list) else _counted(inner)
        for name, inner in node.items()
    }


def _lowered(node: JsonValue) -> JsonValue:
    if isinstance(node, dict) and isinstance(node.get("literal"), dict):
        inner = cast("JsonObject", node["literal"])
        return {**node, "literal": {**inner, "text": str(inner.get("text")).lower()}}
    return node


def _cast(node: JsonObject) -> JsonValue:
    kind, child = _type(node.get("type_expr")), _normal(node.get("child"))
    interval = _interval(kind, child)
    if interval is not None:
        return interval
    if kind == {"type": "TIMESTAMP", "children": []} and isinstance(child, dict) and child.get("to") in _utc_types():
        child = child["child"]
    return {"class": "CAST", "child": child, "to": kind}


def _utc_types() -> list[JsonValue]:
    return [{"type": name, "children": []} for name in _UTC]


def _type(node: JsonValue) -> JsonObject:
    if not isinstance(node, dict):
        return {}
    name = str(node.get("type_name")).upper()
    return {"type": _TYPES.get(name, name), "children": _normal(node.get("children", []))}


def _interval(kind: JsonObject, child: JsonValue) -> JsonValue:
    """`INTERVAL '3 days'` as what DuckDB makes of `INTERVAL 3 DAY`."""
    if kind.get("type") != "INTERVAL" or not isinstance(child, dict) or not isinstance(child.get("literal"), dict):
        return None
    words = str(cast("JsonObject", child["literal"]).get("text")).lower().split()
    if len(words) != 2 or not words[0].isdecimal():
        return None
    return _tree(f"INTERVAL {int(words[0])} {words[1].removesuffix('s')}")


def _constant(node: JsonObject) -> JsonValue:
    """Numbers without their underscores, and one kind for a count in digits however it was quoted."""
    value = node.get("literal")
    if not isinstance(value, dict):
        return _plain(node)
    told = str(value.get("text"))
    number = value.get("kind") in {"INTEGER", "NUMERIC"}
    return {
        "class": "CONSTANT",
        "literal": {"kind": value.get("kind"), "text": told.replace("_", "") if number else told},
    }


def _operator(node: JsonObject) -> JsonValue:
    plain = _plain(node)
    if plain.get("type") == "OPERATOR_IS_NOT_NULL":
        return _negation({**plain, "type": "OPERATOR_IS_NULL"})
    return plain


def _comparison(node: JsonObject) -> JsonValue:
    plain = _plain(node)
    if plain.get("type") == "COMPARE_DISTINCT_FROM":
        return _negation({**plain, "type": "COMPARE_NOT_DISTINCT_FROM"})
    return plain


_RULES: Final[dict[str, Callable[[JsonObject], JsonValue]]] = {
    "FUNCTION": _function,
    "CAST": _cast,
    "CONSTANT": _constant,
    "OPERATOR": _operator,
    "COMPARISON": _comparison,
}
