"""Object stores by their address: `s3://bucket/prefix`, reached through a named connection."""

from typing import Any

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from towpath.dataplane.core.connections import S3Connection
from towpath.dataplane.core.errors import (
    ConnectionNameError,
    DataError,
    DatasetStoreError,
    SourceError,
    SourceMissingError,
)
from towpath.outside.objects import object_options, object_retries

SCHEME = "s3://"
OBJECT_ERRORS = (BaseError, OSError, ValueError)
"""What obstore raises: its own errors, FileNotFoundError, and ValueError for addresses."""


def split_address(url: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`; the key may be empty. Raises DatasetStoreError."""
    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    if not url.startswith(SCHEME) or not bucket:
        raise DatasetStoreError("an object store is written s3://bucket/prefix")
    return bucket, key.strip("/")


def open_bucket(bucket: str, connection: S3Connection | None) -> S3Store:
    """Raises ConnectionNameError without a connection, since a process of the data plane has no environment to ask."""
    if connection is None:
        message = f"s3://{bucket} needs a connection: name one of type s3 in the pipeline, or for the dataset store in"
        raise ConnectionNameError(f"{message} TOWPATH_DATASET_STORE_CONNECTION")
    options: dict[str, Any] = {"region": connection.region, "skip_signature": connection.anonymous}
    if connection.endpoint is not None:
        options |= {"endpoint": connection.endpoint, "virtual_hosted_style_request": False}
    secrets = {
        "access_key_id": connection.access_key,
        "secret_access_key": connection.secret_key,
        "session_token": connection.session_token,
    }
    options |= {name: value.get_secret_value() for name, value in secrets.items() if value is not None}
    allow_http = (connection.endpoint or "").startswith("http://")
    try:
        return S3Store(
            bucket,
            client_options=object_options(allow_http=allow_http),
            retry_config=object_retries(),
            **options,
        )
    except OBJECT_ERRORS as error:
        raise DatasetStoreError(f"bucket {bucket} cannot be opened: {type(error).__name__}") from error


def source_error(message: str, error: Exception) -> DataError:
    """What obstore raised, as a failure of a source: only a broken connection is worth another attempt."""
    if isinstance(error, FileNotFoundError):
        return SourceMissingError(f"{message}: it is not there")
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)):
        return SourceError(f"{message}: not allowed", retryable=False)
    return SourceError(f"{message}: {type(error).__name__}")
