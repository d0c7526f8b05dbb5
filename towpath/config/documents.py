"""OpenAPI documents of somebody else: read from their bytes, hostile ones refused, and frozen operation by operation.

What is frozen of an operation is a small document by itself: route, parameters, schemas, and nothing that is not used.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from pydantic_core import from_json

from towpath.config.document_schemas import DocumentError, Json, SchemaCopy, resolved
from towpath.config.openapi import IDEMPOTENCY_HEADER, WHOLE, operation_of
from towpath.config.swagger import FORM_TYPE, JSON_TYPE, METHODS, from_swagger
from towpath.engine.language.catalogue import KnownDocument, OperationEntry
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.source import MAX_BYTES, MAX_NESTING, read_source

MAX_JSON_BYTES = 4_000_000
MAX_VALUES = 500_000
MAX_FROZEN = 64 * 1024
"""Of one operation: it goes with each of its calls."""
MOST_OPERATIONS = 5_000
BODY = "body"
_PATH = re.compile(r"/(?!/)[^?#\\\s]*")
_IN_PATH = re.compile(r"\{([^{}]*)\}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
NOT_PARAMETERS = frozenset({"accept", "content-type", "authorization", IDEMPOTENCY_HEADER.lower()})
"""Headers that a document may list, and that the client sets: OpenAPI says to ignore the first three."""
STYLES = {"path": "simple", "query": "form", "header": "simple"}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an operation stands in its document."""

    path: str
    method: str
    item: Json
    spec: Json


@dataclass(frozen=True)
class ForeignDocument:
    """A document that was read. `twice` are operationIds that two operations have."""

    whole: Json
    digest: str
    server: str | None
    places: dict[str, _Place] = field(default_factory=dict[str, _Place])
    twice: frozenset[str] = frozenset()

    def known(self, wanted: Collection[str]) -> KnownDocument:
        """For the checks of a definition that names these operations."""
        frozen: dict[str, Json] = {}
        entries: dict[str, OperationEntry] = {}
        unusable = dict.fromkeys(self.twice, "two operations of the document have this name")
        for name in sorted(set(wanted) & self.places.keys() - self.twice):
            try:
                frozen[name] = self.freeze(name)
            except DocumentError as error:
                unusable[name] = str(error)
                continue
            operation = operation_of(name, frozen[name])
            entries[name] = OperationEntry(name, operation.params, operation.result, operation.summary)
        info = as_object(self.whole.get("info")) or {}
        return KnownDocument(
            digest=self.digest,
            title=str(info.get("title") or "")[:200],
            version=str(info.get("version") or "")[:100],
            server=self.server,
            names=frozenset(self.places),
            operations=entries,
            frozen=frozen,
            unusable=unusable,
        )

    def freeze(self, name: str) -> Json:
        """What is kept of an operation. Raises DocumentError."""
        place = self.places[name]
        if _PATH.fullmatch(place.path) is None or ".." in place.path.split("/"):
            raise DocumentError(f"its path {place.path[:80]!r} is none below an address")
        schemas = SchemaCopy(self.whole)
        parameters = list(self._parameters(place, schemas))
        named = {entry["name"] for entry in parameters if entry["in"] == "path"}
        written = set(_IN_PATH.findall(place.path))
        if named != written:
            odd = ", ".join(sorted(named ^ written))[:80]
            raise DocumentError(f"its path and its path parameters do not agree: {odd}")
        found: Json = {"operationId": name, "method": place.method, "path": place.path, "parameters": parameters}
        found |= self._body(place.spec, schemas, {entry["name"] for entry in parameters})
        found["responses"] = self._answers(place.spec, schemas)
        summary = place.spec.get("summary")
        found |= {"summary": summary[:200]} if isinstance(summary, str) else {}
        found["components"] = {"schemas": schemas.components}
        size = len(json.dumps(found))
        if size > MAX_FROZEN:
            raise DocumentError(f"it needs {size:,} bytes of the document, of at most {MAX_FROZEN:,}")
        return found

    def _parameters(self, place: _Place, schemas: SchemaCopy) -> Iterator[Json]:
        given = [*(as_list(place.item.get("parameters")) or []), *(as_list(place.spec.get("parameters")) or [])]
        entries = [resolved(self.whole, entry) for entry in given]
        for entry in {(entry.get("name"), entry.get("in")): entry for entry in entries}.values():
            name, where = entry.get("name"), entry.get("in")
            if not isinstance(name, str) or not isinstance(where, str):
                raise DocumentError("one of its parameters has no name or no place")
            if where == "header" and name.lower() in NOT_PARAMETERS:
                continue
            is_needed = entry.get("required") is True or where == "path"
            if where not in STYLES or "schema" not in entry:
                if is_needed:
                    raise DocumentError(f"its parameter {name[:60]!r} is a {where[:20]} parameter of a kind not known")
                continue
            if where == "header" and _HEADER.fullmatch(name) is None:
                raise DocumentError(f"its parameter {name[:60]!r} is no name of a header")
            if entry.get("style", STYLES[where]) != STYLES[where]:
                raise DocumentError(f"its parameter {name[:60]!r} has the style {str(entry['style'])[:20]!r}")
            schema = schemas.take(entry["schema"])
            schemas.check(schema)
            joined = {"explode": False} if where == "query" and entry.get("explode") is False else {}
            yield {"name": name, "in": where, "required": is_needed, "schema": schema, **joined}

    def _body(self, spec: Json, schemas: SchemaCopy, names: set[str]) -> Json:
        """The body's fields stand beside the other parameters; one that has none, or one of their names, is whole."""
        if "requestBody" not in spec:
            return {}
        body = resolved(self.whole, spec["requestBody"])
        content = as_object(body.get("content")) or {}
        kind = _json_of(content) or next((kind for kind in content if kind.partition(";")[0] == FORM_TYPE), None)
        if kind is None:
            kinds = ", ".join(content)[:60] or "nothing"
            raise DocumentError(f"its body is {kinds}: JSON and forms can be sent")
        schema = schemas.take((as_object(content[kind]) or {}).get("schema", {}))
        schemas.check(schema)
        fields = _followed(schema, schemas)
        properties = as_object(fields.get("properties"))
        is_whole = properties is None or "allOf" in fields or bool(properties.keys() & (names | {BODY}))
        if is_whole and BODY in names:
            raise DocumentError("a parameter is called body, as its body is")
        told: Json = {"required": body.get("required") is True}
        told["content"] = {JSON_TYPE: {"schema": schema}}
        return {"requestBody": {**told, WHOLE: is_whole, **({"x-form": True} if _is_form(kind) else {})}}

    def _answers(self, spec: Json, schemas: SchemaCopy) -> Json:
        found: Json = {}
        for status, given in (as_object(spec.get("responses")) or {}).items():
            if not status.startswith("2"):
                continue
            content = as_object(resolved(self.whole, given).get("content")) or {}
            kind = _json_of(content)
            if kind is not None:
                schema = schemas.take((as_object(content[kind]) or {}).get("schema", {}))
                schemas.check(schema)
                found[status.upper()] = {"content": {JSON_TYPE: {"schema": schema}}}
        return found


