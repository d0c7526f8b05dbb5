"""Checks of the OpenAPI documents that a definition names, and of the operations that its steps call."""

from collections.abc import Callable
from typing import Any

from towpath.engine.checks.params import check_params
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.catalogue import DefinitionCatalogue, KnownConnection, KnownDocument
from towpath.engine.language.definition import Header
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.http_step import ApiDocument, OpenApiConfig
from towpath.engine.language.reads import secrets_read
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.source import Source

FROZEN = "frozen"
MOST_BYTES = 256 * 1024
"""Of all that is frozen: it travels with the start of every run."""


def check_documents(
    source: Source,
    header: Header,
    catalogue: DefinitionCatalogue,
    check_url: Callable[[str, Path, KnownConnection], None],
) -> None:
    read = [catalogue.documents[name] for name in header.documents if name in catalogue.documents]
    size = sum(len(str(operation)) for known in read for operation in known.frozen.values())
    if size > MOST_BYTES:
        what = f"the operations of its documents need about {size:,} bytes, of at most {MOST_BYTES:,}"
        source.report(("documents",), "document.too-large", what, "split the definition")
    for name, document in header.documents.items():
        path: Path = ("documents", name)
        if document.frozen is not None:
            what = "what is frozen of a document is written when it is published, not by hand"
            source.report((*path, FROZEN), "document.frozen", what, "leave it out", key=True)
        known = catalogue.documents.get(name)
        if known is None:
            what = f"{document.openapi} was not fetched: operations and params of {name!r} are not checked here"
            mend = "`definition publish` fetches it, and checks them"
            source.report((*path, "openapi"), "document.not-fetched", what, mend, severity="warning")
        elif known.problem:
            mend = "name an OpenAPI document of version 2.0, 3.0 or 3.1"
            source.report((*path, "openapi"), "document.unusable", known.problem, mend)
        connection = catalogue.connections.get(document.connection)
        if connection is None:
            hint = did_you_mean(document.connection, catalogue.connections)[2:] or "add it to connections.json"
            what = f"there is no connection {document.connection!r}"
            source.report((*path, "connection"), "connection.unknown", what, hint)
        elif known is not None and not known.problem:
            _server(source, document, known, connection, path, check_url)


def _server(
    source: Source,
    document: ApiDocument,
    known: KnownDocument,
    connection: KnownConnection,
    path: Path,
    check_url: Callable[[str, Path, KnownConnection], None],
) -> None:
    """Where the operations are: below the base URL of the connection, else where the document says."""
    if connection.base_url is not None:
        return
    if known.server is None:
        what = f"neither the connection {document.connection!r} nor the document says where its operations are"
        source.report((*path, "connection"), "document.server", what, "add base_url to the connection")
    else:
        check_url(known.server, (*path, "openapi"), connection)


def check_operation(
    source: Source, config: OpenApiConfig, path: Path, catalogue: DefinitionCatalogue, *, is_open: Callable[[Any], bool]
) -> None:
    """One call against its document; what was not fetched is not looked at."""
    documents = as_object((as_object(source.value) or {}).get("documents")) or {}
    if config.document not in documents:
        what = f"the definition names no document {config.document!r}"
        hint = did_you_mean(config.document, documents)[2:] or "add it: documents: {NAME: {openapi, connection}}"
        source.report((*path, "document"), "document.unknown", what, hint)
        return
    known = catalogue.documents.get(config.document)
    if known is None or known.problem:
        return
    operation = known.operations.get(config.operation)
    if config.operation in known.unusable:
        what = f"{config.document} {config.operation} cannot be called: {known.unusable[config.operation]}"
        source.report((*path, "operation"), "operation.unusable", what, "call it by an http step")
    elif operation is None:
        what = f"{config.document} has no operation {config.operation!r}"
        source.report((*path, "operation"), "operation.unknown", what, did_you_mean(config.operation, known.names)[2:])
    else:
        what, place = f"{config.document} {config.operation}", (*path, "params")
        check_params(source, config.params, dict(operation.params), place, what, is_open=is_open)
        for name in path_params(known.frozen[config.operation]):
            if secrets_read(config.params.get(name)):
                said = f"{name!r} is part of the address, which is no place for a secret"
                mend = "give it as data, or let the connection have a header"
                source.report((*place, name), "param.secret", said, mend)


def path_params(operation: dict[str, Any]) -> list[str]:
    given = [as_object(entry) or {} for entry in as_list(operation.get("parameters")) or []]
    return [str(entry.get("name")) for entry in given if entry.get("in") == "path"]


def with_documents(value: dict[str, Any], catalogue: DefinitionCatalogue) -> dict[str, Any]:
    """The definition with what is frozen of its documents, all of which were read."""
    documents = as_object(value.get("documents")) or {}
    if not documents:
        return value
    found: dict[str, Any] = {}
    for name, document in documents.items():
        connection = catalogue.connections.get(document["connection"])
        has_base = connection is not None and connection.base_url is not None
        found[name] = {**document, FROZEN: _frozen(catalogue.documents[name], has_base=has_base)}
    return {**value, "documents": found}


def _frozen(known: KnownDocument, *, has_base: bool) -> dict[str, Any]:
    """With the server that the document names only where the connection says nothing: that one counts."""
    told: dict[str, Any] = {"digest": known.digest, "title": known.title, "version": known.version}
    server = {} if has_base or known.server is None else {"server": known.server}
    return {**told, **server, "operations": dict(known.frozen)}


def is_remote(place: str) -> bool:
    return "://" in place


def operations_named(value: Any) -> dict[str, set[str]]:
    """By document, the operations that anything in a definition names: those of its steps, and perhaps more."""
    found: dict[str, set[str]] = {}
    waiting: list[Any] = [value]
    while waiting:
        part = waiting.pop()
        fields = as_object(part)
        if fields is not None:
            document, operation = fields.get("document"), fields.get("operation")
            if isinstance(document, str) and isinstance(operation, str):
                found.setdefault(document, set()).add(operation)
            waiting.extend(fields.values())
        waiting.extend(as_list(part) or [])
    return found
