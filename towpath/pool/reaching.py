"""Which connections a task is given: those that its request names, and no secret of any other."""

from collections.abc import Iterator
from typing import cast
from urllib.parse import urlsplit

from pydantic import BaseModel, JsonValue

from towpath.contracts.core.wire import JsonObject, Wire
from towpath.contracts.pipeline.pipeline import PipelineConfig
from towpath.contracts.pipeline.plane import COLLECTOR
from towpath.contracts.pipeline.stages import LineageTask

NAMING = "connection"
"""The field of a source or a destination that names its connection."""


def used_by(request: Wire) -> frozenset[str]:
    """Names of what the task opens. A pipeline as a whole is only described: nothing of it is opened."""
    named = frozenset(name for name, is_described in _named(request, is_described=False) if not is_described)
    return named | {COLLECTOR} if isinstance(request, LineageTask) and request.config.lineage.url_setting else named


def described_by(request: Wire) -> frozenset[str]:
    """Names of what the task tells about, by its address."""
    return frozenset(name for name, is_described in _named(request, is_described=False) if is_described)


def given_for(request: Wire, connections: JsonObject) -> JsonObject:
    """Of all connections those that the task opens, and of those that it tells about the address alone."""
    described = {name: _address(connections[name]) for name in described_by(request) & connections.keys()}
    used = {name: connections[name] for name in used_by(request) & connections.keys()}
    return {name: value for name, value in (described | used).items() if value is not None}


def kinds_of(connections: JsonObject) -> dict[str, str]:
    """What there is, for messages about a name that there is not."""
    return {name: str(_fields(value).get("type", "http")) for name, value in connections.items()}


def _named(value: object, *, is_described: bool) -> Iterator[tuple[str, bool]]:
    if isinstance(value, BaseModel):
        inside = is_described or isinstance(value, PipelineConfig)
        for field in type(value).model_fields:
            inner: object = getattr(value, field)
            if field == NAMING and isinstance(inner, str):
                yield inner, inside
            else:
                yield from _named(inner, is_described=inside)
    elif isinstance(value, dict):
        yield from _of_all(cast("dict[object, object]", value).values(), is_described=is_described)
    elif isinstance(value, (tuple, list)):
        yield from _of_all(cast("tuple[object, ...]", value), is_described=is_described)


def _of_all(values: object, *, is_described: bool) -> Iterator[tuple[str, bool]]:
    for value in cast("tuple[object, ...]", values):
        yield from _named(value, is_described=is_described)


def _address(connection: JsonValue) -> JsonValue:
    """Where it is, without user, password, headers and parameters; None where nothing is told about it."""
    fields = _fields(connection)
    kind = fields.get("type", "http")
    given = fields.get("base_url" if kind == "http" else "url")
    if not isinstance(given, str):
        return None
    parts = urlsplit(given)
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return {"type": kind, "base_url": place} if kind == "http" else {"type": kind, "url": place}


def _fields(connection: JsonValue) -> JsonObject:
    return connection if isinstance(connection, dict) else {}
