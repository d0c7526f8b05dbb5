"""The connections file: which hosts the `http` step may call, how, and with which headers."""

import ipaddress
import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    RootModel,
    ValidationError,
    model_validator,
)

from towpath.contracts.core.quota import Limits
from towpath.contracts.declared.references import SecretName
from towpath.engine.language.mistakes import doubled, mistakes
from towpath.policy.core.web_path import leads_elsewhere

if TYPE_CHECKING:
    from httpx import URL

RESERVED_HEADERS = frozenset(
    {
        *{"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer"},
        *{"expect", "accept-encoding", "proxy-authorization", "proxy-connection", "idempotency-key"},
    }
)
"""Set by the client, or able to change where a request goes or ends."""

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\\]")
ANY_PORT = frozenset(range(1, 65536))
_NOT_IN_HOST = re.compile(r"[\s/:@?#%\[\]]")
_DEFAULT_PORTS = {"https": 443, "http": 80}
_LONGEST_HOST = 253


ItemT = TypeVar("ItemT")


class ConnectionsFileError(Exception):
    """The file cannot be used; the text has one line for each problem, with its place."""


def _pattern(text: str) -> str:
    wildcard, rest = text.startswith("*."), text.lower().removeprefix("*.")
    if not wildcard and _literal(rest) is not None:
        return str(_literal(rest))
    host = rest if _is_name(rest) else _in_a_labels(rest)
    if not _is_name(host) or (wildcard and "." not in host):
        raise ValueError(f"{text!r} is not a host name, an address or *.domain.tld")
    return f"*.{host}" if wildcard else host


def _in_a_labels(name: str) -> str:
    """A name in another script as it is resolved; empty for what is no name."""
    url = None if _NOT_IN_HOST.search(name) else _parsed(f"https://{name}")
    return "" if url is None else url.raw_host.decode("ascii")


def _parts(value: JsonValue | tuple[str | SecretName, ...]) -> tuple[str | SecretName, ...]:
    """A header of the file: its author writes a secret into it as `{"$secret": NAME}`. One that was read stays so."""
    if isinstance(value, tuple):
        return value
    found = _joined(value) if isinstance(value, dict) and len(value) == 1 else None
    whole = _part(value) if found is None else None
    if found is None and whole is None:
        raise ValueError("must be a text, {'$secret': …} or {'$text': […]}")
    return found or (() if whole is None else (whole,))


def _joined(value: dict[str, JsonValue]) -> tuple[str | SecretName, ...] | None:
    given = value.get("$text")
    if not isinstance(given, list):
        return None
    parts = [json.dumps(part) if type(part) in {int, float} else _part(part) for part in given]
    found = tuple(part for part in parts if part is not None)
    return found if len(found) == len(parts) else None


def _part(value: JsonValue) -> str | SecretName | None:
    if isinstance(value, dict) and len(value) == 1 and isinstance(name := value.get("$secret"), str):
        return SecretName(secret=name)
    return value if isinstance(value, str) else None


def _header_name(name: str) -> str:
    if HEADER_NAME.fullmatch(name) is None or name.lower() in RESERVED_HEADERS:
        raise ValueError(f"{name!r} cannot be set as a header")
    return name.lower()


def _connection_name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ValueError("is no name of a connection: use small letters, digits and -, a letter first, 63 at most")
    return name


def _some(items: tuple[ItemT, ...]) -> tuple[ItemT, ...]:
    if not items:
        raise ValueError("must not be empty")
    return items


