"""The operations that make rows of a source into rows of a target: columns found by name, formats told from values.

They are code, for each looks at the columns that the ones before it left.
"""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import Any

from pydantic import JsonValue

JsonObject = dict[str, JsonValue]

UNSURE = 0.5
"""Names that share less than this of their words are not taken for one another."""
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%Y%m%d", "%d-%b-%Y", "%d/%m/%Y", "%m/%d/%Y")
_CLOCKS = (" %H:%M:%S", "T%H:%M:%S", " %H:%M", "T%H:%M", "")
_READ_ANYWAY = ((), ("%Y-%m-%d",), ("%Y-%m-%d %H:%M:%S",))
_MONEY = re.compile(r"[$€£¥₩원,]|[A-Z]{3}")
_SAME = {
    **dict.fromkeys(("quantity", "count", "units"), "qty"),
    **dict.fromkeys(("identifier", "number", "no", "nr", "key"), "id"),
    **dict.fromkeys(("mail", "emailaddress"), "email"),
    **dict.fromkeys(("amt", "sum", "total"), "amount"),
    **dict.fromkeys(("time", "timestamp", "datetime", "at", "on"), "date"),
    **dict.fromkeys(("desc", "description", "title"), "name"),
    **dict.fromkeys(("unitprice", "cost"), "price"),
}


@dataclass(slots=True)
class _Plan:
    """`types` are the columns as they are after the operations so far."""

    types: dict[str, str]
    operations: list[JsonValue] = field(default_factory=list[JsonValue])

    def add(self, op: str, **arguments: JsonValue) -> None:
        self.operations.append({"op": op, "arguments": json.dumps(arguments, ensure_ascii=False)})

    def add_column(self, wanted: JsonObject, expression: str) -> None:
        self.add("derive", column=wanted, expression=expression)
        self.types[str(wanted["name"])] = str(wanted["type"])


def proposal(given: Any) -> JsonObject:
    """Rename, clean, cast, deduplicate, join, derive: in this order, each where the names and values say so."""
    target = {column["name"]: column for column in given["target"]}
    plan = _Plan({column["name"]: column["type"] for column in given["columns"]})
    found = _matches([*plan.types], target)
    _rename(plan, found)
    for name, old in found.items():
        _clean(plan, target[name], _values(given, old), _profiled(given, old))
    if given["key"] and plan.types.keys() >= {*given["key"]}:
        newest = given["newest_by"]
        plan.add("deduplicate", key=given["key"], newest_by=newest if newest in plan.types else None)
    unresolved: list[JsonValue] = []
    for name in [name for name in target if name not in plan.types]:
        if not _joined(plan, target[name], given.get("other_sources", {})) and not _multiplied(plan, target[name]):
            unresolved.append(f"{name}: no column of the source is called like it")
            plan.add_column(target[name], "NULL")
    return {"operations": plan.operations, "unresolved": unresolved}


def _matches(source: list[str], target: dict[str, Any]) -> dict[str, str]:
    """Source columns by the target's names, the surest pairs first, each column once."""
    pairs = product(target, source)
    rated = sorted((-_likeness(name, old, target[name].get("description") or ""), name, old) for name, old in pairs)
    found: dict[str, str] = {}
    for likeness, name, old in rated:
        if -likeness > UNSURE and name not in found and old not in found.values():
            found[name] = old
    return {name: found[name] for name in target if name in found}


def _likeness(one: str, other: str, description: str = "") -> float:
    if one == other:
        return 2.0
    words, others = _words(one), _words(other)
    if "".join(words) == "".join(others):
        return 1.5
    shared, either = {*words} & {*others}, {*words} | {*others}
    return len(shared) / max(len(either), 1) + (other.lower() in description.lower().split())


