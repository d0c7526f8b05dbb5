"""Request and answer of the guarded `http` step. Secrets travel beside the data, by name only."""

from typing import Literal

from pydantic import JsonValue

from towpath.contracts.core.wire import ActivityResult, EffectKey, JsonObject, Wire
from towpath.contracts.declared.references import SecretPlace

HttpMethod = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class HttpRequest(Wire):
    """One call. `references` say where secrets belong; all else is data.

    A text as `body` is sent as it is, everything else as JSON, or as a form when the Content-Type says so.
    With a `connection` that has a base URL, `url` may be a path. `expect` names the accepted statuses, None is 2xx.
    """

    url: JsonValue
    method: HttpMethod = "GET"
    headers: dict[str, JsonValue] = {}
    query: dict[str, JsonValue] = {}
    body: JsonValue = None
    auth: dict[str, JsonValue] | None = None
    expect: tuple[int, ...] | None = None
    timeout_seconds: float = 10
    connection: str | None = None
    secrets: tuple[str, ...] | None = ()
    """Of requests of earlier versions, which held secrets among the data: the names that they could ask for."""
    references: tuple[SecretPlace, ...] = ()
    """Their paths begin with `url`, `headers`, `query`, `body` or `auth`."""
    select: tuple[str, ...] = ()
    """Parts of the output to keep, as dotted paths; all for none."""
    output: Literal["body", "response", "raw"] | None = None
    redirect: bool | None = None
    """False: no redirect is followed."""
    key: EffectKey
    max_bytes: int = 1024 * 1024


class HttpAnswer(ActivityResult):
    """An accepted answer. `headers` has lower-case names and only those that carry no secrets.

    `body` is the value of a JSON answer, the text of a textual one, None for an empty one, and
    `{"base64": …, "content_type": …}` for any other; with `output: raw`, its bytes in base64, whatever they are.
    `request` is there with `output: response`: method, uri and headers of what was answered, secrets masked.
    """

    status: int
    headers: dict[str, str] = {}
    body: JsonValue = None
    request: JsonObject | None = None


class OperationCall(Wire):
    """An operation of an OpenAPI document, as it was frozen in the definition. `references` are paths within `params`.

    `server` is where it is when the connection has no base URL.
    """

    document: str
    operation: JsonObject
    connection: str
    server: str | None = None
    params: JsonObject = {}
    references: tuple[SecretPlace, ...] = ()
    select: tuple[str, ...] = ()
    output: Literal["body", "response", "raw"] | None = None
    """None is the body."""
    key: EffectKey
