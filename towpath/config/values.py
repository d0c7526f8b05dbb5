"""Kinds of values that settings have: what is written as JSON, addresses, accounts on platforms, encryption keys."""

import base64
import binascii
import json
import re
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, HttpUrl, JsonValue, SecretStr

from towpath.engine.language.mistakes import doubled
from towpath.policy.core.mailboxes import mail_sender

ValueT = TypeVar("ValueT")
KEY_BYTES = 32
KEY_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""Of an encryption key. What follows a slash is left for keys of single customers."""


def _from_json(value: JsonValue) -> JsonValue:
    if not isinstance(value, str):
        return value
    try:
        known = json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("is not JSON that can be used: it is nested too deeply") from None
    if found := doubled(value):
        raise ValueError("; ".join(found))
    return known


JsonMap = Annotated[dict[str, ValueT], BeforeValidator(_from_json)]
"""An object written as JSON. It is read here and not by `pydantic_settings`, which ends at the first that is broken."""


def _sender(text: str) -> str:
    if mail_sender(text) is None:
        raise ValueError("not `Name <address>`, nor an address")
    return text


Sender = Annotated[str, AfterValidator(_sender)]
Url = Annotated[str, AfterValidator(lambda value: str(HttpUrl(value)).rstrip("/"))]


def _proxy(value: SecretStr) -> SecretStr:
    return SecretStr(str(HttpUrl(value.get_secret_value())))


ProxyUrl = Annotated[SecretStr, AfterValidator(_proxy)]
"""May hold a password."""


class XAccountSettings(BaseModel):
    """An account on X. `token` names its OAuth 2.0 user token."""

    user_id: str = Field(pattern=r"^\d{1,20}$")
    username: str = Field(pattern=r"^\w{1,15}$")
    token: str


class LinkedInAccountSettings(BaseModel):
    """An author on LinkedIn. `token` names its access token."""

    author: str = Field(pattern=r"^urn:li:(organization|person):[\w-]+$")
    token: str


class WordPressAccountSettings(BaseModel):
    """A user of a WordPress site. `token` names its application password."""

    site: Url
    user: str = Field(pattern=r"^[^:]+$")
    token: str


def read_keys(text: str) -> dict[str, bytes]:
    """Keys by id, of `id:key` pairs between commas, the one that encrypts first.

    Raises ValueError with one line that holds no key.
    """
    keys: dict[str, bytes] = {}
    for pair in text.split(","):
        name, _, encoded = pair.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not name or len(key) != KEY_BYTES:
            raise ValueError("each must be id:key, with 32 bytes in base64 (openssl rand -base64 32)")
        if KEY_NAME.fullmatch(name) is None:
            raise ValueError("an id is 1 to 64 letters, digits, dots, dashes and underscores")
        if name in keys:
            raise ValueError(f"two keys are called {name!r}: give the new one a new id")
        keys[name] = key
    return keys
