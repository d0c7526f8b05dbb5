"""What the data plane needs to reach a named connection: handed in by the worker for one task, and never recorded."""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from towpath.contracts.core.wire import Wire


class HttpConnection(Wire):
    """An API. Requests go below `base_url` and nowhere else, with these headers."""

    type: Literal["http"] = "http"
    base_url: str = Field(description="what every request begins with")
    headers: dict[str, SecretStr] = Field(default={}, description="that every request has, tokens among them")
    timeout_seconds: float = Field(default=30.0, gt=0, description="how long an answer may take")


class PostgresqlConnection(Wire):
    """A database by its URL, `postgresql://user:password@host:port/database`."""

    type: Literal["postgresql"] = "postgresql"
    url: SecretStr = Field(description="with user, password, host and database")


class S3Connection(Wire):
    """An object store that speaks S3, with all that it takes to reach it: nothing is looked for elsewhere.

    `endpoint` is left out for Amazon's own. `anonymous` is for buckets that anybody may read.
    """

    type: Literal["s3"] = "s3"
    endpoint: str | None = Field(default=None, description="address of the store; without it, Amazon's own")
    region: str = Field(default="us-east-1", description="of the bucket")
    access_key: SecretStr | None = Field(default=None, description="the key's id")
    secret_key: SecretStr | None = Field(default=None, description="the key itself")
    session_token: SecretStr | None = Field(default=None, description="of a key that is given for a while")
    anonymous: bool = Field(default=False, description="for buckets that anybody may read; without keys")

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = (self.access_key is not None, self.secret_key is not None)
        if self.anonymous and any(given):
            raise ValueError("anonymous goes without access_key and secret_key")
        if not self.anonymous and not all(given):
            raise ValueError("access_key and secret_key are wanted, or anonymous: true for a public bucket")
        return self


DataConnection = Annotated[HttpConnection | PostgresqlConnection | S3Connection, Field(discriminator="type")]