def _words(name: str) -> list[str]:
    parts: list[str] = re.findall(r"[a-z]+|\d+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower())
    return [_SAME.get(part) or (part.removesuffix("s") if len(part) > 3 else part) for part in parts]


def _rename(plan: _Plan, found: dict[str, str]) -> None:
    """A name that another column bears already is freed by the same operation."""
    new = {old: name for name, old in found.items() if old != name}
    new |= {name: f"{name}_before" for name in new.values() if name in plan.types and name not in new}
    if new:
        plan.add("rename", columns=dict[str, JsonValue](new))
        plan.types = {new.get(name, name): kind for name, kind in plan.types.items()}


def _clean(plan: _Plan, wanted: JsonObject, values: list[str], profiled: list[str]) -> None:
    """Texts are trimmed; those that become something else are cast, by the formats that sample and profile show."""
    name, kind = str(wanted["name"]), str(wanted["type"])
    given, formats = plan.types[name], list[str]()
    if given == "text":
        is_address = kind == "text" and values and all(re.fullmatch(r"\s*\S+@\S+\s*", value) for value in values)
        is_money = kind in {"decimal", "float", "integer"} and any(_MONEY.search(value) for value in values)
        lower, money = ["lower"] if is_address else [], ["money"] if is_money else []
        plan.add("normalise", column=name, steps=["trim", *lower, "empty_to_null", *money])
        if kind in {"date", "timestamp"}:
            formats = _formats([*values, *profiled], _CLOCKS if kind == "timestamp" else ("",))
    if kind != given or kind == "decimal":
        to = {key: wanted[key] for key in ("name", "type", "precision", "scale") if key in wanted}
        plan.add("cast", column=name, to=to, formats=[] if (*formats,) in _READ_ANYWAY else [*formats])
        plan.types[name] = kind


def _formats(values: Iterable[str], clocks: Iterable[str]) -> list[str]:
    """Formats that read the values, in their order; one that only one format reads tells those that several read."""
    candidates = [day + clock for day, clock in product(_DAYS, clocks)]
    told = [[form for form in candidates if _reads(form, value.strip())] for value in values]
    found: list[str] = []
    for fitting in sorted(told, key=len):
        if fitting and not {*fitting} & {*found}:
            found.append(fitting[0])
    return found


def _reads(form: str, value: str) -> bool:
    with suppress(ValueError):
        datetime.strptime(f"{value} +0000", f"{form} %z")
        return True
    return False


def _joined(plan: _Plan, wanted: JsonObject, others: dict[str, list[str]]) -> bool:
    """From another source with a column called alike: `customer_id` is that one there, or `id` of `customers`."""
    name, kind = str(wanted["name"]), str(wanted["type"])
    for source, listed in others.items():
        columns = {line.split(" ")[0]: line.split(" ")[-1] for line in listed}
        there = next((other for other in columns if _likeness(name, other) > 1 and columns[other] == kind), None)
        keys = (
            (here, key)
            for here, key in product(plan.types, columns)
            if plan.types[here] == columns[key] and "id" in _words(key)
            if here == key or _words(here) == _words(f"{source.removesuffix('s')}_{key}")
        )
        pair = next(keys, None)
        if there is not None and pair is not None:
            plan.add("join", source=source, on={pair[0]: pair[1]}, columns={there: name}, kind="left")
            plan.types[name] = kind
            return True
    return False


def _multiplied(plan: _Plan, wanted: JsonObject) -> bool:
    """An amount is a quantity times a price."""
    numbers = [name for name, kind in plan.types.items() if kind in {"integer", "decimal"}]
    quantity, price = (next((name for name in numbers if word in _words(name)), None) for word in ("qty", "price"))
    if "amount" not in _words(str(wanted["name"])) or wanted["type"] != "decimal" or not quantity or not price:
        return False
    plan.add_column(wanted, f'round("{quantity}" * "{price}", {wanted.get("scale", 2)})')
    return True


def _values(given: Any, column: str) -> list[str]:
    """Texts of a column in the sample that are not empty."""
    return [told for row in given["sample"] if isinstance(told := row.get(column), str) and told.strip()]


def _profiled(given: Any, column: str) -> list[str]:
    """What the profile knows of all rows: frequent values, and one of each shape, as 11.11.1111 of 99.99.9999."""
    found: list[str] = []
    for profile in given["profile"]["columns"]:
        if profile["name"] == column:
            shapes = (shape.replace("AAA", "Jan") for shape, _ in profile["formats"])
            found += [str(value) for value, _ in profile["top"]]
            found += [re.sub(r"(?<=9)A(?=9)", "T", shape).replace("9", "1") for shape in shapes]
    return found
