"""The `auth` of an `http` step: Basic (RFC 7617), Bearer (RFC 6750), OAuth 2.0 client credentials (RFC 6749, 4.4).

A token is asked for in the worker, kept in its memory until shortly before it expires, and told to nobody.
"""

import asyncio
import base64
import hashlib
import json
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlencode

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from towpath.contracts.core.failure import FailureCode
from towpath.contracts.declared.http_call import HttpRequest
from towpath.integrations.http.messages import OF_CLIENT, CallDescription

SECRET_FIELDS = frozenset({("auth", "basic", "password"), ("auth", "bearer"), (*OF_CLIENT, "client_secret")})
"""Where a secret must stand, whole; the user and the client's id may be one."""
TOKEN_URL = (*OF_CLIENT, "token_url")
MAX_TOKEN_BYTES = 64 * 1024
MOST_TOKENS = 1_000
EARLY_SECONDS = 30
"""A token is renewed so long before it expires, or a tenth of its life where that is shorter."""
UNTOLD_SECONDS = 300
"""How long a token is kept whose life its server does not tell."""
LONGEST_SECONDS = 24 * 3600
TOKEN_ERRORS = frozenset(
    {
        *{"invalid_request", "invalid_client", "invalid_grant"},
        *{"unauthorized_client", "unsupported_grant_type", "invalid_scope"},
    }
)
"""RFC 6749, 5.2. What else a token server says is not repeated."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class Basic(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    user: str
    password: str = Field(repr=False)


class ClientCredentials(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    token_url: str
    client_id: str
    client_secret: str = Field(repr=False)
    scopes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Names a token without holding the client's secret."""
        told = [self.token_url, self.client_id, self.client_secret, *self.scopes]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def form(self) -> bytes:
        scope = {"scope": " ".join(self.scopes)} if self.scopes else {}
        return urlencode({"grant_type": "client_credentials", **scope}).encode()

    def authorization(self, call: CallDescription) -> str:
        """RFC 6749, 2.3.1: both are encoded as in a form before they are joined."""
        return basic_authorization(quote_plus(self.client_id), quote_plus(self.client_secret), call)


class Auth(BaseModel):
    """Exactly one of them, with secrets in place."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    basic: Basic | None = None
    bearer: str | None = Field(default=None, repr=False)
    oauth2_client_credentials: ClientCredentials | None = None

    def header(self, call: CallDescription) -> str | None:
        """What to send without asking anybody; None where a token must be fetched first. Raises ServiceError."""
        if self.basic is not None:
            return basic_authorization(self.basic.user, self.basic.password, call)
        return None if self.bearer is None else bearer_authorization(self.bearer, call)


@dataclass(frozen=True, slots=True)
class AccessToken:
    value: str = field(repr=False)
    seconds: float


def read_auth(request: HttpRequest, given: JsonValue, call: CallDescription) -> Auth | None:
    """`given` is the `auth` with secrets in it. Raises ServiceError where one is missing that must be there."""
    if request.auth is None:
        return None
    try:
        auth = Auth.model_validate(given)
    except ValidationError:
        raise call.refused("its auth cannot be read") from None
    chosen = [name for name in Auth.model_fields if getattr(auth, name) is not None]
    if len(chosen) != 1:
        raise call.refused("auth is one of basic, bearer and oauth2_client_credentials")
    whole = {place.path for place in request.references if len(place.parts) == 1}
    for path in SECRET_FIELDS:
        if path[1] == chosen[0] and path not in whole:
            raise call.refused(f"{'.'.join(path)} is no secret")
    if any(place.path == TOKEN_URL for place in request.references):
        raise call.refused("a secret is in the token's URL")
    return auth


def basic_authorization(user: str, password: str, call: CallDescription) -> str:
    """RFC 7617, in UTF-8. Raises ServiceError."""
    if ":" in user or _CONTROL.search(user) or _CONTROL.search(password):
        raise call.refused("a user holds no colon, and neither it nor a password control characters")
    try:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    except UnicodeEncodeError:
        raise call.refused("user and password are no text") from None


def bearer_authorization(token: str, call: CallDescription) -> str:
    """RFC 6750, 2.1. Raises ServiceError."""
    if _TOKEN.fullmatch(token) is None:
        raise call.refused("the token has characters that no bearer token has")
    return f"Bearer {token}"


def read_token(body: JsonValue, call: CallDescription) -> AccessToken:
    """RFC 6749, 5.1; a token of a type that is not known is not used (7.1). Raises ServiceError."""
    answer = body if isinstance(body, dict) else {}
    value, kind = answer.get("access_token"), answer.get("token_type")
    if not isinstance(value, str) or _TOKEN.fullmatch(value) is None:
        raise call.failed(FailureCode.SERVICE_BAD_RESPONSE, "its answer holds no token", sent=False, final=True)
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise call.failed(FailureCode.SERVICE_BAD_RESPONSE, "its token is no bearer token", sent=False, final=True)
    told = answer.get("expires_in")
    if isinstance(told, str) and told.isascii() and told.isdecimal() and len(told) < 10:
        told = int(told)
    seconds = told if isinstance(told, int | float) and not isinstance(told, bool) else UNTOLD_SECONDS
    return AccessToken(value, max(0.0, min(float(seconds), LONGEST_SECONDS)))


def token_error(body: JsonValue) -> str:
    """The word of RFC 6749 (5.2) for why there is no token; empty for any other."""
    found = body.get("error") if isinstance(body, dict) else None
    return found if isinstance(found, str) and found in TOKEN_ERRORS else ""


class Tokens:
    """Of one worker. Whoever needs a token that is being fetched waits for it, so that it is fetched once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[AccessToken, float]] = OrderedDict()
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    async def get(self, key: str, fetch: Callable[[], Awaitable[AccessToken]], refused: str | None = None) -> str:
        """A token; not the `refused` one."""
        lock, waiting = self._locks.get(key) or (asyncio.Lock(), 0)
        self._locks[key] = lock, waiting + 1
        try:
            async with lock:
                return await self._get(key, fetch, refused)
        finally:
            lock, waiting = self._locks[key]
            if waiting == 1:
                del self._locks[key]
            else:
                self._locks[key] = lock, waiting - 1

    async def _get(self, key: str, fetch: Callable[[], Awaitable[AccessToken]], refused: str | None) -> str:
        kept = self._kept.pop(key, None)
        if kept is None or kept[0].value == refused or self._clock() >= kept[1]:
            asked_at = self._clock()
            token = await fetch()
            kept = token, asked_at + token.seconds - min(EARLY_SECONDS, token.seconds / 10)
        self._kept[key] = kept
        while len(self._kept) > MOST_TOKENS:
            self._kept.popitem(last=False)
        return kept[0].value
