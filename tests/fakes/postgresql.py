"""Databases for tests on a PostgreSQL server that a package brings."""

from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from towpath.local.postgresql import postgresql_server

__all__ = ["new_database", "postgresql_server"]


def new_database(url: str, name: str) -> str:
    """The URL of an empty database on the server, which was not there before."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlsplit(url)._replace(path=f"/{name}").geturl()
