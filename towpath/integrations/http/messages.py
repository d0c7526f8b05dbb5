"""The `http` step's messages: a request made from its templates, and an answer read within its bounds."""

import base64
import codecs
import json
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from urllib.parse import quote, urlencode

import httpx
from pydantic import JsonValue
from pydantic_core import from_json

from towpath.config.connections import HEADER_NAME, RESERVED_HEADERS, Connection, host_of
from towpath.config.masking import MASK, Masker
from towpath.config.openapi import IDEMPOTENCY_HEADER
from towpath.config.secrets import Secrets
from towpath.contracts.core.failure import OUTCOME_UNKNOWN, FailureCode, ServiceError
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.http_call import HttpRequest
from towpath.contracts.declared.references import SecretName, SecretPlace, secrets_in
from towpath.outside.bounds import SLACK_BYTES, CodingError, Decoder, TooLargeError
from towpath.outside.transport import Attempt

MAX_HEADER_BYTES = 32 * 1024
MAX_HEADER_VALUE = 2048
MAX_URI = 8192
SAFE_HEADERS = frozenset(
    {
        *{"content-type", "content-language", "content-location", "content-range", "content-disposition"},
        *{"etag", "last-modified", "location", "link", "retry-after", "date", "expires", "cache-control", "allow"},
        *{"x-request-id", "request-id", "x-correlation-id", "x-total-count", "x-total", "x-next-page", "x-page"},
        *{"ratelimit", "ratelimit-policy", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"},
        *{"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "deprecation", "sunset"},
    }
)
DEFAULT_HEADERS = {"accept": "application/json, text/*;q=0.9, */*;q=0.5", "user-agent": "towpath"}
KEYED = frozenset({"POST", "PUT", "PATCH", "DELETE"})
BODILESS = frozenset({"GET", "HEAD"})
FORM = "application/x-www-form-urlencoded"
TEXTUAL = frozenset({"application/xml", "application/yaml", "application/x-ndjson", FORM})
CHARSETS = frozenset(
    {
        *{"utf-8", "utf-16", "ascii", "iso8859-1", "iso8859-2", "iso8859-15", "cp1250", "cp1251", "cp1252", "koi8-r"},
        *{"euc_kr", "cp949", "shift_jis", "cp932", "euc_jp", "iso2022_jp", "gb2312", "gbk", "gb18030", "big5"},
    }
)
"""Python knows others that take quadratic time, or are no character sets."""

OF_CLIENT = ("auth", "oauth2_client_credentials")
"""Begins the places of secrets that go to a token server, and not to the host of the request."""

_HEADER_VALUE = re.compile(r"(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?")
_CREDENTIALS = frozenset({"authorization", "cookie"})
_OF_BODY = frozenset({"content-type", "content-encoding", "content-language", "content-location"})


@dataclass(frozen=True, slots=True)
class CallDescription:
    """What may be said about a call: neither path nor query, body, headers or secrets."""

    method: str
    host: str | None = None
    followed: bool = False
    """Whether another request was sent before it, which redirected here."""
    switched: bool = False
    """Whether that one was an effect, and this only reads what came of it."""

    def failed(
        self,
        code: FailureCode,
        why: str,
        *,
        status: int | None = None,
        wait: timedelta | None = None,
        final: bool = False,
        sent: bool = True,
    ) -> ServiceError:
        place = self.method if self.host is None else f"{self.method} {self.host}"
        evidence: dict[str, str | int | float | None] = {"host": self.host, "method": self.method, "status": status}
        if self.switched and code not in OUTCOME_UNKNOWN:
            code, final = FailureCode.SERVICE_BAD_RESPONSE, True
        sent = sent or self.followed
        return ServiceError(code, f"{place}: {why}", retry_after=wait, evidence=evidence, final=final, sent=sent)

    def refused(self, why: str) -> ServiceError:
        """What was asked for cannot or may not be sent."""
        return self.failed(FailureCode.SERVICE_BAD_REQUEST, why, sent=False)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request that is ready to be sent, secrets in it."""

    method: str
    url: httpx.URL = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    private_headers: frozenset[str]
    """Those that hold secrets or were set by the connection, and so stay at the first origin."""
    body: bytes | None = field(repr=False)
    private_body: bool
    masker: Masker = field(repr=False)
    """Of the secrets in it, those of the connection included."""
    attempt: Attempt = field(default_factory=Attempt, repr=False)
    """Of the first request: a redirect has been sent for as long as it is followed."""
    followed: bool = False
    switched: bool = False

    @property
    def call(self) -> CallDescription:
        return self.call_of(host_of(self.url) or None)

    @property
    def is_authorized(self) -> bool:
        """Whether it is still the request that was authorized, at the same origin."""
        return "authorization" in self.headers and not self.switched

    def call_of(self, host: str | None) -> CallDescription:
        return CallDescription(self.method, host, self.followed, self.switched)

    def redirected(self, status: int, location: str) -> "Outgoing":
        """The next hop, as RFC 9110 (15.4) says. Raises ServiceError; whether it is allowed is not judged here."""
        try:
            url = self.url.join(location).copy_with(fragment=None)
        except (httpx.InvalidURL, ValueError):
            raise self.call.failed(FailureCode.SERVICE_BAD_RESPONSE, "redirected to no URL", status=status) from None
        hop = replace(self, url=url, followed=True)
        if (status == 303 and self.method != "HEAD") or (status in {301, 302} and self.method == "POST"):
            switched = self.switched or self.method in KEYED
            hop = replace(hop, method="GET", body=None, private_body=False, switched=switched)
            hop = hop.without({*_OF_BODY, IDEMPOTENCY_HEADER.lower()})
        if _origin(url) == _origin(self.url):
            return hop
        if hop.private_body:
            raise self.call.failed(
                FailureCode.SERVICE_REFUSED, "redirected a body with a secret to another host", status=status
            )
        return hop.without({*_CREDENTIALS, *self.private_headers})

    def told(self) -> JsonObject:
        """What was sent, secrets masked; headers that hold one, or are the connection's, are masked whole."""
        private = self.private_headers | _CREDENTIALS
        headers: JsonObject = {
            name: MASK if name in private else self.masker.mask(value)[:MAX_HEADER_VALUE]
            for name, value in self.headers.items()
        }
        return {"method": self.method, "uri": _told_uri(self.url, self.masker), "headers": headers}

    def authorized(self, value: str, masker: Masker) -> "Outgoing":
        """With what the step's `auth` gives, which stays at the first origin. `masker` knows it."""
        private = self.private_headers | {"authorization"}
        return replace(self, headers={**self.headers, "authorization": value}, private_headers=private, masker=masker)

    def without(self, names: set[str]) -> "Outgoing":
        return replace(self, headers={name: value for name, value in self.headers.items() if name not in names})


def outgoing(request: HttpRequest, connection: Connection, url: httpx.URL, secrets: Secrets) -> Outgoing:
    """The request for an admitted `url`. Raises HouseError."""
    call = CallDescription(request.method, host_of(url))
    check_secrets(connection, request, call)
    given = filled(request, secrets)
    own = {name: secrets.text(parts) for name, parts in connection.headers.items()}
    headers = {**DEFAULT_HEADERS, **_headers(own, call), **_headers(_object(given["headers"]), call)}
    body = _body(request.method, given["body"], headers, call)
    headers["accept-encoding"] = "gzip"
    if request.method in KEYED:
        headers[IDEMPOTENCY_HEADER.lower()] = quote(request.key, safe=" !#$&'()*+,/:;=?@[]").strip()
    query = _pairs(given["query"], call, "query")
    return Outgoing(
        method=request.method,
        url=(url.copy_with(params=[*url.params.multi_items(), *query]) if query else url).copy_with(fragment=None),
        headers=headers,
        private_headers=frozenset({*own, *(str(place.path[1]).lower() for place in _within(request, "headers"))}),
        body=body,
        private_body=bool(_within(request, "body")),
        masker=secrets.masker(request.references, secrets_of(connection)),
    )


def _told_uri(url: httpx.URL, masker: Masker) -> str:
    """Each part of path and query is masked by itself, so that a short secret that is all of one is found."""
    path, mark, query = url.raw_path.decode("ascii").partition("?")
    told = "/".join(map(masker.mask, path.split("/")))
    pairs = "&".join("=".join(map(masker.mask, pair.split("=", 1))) for pair in query.split("&"))
    return masker.mask(f"{url.scheme}://{url.netloc.decode('ascii')}{told}{mark}{pairs}")[:MAX_URI]


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, host_of(url), url.port


def check_secrets(
    connection: Connection, request: HttpRequest, call: CallDescription, *, of_client: bool = False
) -> None:
    """Raises ServiceError when a connection may not be sent what the request, or its OAuth client, is to send there."""
    if connection.secrets is None:
        return
    sent = [place for place in request.references if (place.path[:2] == OF_CLIENT) is of_client]
    foreign = sorted(secrets_in(sent) - set(connection.secrets))
    if foreign:
        raise call.refused(f"connection {connection.name!r} may not be sent the secret {foreign[0]!r}")


def filled(request: HttpRequest, secrets: Secrets) -> JsonObject:
    """What is sent of a request, secrets in it. Raises HouseError."""
    data = request.model_dump(mode="json", include={"url", "headers", "query", "body", "auth"})
    return secrets.fill(data, request.references, request.secrets)


def secrets_of(connection: Connection) -> frozenset[str]:
    """Names of the secrets that the headers of a connection hold."""
    parts = [part for header in connection.headers.values() for part in header]
    return frozenset(part.secret for part in parts if isinstance(part, SecretName))


def _within(request: HttpRequest, area: str) -> list[SecretPlace]:
    return [place for place in request.references if place.path[0] == area]


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _headers(values: Mapping[str, JsonValue], call: CallDescription) -> dict[str, str]:
    """Lower-case names to values; a header without a value is left out."""
    headers: dict[str, str] = {}
    for name, value in values.items():
        if value is None:
            continue
        text = _scalar(value)
        if text is None or _HEADER_VALUE.fullmatch(text) is None:
            raise call.refused("a header's value is not printable ASCII text")
        if HEADER_NAME.fullmatch(name) is None or name.lower() in RESERVED_HEADERS:
            raise call.refused("a header has a name that cannot be set")
        headers[name.lower()] = text
    return headers


def _body(method: str, body: JsonValue, headers: dict[str, str], call: CallDescription) -> bytes | None:
    """The body's bytes; `headers` gains a Content-Type when it has none."""
    if body is None:
        return None
    if method in BODILESS:
        raise call.refused("this method takes no body")
    if isinstance(body, str):
        headers.setdefault("content-type", "text/plain; charset=utf-8")
        return _utf8(body, call)
    if _media_type(headers.get("content-type", "")) == FORM:
        return urlencode(_pairs(body, call, "form")).encode()
    headers.setdefault("content-type", "application/json")
    try:
        return _utf8(json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")), call)
    except ValueError:
        raise call.refused("the body is no JSON") from None


def _utf8(text: str, call: CallDescription) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise call.refused("the body is no text") from None


def _pairs(values: JsonValue, call: CallDescription, what: str) -> list[tuple[str, str]]:
    """Names and values of a query or form; a list gives its name several times, null is left out."""
    if not isinstance(values, dict):
        raise call.refused(f"a {what} is not an object")
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            text = _scalar(one)
            if text is not None:
                pairs.append((name, text))
            elif one is not None:
                raise call.refused(f"a {what} holds an object or a list of lists")
    return pairs


def _scalar(value: JsonValue) -> str | None:
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else None


async def read_body(response: httpx.Response, limit: int, call: CallDescription) -> bytes:
    """The decoded body. Raises ServiceError as soon as either form of it is larger than the limit."""
    status = response.status_code
    too_large = call.failed(FailureCode.SERVICE_BAD_RESPONSE, f"larger than {limit} bytes", status=status, final=True)
    if sum(len(name) + len(value) for name, value in response.headers.raw) > MAX_HEADER_BYTES:
        raise call.failed(FailureCode.SERVICE_BAD_RESPONSE, "headers too large", status=status, final=True)
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in {"", "identity", "gzip", "x-gzip"}:
        raise call.failed(FailureCode.SERVICE_BAD_RESPONSE, "a coding that was not asked for", status=status)
    declared = response.headers.get("content-length", "")
    if call.method != "HEAD" and declared.isdecimal() and (len(declared) > 15 or int(declared) > limit + SLACK_BYTES):
        raise too_large
    body = bytearray()
    try:
        decoder = Decoder(coding, limit)
        async for chunk in _chunks(response):
            for piece in decoder.feed(chunk):
                body += piece
        decoder.end()
    except TooLargeError as error:
        raise call.failed(FailureCode.SERVICE_BAD_RESPONSE, str(error), status=status, final=True) from None
    except CodingError as error:
        raise call.failed(FailureCode.SERVICE_BAD_RESPONSE, str(error), status=status) from None
    return bytes(body)


async def _chunks(response: httpx.Response) -> AsyncGenerator[bytes]:
    stream = response.stream
    if isinstance(stream, httpx.AsyncByteStream):
        async for chunk in stream:
            yield chunk


def parse_body(body: bytes, response: httpx.Response, call: CallDescription) -> JsonValue:
    """The body by its content type. Raises ServiceError for JSON that is none."""
    if not body:
        return None
    content_type = response.headers.get("content-type", "")
    media = _media_type(content_type)
    if media == "application/json" or media.endswith("+json"):
        return _json(body, response.status_code, call)
    if media.startswith("text/") or media.endswith("+xml") or media in TEXTUAL:
        return _text(body, response.charset_encoding)
    answer: JsonObject = {
        "base64": base64.b64encode(body).decode(),
        "content_type": content_type[:MAX_HEADER_VALUE] or "application/octet-stream",
    }
    return answer


def raw_body(body: bytes, masker: Masker) -> str:
    """The bytes in base64; what they hold of a secret is masked before."""
    text = masker.mask(body.decode("utf-8", "surrogateescape"))
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()


def _json(body: bytes, status: int, call: CallDescription) -> JsonValue:
    try:
        value: JsonValue = from_json(body.removeprefix(b"\xef\xbb\xbf"), allow_inf_nan=False)
        # A number beyond a float is read as infinity, which no payload can hold.
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise call.failed(FailureCode.SERVICE_BAD_RESPONSE, "its body is no JSON", status=status) from None
    return value


def _text(body: bytes, charset: str | None) -> str:
    try:
        codec = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError):
        codec = "utf-8"
    return body.decode(codec if codec in CHARSETS else "utf-8", "replace")


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def safe_headers(response: httpx.Response, masker: Masker) -> dict[str, str]:
    """The headers of an answer that may be kept, secrets masked."""
    return {
        name: masker.mask(value)[:MAX_HEADER_VALUE] for name, value in response.headers.items() if name in SAFE_HEADERS
    }
