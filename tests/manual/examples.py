"""The example pipelines of the reference: what of them shows which field of which model."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast

from pydantic import BaseModel

from towpath.contracts.core.wire import json_object
from towpath.contracts.pipeline.pipeline import PipelineConfig
from towpath.dataplane.core.connections import HttpConnection, PostgresqlConnection, S3Connection
from towpath.dataplane.core.setup import read_connections
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.source import read_source
from towpath.local.stack import ROOT
from towpath.policy.pipeline.configuration import check_pipeline

FOLDER = ROOT / "definitions" / "pipelines" / "examples"
CONNECTIONS = FOLDER / "connections.json"
_KINDS: dict[str, type[BaseModel]] = {"http": HttpConnection, "postgresql": PostgresqlConnection, "s3": S3Connection}
LONGEST = 90


class Shown(NamedTuple):
    """A model as one file writes it."""

    file: Path
    model: type[BaseModel]
    written: dict[str, Any]


def files() -> list[Path]:
    return sorted(FOLDER.glob("*.yaml"))


@cache
def shown() -> tuple[Shown, ...]:
    """Everything that the examples write, in the order of files and of lines."""
    return tuple([one for file in files() for one in _of_file(file)] + list(_connections()))


def examples_of(model: type[BaseModel]) -> list[Shown]:
    """Those that are of the model or of one that is made from it."""
    return [one for one in shown() if issubclass(one.model, model)]


def example_of(model: type[BaseModel], field: str) -> tuple[str, Path] | None:
    """The shortest that says something: `delimiter: ";"`, and the file that it stands in."""
    found = [(_line(field, one.written[field]), one.file) for one in examples_of(model) if field in one.written]
    return min(found, key=lambda pair: (len(pair[0]) > LONGEST, found.index(pair)), default=None)


def _of_file(file: Path) -> Iterator[Shown]:
    text = file.read_text(encoding="utf-8")
    config = check_pipeline(text).config
    if config is None:
        raise ValueError(file.name)
    yield from _walk(file, config, as_object(read_source(text).value) or {})


def _walk(file: Path, model: BaseModel, written: dict[str, Any]) -> Iterator[Shown]:
    yield Shown(file, type(model), written)
    for name, given in written.items():
        yield from _inside(file, getattr(model, name, None), given)


def _inside(file: Path, value: object, given: object) -> Iterator[Shown]:
    fields, items = as_object(given), as_list(given)
    if isinstance(value, BaseModel) and fields is not None:
        yield from _walk(file, value, fields)
    for number, item in enumerate(items or []):
        yield from _inside(file, cast("tuple[object, ...]", value)[number], item)


def _connections() -> Iterator[Shown]:
    text = CONNECTIONS.read_text(encoding="utf-8")
    read_connections(text)
    for given in (json_object(text) or {}).values():
        fields = as_object(given) or {}
        yield Shown(CONNECTIONS, _KINDS[str(fields["type"])], fields)


def _line(field: str, value: object) -> str:
    return f"{field}: {flow(value)}"


def flow(value: object) -> str:
    """YAML on one line."""
    fields, items = as_object(value), as_list(value)
    if fields is not None:
        return "{" + ", ".join(f"{_key(name)}: {flow(inner)}" for name, inner in fields.items()) + "}"
    if items is not None:
        return "[" + ", ".join(flow(item) for item in items) + "]"
    if value is None:
        return "~"
    if isinstance(value, bool):
        return str(value).lower()
    return _key(value) if isinstance(value, str) else str(value)


def _key(text: object) -> str:
    """A text in quotes where it would be something else without them."""
    written = str(text)
    read = read_source(f"[{written}]\n").value
    escaped = written.replace("\\", "\\\\").replace('"', '\\"')
    return written if read == [written] and "#" not in written and ": " not in written else f'"{escaped}"'


def configuration(file: Path) -> PipelineConfig:
    config = check_pipeline(file.read_bytes()).config
    assert config is not None
    return config
