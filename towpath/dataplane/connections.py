"""What the data plane needs to reach a named connection: handed in by the worker for one task, and never recorded."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from towpath.contracts.wire import Wire


class HttpConnection(Wire):
    """An API. Requests go below `base_url` and nowhere else, with these headers."""

    type: Literal["http"] = "http"
    base_url: str
    headers: dict[str, SecretStr] = {}
    timeout_seconds: float = Field(default=30.0, gt=0)


class PostgresqlConnection(Wire):
    """A database by its URL, `postgresql://user:password@host:port/database`."""

    type: Literal["postgresql"] = "postgresql"
    url: SecretStr


class S3Connection(Wire):
    """An object store that speaks S3. `endpoint` is left out for Amazon's own."""

    type: Literal["s3"] = "s3"
    endpoint: str | None = None
    region: str = "us-east-1"
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None


DataConnection = Annotated[HttpConnection | PostgresqlConnection | S3Connection, Field(discriminator="type")]
