"""The locked engine: what even guarded SQL must never reach, tried with SQL that no guard has seen."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from towpath.dataplane.core.engine import MIB, EngineLimits, open_engine

OUTSIDE: dict[str, str] = {
    "read-text": "SELECT * FROM read_text('{outside}')",
    "read-csv": "SELECT * FROM read_csv('{outside}')",
    "file-as-table": "SELECT * FROM '{outside}'",
    "glob": "SELECT * FROM glob('/etc/*')",
    "parent": "SELECT * FROM read_text('{folder}/../secret.csv')",
    "sibling": "SELECT * FROM read_text('{folder}-other/secret.csv')",
    "link": "SELECT * FROM read_text('{folder}/link.csv')",
    "file-url": "SELECT * FROM read_text('file://{outside}')",
    "environment": "SELECT * FROM read_blob('/proc/self/environ')",
    "http": "SELECT * FROM read_csv('https://elsewhere.example/x.csv')",
    "copy-out": "COPY (SELECT 1) TO '{outside}.copy'",
    "write-through-link": "COPY (SELECT 1) TO '{folder}/linked/x.csv'",
    "attach": "ATTACH '{outside}.db' AS other",
    "export": "EXPORT DATABASE '{outside}-folder'",
    "install": "INSTALL httpfs",
    "load": "LOAD '{outside}'",
    "unlock": "SET enable_external_access = true",
    "memory": "SET memory_limit = '64GB'",
    "reset": "RESET lock_configuration",
    "python-variable": "SELECT * FROM secret_table",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A task's folder, beside files that are none of its business."""
    folder = tmp_path / "task"
    for path in (folder, tmp_path / "task-other"):
        path.mkdir()
        (path / "secret.csv").write_text("a\n1\n")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "linked").symlink_to(tmp_path, target_is_directory=True)
    return folder


@pytest.mark.parametrize("sql", OUTSIDE.values(), ids=OUTSIDE)
def test_nothing_outside_the_folder_is_reached(folder: Path, sql: str) -> None:
    """Files, links, the network, extensions, and its own settings are out of the engine's reach."""
    secret_table = [{"a": 1}]
    connection = open_engine(folder)

    with pytest.raises(duckdb.Error):
        connection.execute(sql.format(outside=folder.parent / "secret.csv", folder=folder)).fetchall()
    assert secret_table
    assert sorted(path.name for path in folder.parent.iterdir()) == ["secret.csv", "task", "task-other"]


def test_the_folder_is_read_and_written(folder: Path) -> None:
    """What a task needs works: files of its own folder, in Parquet."""
    connection = open_engine(folder)
    connection.execute(f"COPY (SELECT 42 AS a) TO '{folder}/x.parquet' (FORMAT parquet)")

    assert connection.execute(f"FROM '{folder}/x.parquet'").fetchall() == [(42,)]


def test_a_query_ends_in_time(folder: Path) -> None:
    """A cross join without end is stopped."""
    connection = open_engine(folder, EngineLimits(seconds=0.3))

    with pytest.raises(duckdb.Error, match="maximum execution time"):
        connection.execute("SELECT count(a.i * b.i) FROM range(10000000) a(i), range(10000000) b(i)").fetchall()


def test_memory_ends_before_the_machine_does(folder: Path) -> None:
    """What does not fit, and may not be spilt, is an error of this query."""
    connection = open_engine(folder, EngineLimits(memory_bytes=32 * MIB, spill_bytes=MIB))

    with pytest.raises(duckdb.OutOfMemoryException):
        connection.execute("SELECT list(i) FROM range(20000000) t(i)").fetchall()


def test_a_sort_spills_into_the_folder(folder: Path) -> None:
    """More rows than memory are sorted all the same."""
    connection = open_engine(folder, EngineLimits(memory_bytes=32 * MIB))
    connection.execute("CREATE TEMP TABLE t AS SELECT md5(i::VARCHAR) AS h FROM range(1500000) t(i) ORDER BY h")

    assert connection.execute("SELECT count(*) FROM t").fetchone() == (1_500_000,)


LIMITED = """
import json, resource
from towpath.dataplane.core.engine import ProcessLimits, restrict_process
restrict_process(ProcessLimits(address_space_bytes=1024**3, cpu_seconds=60, file_bytes=1024))
try:
    bytearray(2 * 1024**3)
except MemoryError:
    refused = True
kinds = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)
print(json.dumps([refused, *(resource.getrlimit(kind)[1] for kind in kinds)]))
"""


def test_a_child_cannot_lift_its_limits() -> None:
    """The third wall: memory, processor time and file size of the process itself, for good."""
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, check=True, text=True, timeout=60)

    assert json.loads(done.stdout) == [True, 1024**3, 60, 1024, 0]
