"""A collector of OpenLineage on loopback, and the published schemas that events are held against."""

import json
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

SCHEMAS = Path(__file__).parents[1] / "data" / "openlineage"
EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
PATH = "/api/v1/lineage"
Event = dict[str, Any]


def problems_of(event: Event) -> list[str]:
    """What the published schemas say against an event, and against each of its facets."""
    told = [error.message for error in _validator(EVENT).iter_errors(event)]
    for name, holder in facets_of(event):
        facet = holder[name]
        told += [f"{name}: {error.message}" for error in _validator(facet["_schemaURL"]).iter_errors(facet)]
        if name not in _published(facet["_schemaURL"].partition("#")[0]):
            told.append(f"{name}: is not the name of that facet")
    return told


def facets_of(value: Any) -> Iterator[tuple[str, Event]]:
    """The name of every facet in an event, with what holds it."""
    if isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from facets_of(one)
    elif isinstance(value, dict):
        holder = cast("Event", value)
        for name, one in holder.items():
            if isinstance(one, dict) and "_schemaURL" in one:
                yield name, holder
            yield from facets_of(one)


@cache
def _documents() -> dict[str, Event]:
    documents = [json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")]
    return {document["$id"]: document for document in documents}


@cache
def _validator(schema: str) -> Draft202012Validator:
    resources = [(name, Resource[Any].from_contents(document)) for name, document in _documents().items()]
    registry = Registry[Any]().with_resources(resources)
    return Draft202012Validator({"$ref": schema}, registry=registry, format_checker=_FORMATS)


_FORMATS = FormatChecker(["uuid"])


@_FORMATS.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@_FORMATS.checks("uri", raises=ValueError)
def _is_address(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


def _published(document: str) -> frozenset[str]:
    """Names under which a document's facet stands in events."""
    return frozenset(_documents()[document]["properties"])


@dataclass
class Collector:
    """What it got so far. `answers` are given first, and 201 after them; 0 hangs up without an answer."""

    url: str
    key: str
    received: list[Event] = field(default_factory=list[Event])
    refused: list[Event] = field(default_factory=list[Event])
    answers: list[int] = field(default_factory=list[int])
    is_down: bool = False

    def runs(self, job: str) -> list[tuple[str, str]]:
        """Kind and run id of the events of a job, in their order."""
        return [(one["eventType"], one["run"]["runId"]) for one in self.received if one["job"]["name"] == job]

    def answer(self, path: str, key: str | None, event: Event) -> int:
        if self.is_down:
            status = 0
        elif (path, key) != (PATH, f"Bearer {self.key}"):
            status = 401
        else:
            status = self.answers.pop(0) if self.answers else 201
        (self.received if status == 201 else self.refused).append(event)
        return status


@contextmanager
def collecting(key: str = "key") -> Generator[Collector]:
    """A collector that wants its key."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.collector = collector = Collector(f"http://127.0.0.1:{server.server_port}", key)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield collector
        server.shutdown()
        thread.join()


class _Server(ThreadingHTTPServer):
    collector: Collector


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert isinstance(self.server, _Server)
        status = self.server.collector.answer(self.path, self.headers["authorization"], json.loads(body))
        if status:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        del format, args
