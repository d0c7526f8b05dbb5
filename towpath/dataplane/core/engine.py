"""DuckDB, locked: no files outside one folder, no network, no extensions, bounded memory, time and depth.

The settings are the second of three walls: the guard before it reads expressions, and the process around it has its
own limits, since a single function call is stopped by nothing but the end of its process.
"""

import resource
from dataclasses import dataclass
from pathlib import Path

import duckdb

from towpath import private
from towpath.dataplane.core.columns import literal

MIB = 1024**2


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What one call may use. The process takes about 100 MiB beyond `memory_bytes`."""

    memory_bytes: int = 350 * MIB
    spill_bytes: int = 8 * 1024 * MIB
    seconds: float = 600.0
    threads: int = 1


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """What a child process may use over its life."""

    address_space_bytes: int = 4 * 1024 * MIB
    cpu_seconds: int = 24 * 3600
    file_bytes: int = 16 * 1024 * MIB


def open_engine(folder: Path, limits: EngineLimits | None = None) -> duckdb.DuckDBPyConnection:
    """A database in memory that reads and writes below `folder` only, and spills into it.

    Rows keep their order whatever the threads do. Everything below the folder can be written: one folder per call.
    """
    bounds = limits or EngineLimits()
    connection = duckdb.connect(":memory:", config={"threads": bounds.threads})
    lock_engine(connection, folder, bounds)
    return connection


def lock_engine(connection: duckdb.DuckDBPyConnection, folder: Path, bounds: EngineLimits) -> None:
    """Take from a connection, for good, all files but its own and those below `folder`."""
    spill = folder / "spill"
    private.make_folder(spill)
    for statement in (
        f"SET allowed_directories = [{literal(f'{folder.resolve()}/')}]",
        f"SET temp_directory = {literal(str(spill.resolve()))}",
        f"SET max_temp_directory_size = '{bounds.spill_bytes // MIB}MiB'",
        f"SET memory_limit = '{bounds.memory_bytes // MIB}MiB'",
        f"SET max_execution_time = {int(bounds.seconds * 1000)}",
        "SET max_expression_depth = 250",
        "SET preserve_insertion_order = true",
        "SET TimeZone = 'UTC'",
        "SET autoinstall_known_extensions = false",
        "SET autoload_known_extensions = false",
        "SET allow_community_extensions = false",
        "SET python_enable_replacements = false",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(statement)


def copy_rows(connection: duckdb.DuckDBPyConnection, query: str, file: Path, parameters: object = None) -> int:
    """Writes the rows of a query to a Parquet file: how many."""
    form = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    written = connection.execute(f"COPY ({query}) TO {literal(str(file.resolve()))} {form}", parameters).fetchone()
    return int(written[0]) if written else 0


def restrict_process(limits: ProcessLimits | None = None) -> None:
    """Set the limits of this process for good; to be called once, in a child, before its first task."""
    bounds = limits or ProcessLimits()
    for kind, wanted in (
        (resource.RLIMIT_AS, bounds.address_space_bytes),
        (resource.RLIMIT_CPU, bounds.cpu_seconds),
        (resource.RLIMIT_FSIZE, bounds.file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        ceiling = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (ceiling, ceiling))
