"""What OpenLineage calls sources and destinations: the system as namespace, the table or file as name.

Names follow https://openlineage.io/docs/spec/naming; DuckDB is not in it and named by its file. No user, no password.
"""

from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from towpath.contracts.pipeline.loading import Destination
from towpath.contracts.pipeline.pipeline import FileSource, HttpSource, Source
from towpath.dataplane.core.connections import HttpConnection, PostgresqlConnection
from towpath.dataplane.core.errors import ConnectionNameError
from towpath.dataplane.core.objects import SCHEME, split_address
from towpath.dataplane.core.workspace import Workspace

POSTGRESQL_PORT = 5432


class Named(NamedTuple):
    namespace: str
    name: str


def source_name(source: Source, work: Workspace) -> Named:
    if isinstance(source, FileSource):
        return _file(source.path)
    if isinstance(source, HttpSource):
        try:
            base = work.connection(source.connection, HttpConnection).base_url
        except ConnectionNameError:
            return Named(f"http://{source.connection}", source.path)
        parts = urlsplit(base)
        return Named(f"{parts.scheme}://{_host(parts.hostname, parts.port)}", f"{parts.path}/{source.path}".strip("/"))
    return _table(source.connection, source.table, work)


def destination_name(destination: Destination, work: Workspace) -> Named:
    match destination.type:
        case "postgresql":
            return _table(destination.connection, destination.table, work)
        case "duckdb":
            return Named(f"duckdb://{Path(destination.path).absolute()}", _qualified(destination.table, "main"))
        case "parquet":
            return _file(destination.path)


def _file(path: str) -> Named:
    if not path.startswith(SCHEME):
        return Named("file", str(Path(path).absolute()))
    bucket, key = split_address(path)
    return Named(f"{SCHEME}{bucket}", key or "/")


def _table(connection: str, table: str, work: Workspace) -> Named:
    """A connection that is not set is named by its name: lineage is told of failed runs, too."""
    try:
        parts = urlsplit(work.connection(connection, PostgresqlConnection).url.get_secret_value())
    except ConnectionNameError:
        return Named(f"postgres://{connection}", _qualified(table, "public"))
    database = parts.path.strip("/") or "postgres"
    host = _host(parts.hostname, parts.port or POSTGRESQL_PORT)
    return Named(f"postgres://{host}", f"{database}.{_qualified(table, 'public')}")


def _host(host: str | None, port: int | None) -> str:
    return (host or "localhost") + (f":{port}" if port else "")


def _qualified(table: str, schema: str) -> str:
    return table if "." in table else f"{schema}.{table}"
