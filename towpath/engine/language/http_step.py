"""Models of steps that send over HTTP, and of the OpenAPI documents whose operations they call."""

from typing import Annotated, Any, Literal

from pydantic import Field

from towpath.engine.language.model import (
    Condition,
    Duration,
    Kebab,
    Method,
    Model,
    Template,
    Templates,
    Text,
    is_left_out,
)


class Poll(Model):
    """Ask again until the condition on `output` holds."""

    until: Condition
    every: Duration = "10s"
    for_: Duration = Field(default="10m", alias="for")


class Paging(Model):
    """All pages of an answer, one request each: by number, by a cursor that each answer has, or by its Link header."""

    style: Literal["page", "cursor", "link"] = "page"
    items: Template
    next: Template | None = None
    parameter: Text | None = None
    first: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    max: Annotated[int, Field(ge=1, le=1_000)] = 100

    @property
    def in_query(self) -> str:
        """The query parameter that says which page is wanted."""
        return self.parameter or self.style


class BasicAuth(Model):
    user: Template
    password: Template


class OAuth2ClientCredentials(Model):
    """RFC 6749, section 4.4: the worker fetches a token, keeps it until it expires, and renews one that is refused."""

    token_url: Template
    client_id: Template
    client_secret: Template
    scopes: list[Template] = []


class HttpAuth(Model):
    """Exactly one of them; password, token and client secret are secrets."""

    basic: BasicAuth | None = None
    bearer: Template | None = None
    oauth2_client_credentials: OAuth2ClientCredentials | None = None


HttpOutput = Literal["body", "response", "raw"]
"""What an http step gives: the parsed body, the answer with its request, the bytes of the body. None: the answer."""


class HttpConfig(Model):
    """A request to a host that a connection allows."""

    url: Template
    method: Method = "GET"
    headers: dict[str, Template] = {}
    query: dict[str, Templates] = {}
    body: Templates = None
    expect: list[Annotated[int, Field(ge=100, le=599)]] | None = None
    poll: Poll | None = None
    timeout: Duration = "10s"
    connection: Text | None = None
    auth: HttpAuth | None = Field(default=None, exclude_if=is_left_out)
    output: HttpOutput | None = Field(default=None, exclude_if=is_left_out)
    redirect: bool | None = Field(default=None, exclude_if=is_left_out)
    """False: a redirect is an answer like any other, which `expect` accepts or nothing does."""
    paging: Paging | None = Field(default=None, exclude_if=is_left_out)


class FrozenDocument(Model):
    """What a document said when the definition was published: of its operations, those that steps call.

    `digest` is the SHA-256 of its bytes. `server` is the address that it names for its operations.
    """

    digest: Text
    title: Text = ""
    version: Text = ""
    server: Text | None = None
    operations: dict[str, dict[str, Any]] = {}


class ApiDocument(Model):
    """A document by its path beside the definition or its https address, and the connection that its calls take.

    `frozen` is written when the definition is published or run, never by hand.
    """

    openapi: Text
    connection: Text
    frozen: FrozenDocument | None = Field(default=None, exclude_if=is_left_out)


class OpenApiConfig(Model):
    """An operation of a document of the definition, by its operationId. Without `output` it gives the body."""

    document: Kebab
    operation: Text
    params: dict[str, Templates] = {}
    output: HttpOutput | None = Field(default=None, exclude_if=is_left_out)
