"""Databases for tests on a PostgreSQL server that a package brings."""

from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from towpath.local import postgresql as local


@contextmanager
def postgresql_server() -> Generator[str]:
    """The URL of a database in a new cluster, which is deleted at the end. Nothing of it has to outlive the machine."""
    with local.postgresql_server() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield url


def new_database(url: str, name: str) -> str:
    """The URL of an empty database on the server, which was not there before."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlsplit(url)._replace(path=f"/{name}").geturl()
