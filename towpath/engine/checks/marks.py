"""Where a written part of a definition holds durations: told by the models that read it, never by names."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from towpath.engine.language.diagnostics import Path
from towpath.engine.language.model import Model
from towpath.engine.language.shapes import as_list, as_object, resolve


def durations(model: type[Model], written: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """The place and the text of each value that the model reads as a duration."""
    whole = _schema(model)
    yield from _durations(whole, written, path, whole)


@lru_cache(maxsize=100)
def _schema(model: type[Model]) -> dict[str, Any]:
    return model.model_json_schema()


def _durations(schema: dict[str, Any], value: Any, path: Path, whole: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    schema = resolve(schema, whole)
    if isinstance(value, str):
        variants = as_list(schema.get("anyOf")) or [schema]
        if any((as_object(variant) or {}).get("x-duration") for variant in variants):
            yield path, value
        return
    for variant in as_list(schema.get("anyOf")) or []:
        yield from _durations(as_object(variant) or {}, value, path, whole)
    for index, inner in enumerate(as_list(value) or []):
        yield from _durations(as_object(schema.get("items")) or {}, inner, (*path, index), whole)
    known = as_object(schema.get("properties")) or {}
    others = [schema.get("additionalProperties"), *(as_object(schema.get("patternProperties")) or {}).values()]
    rest = next((found for found in map(as_object, others) if found), dict[str, Any]())
    for name, inner in (as_object(value) or {}).items():
        yield from _durations(as_object(known.get(name)) or rest, inner, (*path, name), whole)
