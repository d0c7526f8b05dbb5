"""Answers for the ETL pipeline: target columns found by name, formats told from the sample. Nothing is invented."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import JsonValue

JsonObject = dict[str, JsonValue]

UNSURE = 0.5
"""Names that share less than this of their words are not taken for one another."""

_FORMATS = (
    (r"\d{4}-\d{1,2}-\d{1,2}", "%Y-%m-%d"),
    (r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    (r"\d{4}\.\d{1,2}\.\d{1,2}", "%Y.%m.%d"),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y"),
    (r"\d{8}", "%Y%m%d"),
    (r"\d{1,2}-[A-Za-z]{3}-\d{4}", "%d-%b-%Y"),
)
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/\d{4}")
_EUROPEAN, _AMERICAN = "%d/%m/%Y", "%m/%d/%Y"
_CLOCKS = ((r"[ T]\d{1,2}:\d{2}:\d{2}", "%H:%M:%S"), (r"[ T]\d{1,2}:\d{2}", "%H:%M"))
_MONEY = re.compile(r"[$€£¥₩원,]|[A-Z]{3}")
_SAME: dict[str, str] = {
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
    operations: list[tuple[str, JsonObject]] = field(default_factory=list[tuple[str, JsonObject]])
    unresolved: list[str] = field(default_factory=list[str])

    def add(self, op: str, **arguments: JsonValue) -> None:
        self.operations.append((op, arguments))


def proposal(given: JsonObject) -> JsonObject:
    """Rename, clean, cast, deduplicate, join, derive: in this order, each where the names and values say so."""
    source = {text(column, "name"): text(column, "type") for column in _objects(given, "columns")}
    target = {text(column, "name"): column for column in _objects(given, "target")}
    plan = _Plan(dict(source))
    found = _matches(source, target)
    _rename(plan, found)
    for name, old in found.items():
        _clean(plan, name, target[name], _values(given, old), _profiled(given, old))
    _deduplicate(plan, given)
    left = [name for name in target if name not in plan.types]
    for name in left:
        _resolve(plan, name, target[name], given)
    operations: list[JsonValue] = [
        {"op": op, "arguments": json.dumps(arguments, ensure_ascii=False)} for op, arguments in plan.operations
    ]
    return {"operations": operations, "unresolved": [*plan.unresolved]}


def _matches(source: dict[str, str], target: dict[str, JsonObject]) -> dict[str, str]:
    """Source columns by the target's names, the surest pairs first, each column once."""
    pairs = [
        (_likeness(name, old, text(column, "description")), name, old)
        for name, column in target.items()
        for old in source
    ]
    found: dict[str, str] = {}
    for likeness, name, old in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if likeness > UNSURE and name not in found and old not in found.values():
            found[name] = old
    return {name: found[name] for name in target if name in found}


def _likeness(one: str, other: str, description: str) -> float:
    if one == other:
        return 2.0
    words, others = _words(one), _words(other)
    if "".join(words) == "".join(others):
        return 1.5
    shared = len(set(words) & set(others))
    told = other.lower() in description.lower().split()
    return shared / max(len(set(words) | set(others)), 1) + told


