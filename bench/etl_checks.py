"""How many rows of a destination differ from the truth."""

import importlib
from pathlib import Path
from typing import Any

from towpath.dataplane.core.columns import statement
from towpath.dataplane.load.manifest import Manifest

duckdb: Any = importlib.import_module("duckdb")
psycopg: Any = importlib.import_module("psycopg")

ROW = (
    "concat_ws('|', order_id, customer_id, segment, CAST(ordered_on AS date), sku, quantity,"
    " CAST(unit_price AS decimal(18,2)), CAST(amount AS decimal(18,2)), currency, status, email,"
    " CAST(extract(epoch FROM CAST(updated_at AS timestamp)) AS bigint))"
)
"""A row as one text, the same in both databases."""

CSV = "FROM read_csv('{file}', header = false, columns = {{'order_id': 'BIGINT', 'digest': 'VARCHAR'}})"

WRONG = """
SELECT (SELECT count(*) FROM expected FULL JOIN found USING (order_id)
        WHERE expected.digest IS DISTINCT FROM found.digest)
    + (SELECT count(*) - count(DISTINCT order_id) FROM found)
"""


def wrong_in_postgresql(url: str, table: str, expected: Path, scratch: Path) -> int:
    """Rows of a table that are missing, too many or different. They pass through a file in `scratch`."""
    digests = statement("SELECT order_id, md5({row}) AS digest FROM {table}", row=ROW, table=table)
    file = scratch / "found.csv"
    with psycopg.connect(url) as connection, connection.cursor() as cursor, file.open("wb") as out:
        connection.execute("SET TIME ZONE 'UTC'")
        with cursor.copy(f"COPY ({digests}) TO STDOUT WITH (FORMAT csv)") as copy:
            for piece in copy:
                out.write(piece)
    with duckdb.connect() as engine:
        return _wrong(engine, statement(CSV, file=str(file)), expected)


def wrong_in_duckdb(file: Path, table: str, expected: Path) -> int:
    with duckdb.connect(str(file)) as engine:
        return _wrong(
            engine, statement("SELECT order_id, md5({row}) AS digest FROM {table}", row=ROW, table=table), expected
        )


def wrong_in_parquet(folder: Path, expected: Path) -> int:
    """Of the files that the dataset's manifest names."""
    manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    files = ", ".join(f"'{folder / file.name}'" for file in manifest.files)
    with duckdb.connect() as engine:
        rows = f"read_parquet([{files}])"
        return _wrong(
            engine, statement("SELECT order_id, md5({row}) AS digest FROM {rows}", row=ROW, rows=rows), expected
        )


def _wrong(engine: Any, found: str, expected: Path) -> int:
    engine.execute("SET enable_progress_bar = false")
    engine.execute(statement("CREATE TEMP TABLE found AS {found}", found=found))
    wanted = statement("SELECT order_id, md5({row}) AS digest FROM '{file}'", row=ROW, file=str(expected))
    engine.execute(statement("CREATE TEMP TABLE expected AS {wanted}", wanted=wanted))
    return engine.execute(WRONG).fetchone()[0]
