"""Answers for the ETL pipeline: target columns found by name, formats told from the sample. Nothing is invented."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pydantic import JsonValue

from towpath.standins.claude.given import JsonObject, inner, lines, text

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
    values = {name: _values(given, old) for name, old in found.items()}
    for name in found:
        _clean(plan, name, target[name], values[name])
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


def _clean(plan: _Plan, name: str, wanted: JsonObject, values: list[str]) -> None:
    """Texts are trimmed; those that become something else are cast, by the formats that the sample shows."""
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
    formats = _formats(values, clock=kind == "timestamp") if given == "text" and kind in {"date", "timestamp"} else []
    if formats in (["%Y-%m-%d"], ["%Y-%m-%d %H:%M:%S"]):
        formats = []
    plan.add("cast", column=name, to=to, formats=[*formats])
    plan.types[name] = kind


def _formats(values: Iterable[str], *, clock: bool) -> list[str]:
    """Formats of dates in the order of the sample. Days and months are told apart where one of them is above 12."""
    told: list[str] = []
    slashed = [found for value in values if (found := _SLASHED.match(value.strip()))]
    american = any(int(found[2]) > 12 for found in slashed)
    dates = [*_FORMATS, (r"\d{1,2}/\d{1,2}/\d{4}", "%m/%d/%Y" if american else "%d/%m/%Y")]
    for value in values:
        for pattern, name in dates:
            found = re.match(pattern, value.strip())
            if found is not None:
                told.append(name + (_clock(value.strip()[found.end() :]) if clock else ""))
                break
    return list(dict.fromkeys(told))


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


def _objects(given: JsonObject, name: str) -> list[JsonObject]:
    entries = given.get(name)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


HANDLERS: dict[str, Callable[[JsonObject], JsonObject]] = {"Proposal": proposal}
"""By the title of the output schema."""
