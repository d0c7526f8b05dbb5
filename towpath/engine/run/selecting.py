"""Keeping the named parts of a large output, where it was made: the rest never enters history."""

from collections.abc import Sequence
from typing import Any

from towpath.engine.language.shapes import as_list, as_object


def pick(value: Any, paths: Sequence[str]) -> Any:
    """`value` with only the parts that `paths` (`body.items.id`) name; in a list, of each item. All of it for none."""
    if not paths:
        return value
    kept: Any = None
    for path in paths:
        kept = _merge(kept, _part(value, path.split(".")))
    return kept


def _part(value: Any, keys: list[str]) -> Any:
    if not keys:
        return value
    items, fields = as_list(value), as_object(value)
    if items is not None:
        return [_part(item, keys) for item in items]
    if fields is None or keys[0] not in fields:
        return {}
    return {keys[0]: _part(fields[keys[0]], keys[1:])}


def _merge(one: Any, other: Any) -> Any:
    if one is None:
        return other
    first, second = as_object(one), as_object(other)
    if first is not None and second is not None:
        return {**first, **{name: _merge(first.get(name), value) for name, value in second.items()}}
    items, others = as_list(one), as_list(other)
    if items is not None and others is not None and len(items) == len(others):
        return [_merge(item, more) for item, more in zip(items, others, strict=True)]
    return other if second is None or second else one
