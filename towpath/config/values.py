"""Kinds of values that settings have: what is written as JSON, addresses, and accounts on platforms."""

import json
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, HttpUrl, JsonValue, SecretStr

from towpath.engine.language.mistakes import doubled
from towpath.policy.core.mailboxes import mail_sender

ValueT = TypeVar("ValueT")


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
