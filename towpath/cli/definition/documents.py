"""OpenAPI documents that a definition names, as commands read them: beside its file, or over https by a connection."""

import base64
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from towpath.cli.configuration import settings
from towpath.config.connections import Connections
from towpath.config.document_schemas import DocumentError
from towpath.config.documents import MAX_JSON_BYTES, read_document
from towpath.config.secrets import Secrets
from towpath.contracts.core.failure import HouseError
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.declared.http_call import HttpRequest
from towpath.engine.checks.documents import is_remote, operations_named
from towpath.engine.language.catalogue import KnownDocument
from towpath.engine.language.shapes import as_object
from towpath.engine.language.source import read_source

FETCH_SECONDS = 20


Documents = dict[str, KnownDocument]


@dataclass(frozen=True, slots=True)
class DocumentPlace:
    """A document as a definition names it, and the operations that the definition names."""

    place: str
    connection: str
    operations: frozenset[str]


def beside(file: Path, text: bytes) -> Documents:
    """Of the documents that a definition names, those that are files."""
    return {name: _beside(file, place) for name, place in _places(text).items() if not is_remote(place.place)}


async def everywhere(file: Path, text: bytes, connections: Connections) -> Documents:
    """All of them: those at addresses are fetched, by the rules of http steps."""
    remote = {name: place for name, place in _places(text).items() if is_remote(place.place)}
    return beside(file, text) | {name: await _fetched(place, connections) for name, place in remote.items()}


def _places(text: bytes) -> dict[str, DocumentPlace]:
    """Of a definition that may be wrong in any way: what of it is none is told by its checks."""
    value = as_object(read_source(text).value) or {}
    operations = operations_named(value)
    found: dict[str, DocumentPlace] = {}
    for name, given in (as_object(value.get("documents")) or {}).items():
        fields = as_object(given) or {}
        place, connection = fields.get("openapi"), fields.get("connection")
        if isinstance(place, str) and isinstance(connection, str):
            found[name] = DocumentPlace(place, connection, frozenset(operations.get(name, ())))
    return found


def _beside(file: Path, document: DocumentPlace) -> KnownDocument:
    """A file in the folder of the definition, or below it."""
    folder = (Path() if str(file) == "-" else file.parent).resolve()
    try:
        path = (folder / document.place).resolve()
        if not path.is_relative_to(folder):
            return _unusable(document, "it is not beside the definition, nor below it")
        with path.open("rb") as opened:
            return _known(document, opened.read(MAX_JSON_BYTES + 1))
    except (OSError, ValueError) as error:
        return _unusable(document, f"it cannot be read ({getattr(error, 'strerror', None) or 'its path is none'})")


async def _fetched(document: DocumentPlace, connections: Connections) -> KnownDocument:
    if "{{" in document.place:
        return _unusable(document, "its address is written out, and never comes from data")
    try:
        return _known(document, await _sent(document, connections))
    except HouseError as error:
        return _unusable(document, f"it cannot be fetched: {error.message}")


def _known(document: DocumentPlace, content: bytes) -> KnownDocument:
    try:
        found = read_document(content, document.place if is_remote(document.place) else "")
    except DocumentError as error:
        return _unusable(document, str(error))
    return found.known(document.operations)


def _unusable(document: DocumentPlace, why: str) -> KnownDocument:
    return KnownDocument(problem=f"{document.place[:200]}: {why}")


async def _sent(document: DocumentPlace, connections: Connections) -> bytes:
    """Raises HouseError."""
    # Loaded when something is fetched: most commands fetch nothing, and would start later.
    client: Any = import_module("towpath.integrations.http.guarded_http").GuardedHttp
    secrets = {name: value.get_secret_value() for name, value in settings().secrets.items()}
    http = client(connections, Secrets(secrets))
    request = HttpRequest(
        url=document.place,
        connection=document.connection,
        output="raw",
        timeout_seconds=FETCH_SECONDS,
        key=EffectKey("document"),
        max_bytes=MAX_JSON_BYTES,
    )
    try:
        return base64.b64decode((await http.send(request)).body)
    finally:
        await http.close()