def _words(name: str) -> list[str]:
    parts: list[str] = re.findall(r"[a-z]+|\d+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower())
    return [_SAME.get(part) or (part.removesuffix("s") if len(part) > 3 else part) for part in parts]


def _rename(plan: _Plan, found: dict[str, str]) -> None:
    """A name that another column bears already is freed by the same operation."""
    new = {old: name for name, old in found.items() if old != name}
    for name in [name for name in new.values() if name in plan.types and name not in new]:
        new[name] = f"{name}_before"
    if new:
        plan.add("rename", columns=dict[str, JsonValue](new))
        plan.types = {new.get(name, name): kind for name, kind in plan.types.items()}


def _clean(plan: _Plan, name: str, wanted: JsonObject, values: list[str], profiled: list[str]) -> None:
    """Texts are trimmed; those that become something else are cast, by the formats that sample and profile show."""
    kind, given = text(wanted, "type"), plan.types[name]
    if given == "text":
        steps: list[JsonValue] = ["trim", "empty_to_null"]
        if kind in {"decimal", "float", "integer"} and any(_MONEY.search(value) for value in values):
            steps.append("money")
        if kind == "text" and values and all(re.fullmatch(r"\s*\S+@\S+\s*", value) for value in values):
            steps.insert(1, "lower")
        plan.add("normalise", column=name, steps=steps)
    if kind == given and kind != "decimal":
        return
    to: JsonObject = {key: wanted[key] for key in ("name", "type", "precision", "scale") if key in wanted}
    is_read = given == "text" and kind in {"date", "timestamp"}
    formats = _formats([*values, *profiled], clock=kind == "timestamp") if is_read else []
    if formats in (["%Y-%m-%d"], ["%Y-%m-%d %H:%M:%S"]):
        formats = []
    plan.add("cast", column=name, to=to, formats=[*formats])
    plan.types[name] = kind


def _formats(values: Iterable[str], *, clock: bool) -> list[str]:
    """Formats of dates in the order of the values. Days and months are told apart where one of them is above 12."""
    told: list[str] = []
    slashed = _slashed(values)
    for value in values:
        for pattern, names in (*((pattern, [name]) for pattern, name in _FORMATS), (_SLASHED, slashed)):
            found = re.match(pattern, value.strip())
            if found is not None:
                ending = _clock(value.strip()[found.end() :]) if clock else ""
                told += [name + ending for name in names]
                break
    return list(dict.fromkeys(told))


def _slashed(values: Iterable[str]) -> list[str]:
    """One of the two orders, or both where the values show both."""
    found = [match for value in values if (match := _SLASHED.match(value.strip()))]
    american, european = (any(int(match[place]) > 12 for match in found) for place in (2, 1))
    return [_EUROPEAN, _AMERICAN] if american and european else [_AMERICAN if american else _EUROPEAN]


def _clock(rest: str) -> str:
    for pattern, name in _CLOCKS:
        if re.match(pattern, rest):
            return rest[0] + name
    return ""


def _deduplicate(plan: _Plan, given: JsonObject) -> None:
    key = [name for name in lines(given, "key") if name in plan.types]
    newest = text(given, "newest_by")
    if key and len(key) == len(lines(given, "key")):
        plan.add("deduplicate", key=[*key], newest_by=newest if newest in plan.types else None)


def _resolve(plan: _Plan, name: str, wanted: JsonObject, given: JsonObject) -> None:
    """A column that the source has not: from another source, or a quantity times a price."""
    if not _joined(plan, name, wanted, given) and not _product(plan, name, wanted):
        plan.unresolved.append(f"{name}: no column of the source is called like it")
        plan.add("derive", column=dict(wanted), expression="NULL")
        plan.types[name] = text(wanted, "type")


def _joined(plan: _Plan, name: str, wanted: JsonObject, given: JsonObject) -> bool:
    for source, listed in inner(given, "other_sources").items():
        told = [entry.split(" ") for entry in listed if isinstance(entry, str)] if isinstance(listed, list) else []
        columns = {parts[0]: parts[-1] for parts in told}
        there = next((other for other in columns if _likeness(name, other, "") > 1), None)
        pair = _key_pair(plan, source, columns)
        if there is None or pair is None or columns[there] != text(wanted, "type"):
            continue
        plan.add("join", source=source, on={pair[0]: pair[1]}, columns={there: name}, kind="left")
        plan.types[name] = columns[there]
        return True
    return False


def _key_pair(plan: _Plan, source: str, columns: dict[str, str]) -> tuple[str, str] | None:
    """`customer_id` here is `customer_id` there, or `id` of `customers`, of the same type."""
    single = source.removesuffix("s")
    for here, kind in plan.types.items():
        for there, other in columns.items():
            if (
                other == kind
                and (here == there or _words(here) == _words(f"{single}_{there}"))
                and "id" in _words(there)
            ):
                return here, there
    return None


def _product(plan: _Plan, name: str, wanted: JsonObject) -> bool:
    if "amount" not in _words(name) or text(wanted, "type") != "decimal":
        return False
    numbers = {known: _words(known) for known, kind in plan.types.items() if kind in {"integer", "decimal"}}
    quantity = next((known for known, words in numbers.items() if "qty" in words), None)
    price = next((known for known, words in numbers.items() if "price" in words), None)
    if quantity is None or price is None:
        return False
    scale = wanted.get("scale", 2)
    plan.add("derive", column=dict(wanted), expression=f'round("{quantity}" * "{price}", {scale})')
    plan.types[name] = "decimal"
    return True


def _values(given: JsonObject, column: str) -> list[str]:
    """Texts of a column in the sample that are not empty."""
    return [told for row in _objects(given, "sample") if isinstance(told := row.get(column), str) and told.strip()]


def _profiled(given: JsonObject, column: str) -> list[str]:
    """What the profile knows of all rows: frequent values, and one of each frequent shape."""
    told: list[JsonValue] = []
    for profile in _objects(inner(given, "profile"), "columns"):
        if profile.get("name") == column:
            told += [_first(entry) for entry in _listed(profile, "top")]
            told += [_instance(_first(entry)) for entry in _listed(profile, "formats")]
    return [value for value in told if isinstance(value, str) and value.strip()]


def _instance(shape: JsonValue) -> str:
    """A value of a shape: 99.99.9999 is that of 11.11.1111."""
    return re.sub(r"(?<=9)A(?=9)", "T", shape).replace("9", "1") if isinstance(shape, str) else ""


def _first(entry: JsonValue) -> JsonValue:
    return entry[0] if isinstance(entry, list) and entry else None


def _listed(given: JsonObject, name: str) -> list[JsonValue]:
    entries = given.get(name)
    return entries if isinstance(entries, list) else []


def _objects(given: JsonObject, name: str) -> list[JsonObject]:
    entries = given.get(name)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def text(given: JsonObject, name: str) -> str:
    value = given.get(name)
    return " ".join(value.split()) if isinstance(value, str) else ""


def lines(given: JsonObject, name: str) -> list[str]:
    return [value for value in _listed(given, name) if isinstance(value, str)]


def inner(given: JsonObject, name: str) -> JsonObject:
    value = given.get(name)
    return value if isinstance(value, dict) else {}
