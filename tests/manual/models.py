"""What the reference of pipelines is about: pages, the models on each, and what the contracts say of their fields."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from itertools import pairwise
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from towpath.contracts.core.claude import Budget
from towpath.contracts.core.review import ReviewPolicy
from towpath.contracts.pipeline import loading, pipeline, quality, transformation
from towpath.contracts.pipeline.dataset import Column
from towpath.contracts.pipeline.scheduling import PipelineSchedule
from towpath.contracts.pipeline.schema import SchemaContract
from towpath.dataplane.core.connections import HttpConnection, PostgresqlConnection, S3Connection

OPERATIONS = tuple(get_args(get_args(transformation.Operation)[0]))
RULES = tuple(get_args(get_args(quality.Rule)[0]))
PAGES: dict[str, tuple[type[BaseModel], ...]] = {
    "file": (pipeline.PipelineConfig, PipelineSchedule, ReviewPolicy, Budget, pipeline.LineageSinks),
    "sources": (
        *(pipeline.SourceBase, pipeline.FileSource, pipeline.HttpSource, pipeline.ApiPaging),
        *(pipeline.PostgresqlSource, Column, pipeline.CursorField, pipeline.ByFile, pipeline.ByRange, pipeline.ByDate),
        *(pipeline.ByPage, pipeline.RowRule, SchemaContract),
        *(HttpConnection, PostgresqlConnection, S3Connection),
    ),
    "operations": (transformation.Specification, pipeline.Proposing, *OPERATIONS),
    "quality": (pipeline.QualityPolicy, quality.RuleBase, *RULES),
    "destinations": (
        *(pipeline.Target, loading.DuckdbDestination, loading.PostgresqlDestination, loading.ParquetDestination),
    ),
}
"""By the name of the page, in the order in which a reader meets them."""
TITLES: dict[type[object], str] = {
    pipeline.PipelineConfig: "The file",
    PipelineSchedule: "schedule",
    ReviewPolicy: "review",
    Budget: "budget",
    pipeline.LineageSinks: "lineage",
    pipeline.SourceBase: "Every source",
    pipeline.FileSource: "csv, ndjson, json, parquet",
    pipeline.HttpSource: "http",
    pipeline.ApiPaging: "paging",
    pipeline.PostgresqlSource: "postgresql",
    Column: "A column",
    pipeline.CursorField: "cursor",
    pipeline.RowRule: "validation",
    SchemaContract: "contract",
    HttpConnection: "Connection of type http",
    PostgresqlConnection: "Connection of type postgresql",
    S3Connection: "Connection of type s3",
    transformation.Specification: "transformation",
    pipeline.Proposing: "transformation by proposal",
    pipeline.QualityPolicy: "quality",
    quality.RuleBase: "Every rule",
    pipeline.Target: "target",
    loading.DuckdbDestination: "Destination of type duckdb",
    loading.PostgresqlDestination: "Destination of type postgresql",
    loading.ParquetDestination: "Destination of type parquet",
}
_MOST_KINDS = 4
_WORDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    Decimal: "number",
    bool: "true or false",
    timedelta: "duration",
    SecretStr: "text",
}


@dataclass(frozen=True, slots=True)
class FieldEntry:
    """A field as the reference shows it; `default` is empty where there is none and the field must be given."""

    name: str
    type: str
    default: str
    meaning: str


def entries(model: type[BaseModel]) -> Iterator[FieldEntry]:
    """Its own fields: those of a base that has a table for itself stand there."""
    told = _docstrings(model)
    for name, info in model.model_fields.items():
        if name in _inherited(model):
            continue
        meaning = info.description or told.get(name, "") or _kind(info)
        yield FieldEntry(name, type_in_words(info.annotation), _default(info), meaning.rstrip("."))


def documentation(model: type[BaseModel]) -> str:
    return inspect.cleandoc(model.__doc__ or "")


def models() -> Iterator[type[BaseModel]]:
    for found in PAGES.values():
        yield from found


def type_in_words(annotation: Any) -> str:
    """`list of text`, `text or nothing`, the words of an enumeration as they are written, and links to models."""
    if hasattr(annotation, "__metadata__"):
        return type_in_words(annotation.__origin__)
    if inspect.isclass(annotation) and annotation not in _WORDS:
        return _class_in_words(annotation)
    return _WORDS.get(annotation) or _generic_in_words(get_origin(annotation), get_args(annotation))


def _class_in_words(annotation: type[object]) -> str:
    if issubclass(annotation, StrEnum):
        return ", ".join(f"`{value}`" for value in annotation)
    return f"[{title_of(annotation)}]({page_of(annotation)}#{anchor_of(annotation)})"


def _generic_in_words(origin: Any, inner: tuple[Any, ...]) -> str:
    if origin is Literal:
        return ", ".join(f"`{str(value).lower() if isinstance(value, bool) else value}`" for value in inner)
    if origin is tuple:
        return f"list of {type_in_words(inner[0])}"
    if origin is dict:
        return f"mapping to {type_in_words(inner[1])}"
    known = [one for one in inner if one is not NoneType]
    if len(known) > _MOST_KINDS:
        return f"one of the {len(known)} kinds on [their page]({page_of(known[0])})"
    return " or ".join(type_in_words(one) for one in known)


def page_of(model: type[object]) -> str:
    return next((f"{page}.md" for page, found in PAGES.items() if model in found), "")


def title_of(model: type[object]) -> str:
    """What the file calls it: by its word where it has one, as `cast` or `not_null`."""
    if model in TITLES:
        return TITLES[model]
    for name in ("op", "rule", "by"):
        words = get_args(getattr(model, "__annotations__", {}).get(name))
        if len(words) == 1:
            return f"by: {words[0]}" if name == "by" else str(words[0])
    raise KeyError(model.__name__)


def anchor_of(model: type[object]) -> str:
    return re.sub(r"[^a-z0-9_-]+", "", title_of(model).lower().replace(" ", "-"))


def _inherited(model: type[BaseModel]) -> set[str]:
    bases = [base for base in model.__bases__ if issubclass(base, BaseModel) and base in set(models())]
    return {name for base in bases for name in base.model_fields}


def _kind(info: FieldInfo) -> str:
    """A field with one value says what it is that stands there."""
    return "says which kind it is" if get_origin(info.annotation) is Literal else ""


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return ""
    value = info.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return ""
    return _shown(value)


def _shown(value: object) -> str:
    """As it would stand in the file."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, timedelta):
        return f"`{_duration(value)}`"
    if value is None or value in ("", (), {}):
        return "–"
    if isinstance(value, BaseModel):
        given = value.model_dump(mode="python", exclude_defaults=True)
        return ", ".join(f"{name}: {_shown(inner)}" for name, inner in given.items()) or "its defaults"
    return f"`{value}`"


def _duration(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


@cache
def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Texts that stand below fields in the class, as some contracts have them."""
    tree = ast.parse(inspect.getsource(model))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found: dict[str, str] = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            value = ast.literal_eval(text.value)
            found[field.target.id] = " ".join(str(value).split())
    return found