def read_document(content: bytes, place: str = "") -> ForeignDocument:
    """A document by its bytes; `place` is the address that it came from. Raises DocumentError."""
    given = _parsed(content)
    version = given.get("openapi", given.get("swagger"))
    if str(version).startswith("2.0") and "swagger" in given:
        given = from_swagger(given)
    elif not isinstance(version, str) or re.fullmatch(r"3\.[01]\.\d+(-.*)?", version) is None:
        raise DocumentError("it does not say that it is an OpenAPI document of version 2.0, 3.0 or 3.1")
    places: dict[str, _Place] = {}
    twice: set[str] = set()
    for path, entry in (as_object(given.get("paths")) or {}).items():
        item = resolved(given, entry)
        for method in (method for method in METHODS if method in item):
            spec = resolved(given, item[method])
            name = spec.get("operationId")
            name = name if isinstance(name, str) and name else f"{method.upper()} {path}"
            twice |= {name} & places.keys()
            places[name] = _Place(path, method, item, spec)
    if not 0 < len(places) <= MOST_OPERATIONS:
        raise DocumentError(f"it has {len(places) or 'no'} operations, and may have {MOST_OPERATIONS:,}")
    return ForeignDocument(given, hashlib.sha256(content).hexdigest(), _server(given, place), places, frozenset(twice))


def _parsed(content: bytes) -> Json:
    if content.lstrip()[:1] == b"{":
        if len(content) > MAX_JSON_BYTES:
            raise DocumentError(f"it is longer than {MAX_JSON_BYTES:,} bytes")
        try:
            value = from_json(content.removeprefix(b"\xef\xbb\xbf"), allow_inf_nan=False)
        except ValueError as error:
            raise DocumentError(f"it is no JSON: {str(error)[:100]}") from None
        _bound(value)
    else:
        if len(content) > MAX_BYTES:
            raise DocumentError(f"it is longer than {MAX_BYTES:,} bytes of YAML: give it as JSON")
        source = read_source(content)
        wrong = next((problem for problem in source.diagnostics if problem.severity == "error"), None)
        if wrong is not None:
            raise DocumentError(f"it cannot be read: line {wrong.line}: {wrong.what[:100]}")
        value = source.value
    fields = as_object(value)
    if fields is None:
        raise DocumentError("it is no OpenAPI document")
    return fields


def _bound(value: Any) -> None:
    count, level = 0, [value]
    for _ in range(MAX_NESTING + 1):
        count += len(level)
        if not level:
            return
        if count > MAX_VALUES:
            raise DocumentError(f"it has more than {MAX_VALUES:,} values")
        level = [inner for part in level for inner in (*(as_object(part) or {}).values(), *(as_list(part) or []))]
    raise DocumentError(f"it is nested deeper than {MAX_NESTING}")


def _server(document: Json, place: str) -> str | None:
    """The first address that the document names, its variables as they are by default."""
    server = as_object((as_list(document.get("servers")) or [None])[0])
    url = "" if server is None else str(server.get("url") or "")
    variables = {} if server is None else as_object(server.get("variables")) or {}
    for name, variable in variables.items():
        url = url.replace("{" + name + "}", str((as_object(variable) or {}).get("default") or ""))
    url = urljoin(place, url) if place else url
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url.rstrip("/")[:2000] if parts.scheme in {"http", "https"} and parts.netloc and "{" not in url else None


def _followed(schema: Json, schemas: SchemaCopy) -> Json:
    while "$ref" in schema:
        schema = schemas.components[str(schema["$ref"]).rpartition("/")[2]]
    return schema


def _json_of(content: Json) -> str | None:
    """The media type that is JSON, if one is."""
    for kind in content:
        plain = kind.partition(";")[0].strip().lower()
        if plain == JSON_TYPE or plain.endswith("+json"):
            return kind
    return next((kind for kind in content if kind in {"*/*", "application/*"}), None)


def _is_form(kind: str) -> bool:
    return kind.partition(";")[0] == FORM_TYPE