Port = Annotated[int, Field(ge=1, le=65535)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    description: str = ""
    hosts: Annotated[tuple[Annotated[str, AfterValidator(_pattern)], ...], AfterValidator(_some)]
    allow_http: bool = False
    allow_private: bool = False
    ports: Annotated[tuple[Port, ...], AfterValidator(_some)] | None = None
    base_url: str | None = None
    headers: dict[
        Annotated[str, AfterValidator(_header_name)],
        Annotated[tuple[str | SecretName, ...], BeforeValidator(_parts)],
    ] = {}
    secrets: tuple[str, ...] | None = None
    limits: Limits | None = None


class Connection(_Entry):
    """One entry. `hosts` are exact, or `*.domain` for every host below it; an address needs `allow_private`.

    `ports` are 443 by default, also 80 with `allow_http`, and any with `allow_private`.
    `allow_private` reaches loopback and private networks, never link-local ones with their metadata services.
    `secrets` names what may be sent there, its own headers aside; None is every secret. `limits` hold for the calls of
    all runs and workers together.
    """

    name: str

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Connection":
        for host in self.hosts:
            if _literal(host) is not None and not self.allow_private:
                raise ValueError(f"host {host} is an address, which needs allow_private")
        if self.base_url is not None:
            url = _parsed(self.base_url)
            problems = ["not a URL"] if url is None else _shape_problems(url) or self.problems(url)
            if problems:
                raise ValueError(f"base_url: {problems[0]}")
        return self

    def match(self, host: str) -> int:
        """How closely an entry of `hosts` names the host: 0 is not at all, and an exact name is the closest."""
        if host in self.hosts:
            return _LONGEST_HOST + 1
        if _literal(host) is not None:
            return 0
        return max((len(own) for own in self.hosts if own.startswith("*.") and host.endswith(own[1:])), default=0)

    def open_ports(self) -> frozenset[int]:
        if self.ports is not None:
            return frozenset(self.ports)
        if self.allow_private:
            return ANY_PORT
        return frozenset({443, 80} if self.allow_http else {443})

    def problems(self, url: "URL") -> list[str]:
        """Why this connection does not allow a well-formed URL; a line each."""
        found: list[str] = []
        if not self.match(host_of(url)):
            found.append(f"connection {self.name!r} does not allow the host {host_of(url)}")
        if url.scheme == "http" and not self.allow_http:
            found.append(f"connection {self.name!r} allows https only")
        port = _DEFAULT_PORTS[url.scheme] if url.port is None else url.port
        if port not in self.open_ports():
            found.append(f"connection {self.name!r} does not allow port {port}")
        return found

    def absolute(self, url: str) -> str:
        """`url` below the base URL when it is a path, else itself."""
        if self.base_url is None or not url.startswith("/") or url.startswith("//"):
            return url
        return self.base_url.rstrip("/") + url


class _File(RootModel[dict[Annotated[str, AfterValidator(_connection_name)], _Entry]]):
    """Connection name to its entry."""


class Connections:
    """Read once at start; a changed file needs a restart of the worker."""

    def __init__(self, connections: Mapping[str, Connection]) -> None:
        self._connections = dict(connections)

    @classmethod
    def load(cls, path: Path) -> "Connections":
        """Raises ConnectionsFileError."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ConnectionsFileError(f"{path}: cannot be read ({error.strerror})") from error
        if found := doubled(content):
            raise ConnectionsFileError("\n".join(f"{path}: {line}" for line in found))
        try:
            entries = _File.model_validate_json(content).root
        except ValidationError as error:
            raise ConnectionsFileError("\n".join(_lines(error, path))) from error
        connections: dict[str, Connection] = {}
        problems: list[str] = []
        for name, entry in entries.items():
            try:
                connections[name] = Connection.model_validate({**dict(entry), "name": name})
            except ValidationError as error:
                problems += _lines(error, path, name)
        if problems:
            raise ConnectionsFileError("\n".join(problems))
        return cls(connections)

    def find(self, host: str) -> Connection | None:
        """The connection that names the host most closely; the first of the file among equals."""
        best = max(self._connections.values(), key=lambda connection: connection.match(host), default=None)
        return best if best is not None and best.match(host) else None

    def named(self, name: str) -> Connection | None:
        return self._connections.get(name)

    def all(self) -> list[Connection]:
        return list(self._connections.values())

    def names(self) -> list[str]:
        return sorted(self._connections)

    def hosts(self) -> list[str]:
        return sorted({host for connection in self._connections.values() for host in connection.hosts})


def url_problems(url: str, connections: Connections, connection: str | None = None) -> list[str]:
    """Why a URL may not be called, a line each; the lines name scheme, host and port, and never path or query.

    With `connection`, it is that one which has to allow the URL, else the one that names its host.
    """
    named = None if connection is None else connections.named(connection)
    if connection is not None and named is None:
        return [f"connection {connection!r} is not in the connections file{_hint(connection, connections.names())}"]
    absolute = url if named is None else named.absolute(url)
    parsed = _parsed(absolute)
    if parsed is None:
        return ["not a URL"]
    problems = _shape_problems(parsed)
    if leads_elsewhere(absolute):
        problems.append("a path with . or .. in it, which leads elsewhere")
    if problems:
        return problems
    host = host_of(parsed)
    governing = named or connections.find(host)
    if governing is not None:
        return governing.problems(parsed)
    if _literal(host) is not None:
        return [f"host {host} is an address, and no connection with allow_private names it"]
    return [f"no connection allows the host {host}{_hint(host, connections.hosts())}"]


def host_of(url: "URL") -> str:
    """The host as it is resolved and matched: lower-case A-labels, or an address in its usual spelling."""
    host = url.raw_host.decode("ascii")
    return str(_literal(host) or host)


def _parsed(url: str) -> "URL | None":
    """None for what is no URL, and for characters that parsers are known to read differently."""
    if _UNPRINTABLE.search(url):
        return None
    # Loaded with the first URL: a check of a definition has none, and would start a tenth slower.
    httpx: Any = import_module("httpx")
    try:
        parsed: URL = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return None
    return parsed


def _shape_problems(url: "URL") -> list[str]:
    """What no connection can allow."""
    if url.scheme not in _DEFAULT_PORTS:
        return [f"scheme {url.scheme[:20]!r} is not https" if url.scheme else "not an absolute URL"]
    host = host_of(url)
    problems: list[str] = []
    if url.userinfo:
        problems.append("user name or password in the URL: give a header with a secret")
    if _literal(host) is None:
        if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            problems.append(f"host {host[:100]} is an address in an unusual spelling")
        elif not _is_name(host):
            problems.append("not a usable host name" if host else "no host")
    return problems


def _is_name(host: str) -> bool:
    last = host.rpartition(".")[2]
    return len(host) <= _LONGEST_HOST and _HOST.fullmatch(host) is not None and _NUMBER.fullmatch(last) is None


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _hint(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _lines(error: ValidationError, path: Path, inside: str = "") -> list[str]:
    return [f"{path}: {line}" for line in mistakes(error, (*_Entry.model_fields, *Limits.model_fields), inside=inside)]
