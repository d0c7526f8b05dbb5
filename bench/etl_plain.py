"""The limit: one script in one process, from the CSV files to Parquet and straight into an empty keyed table.

Nothing of it can be tried again: killed, it begins anew with an empty table. `python -m bench.etl_plain` waits for its
job.
"""

import importlib
from pathlib import Path
from typing import Any

from bench.etl_gate import serve
from bench.etl_truth import TARGET

duckdb: Any = importlib.import_module("duckdb")
pgpq: Any = importlib.import_module("pgpq")
psycopg: Any = importlib.import_module("psycopg")
parquet: Any = importlib.import_module("pyarrow.parquet")

MEMORY = "1500MB"
BATCH_ROWS = 100_000
STATUSES = "('new', 'paid', 'shipped', 'returned')"

ROWS = """
CREATE TABLE rows AS
SELECT
    TRY_CAST(order_id AS BIGINT) AS order_id,
    TRY_CAST(customer_id AS BIGINT) AS customer_id,
    CAST(coalesce(try_strptime(ordered_on, '%Y-%m-%d'), try_strptime(ordered_on, '%d.%m.%Y')) AS DATE) AS ordered_on,
    sku,
    TRY_CAST(quantity AS BIGINT) AS quantity,
    TRY_CAST(CASE WHEN contains(unit_price, '€') THEN replace(translate(unit_price, '.€ ', ''), ',', '.')
        ELSE translate(unit_price, '$, ', '') END AS DECIMAL(18,2)) AS unit_price,
    currency,
    lower(trim(status)) AS status,
    lower(trim(email)) AS email,
    TRY_CAST(updated_at AS TIMESTAMP) AS updated_at
FROM read_csv('{orders}', header = true, all_varchar = true, delim = ',', quote = '"')
"""

NEWEST = """
CREATE TABLE older AS
WITH several AS (SELECT order_id FROM rows GROUP BY order_id HAVING count(*) > 1)
SELECT row FROM (
    SELECT rowid AS row, row_number() OVER (PARTITION BY order_id ORDER BY updated_at DESC, rowid DESC) AS place
    FROM rows SEMI JOIN several USING (order_id))
WHERE place > 1
"""

SPLIT = """
CREATE VIEW checked AS
SELECT rows.*, segment, CAST(unit_price * quantity AS DECIMAL(18,2)) AS amount,
    coalesce(order_id IS NOT NULL AND updated_at IS NOT NULL AND segment IS NOT NULL AND ordered_on IS NOT NULL
        AND quantity >= 1 AND amount >= 0 AND status IN {statuses}
        AND regexp_full_match(email, '[a-z0-9._+-]+@[a-z0-9.-]+'), false) AS good
FROM rows LEFT JOIN customers USING (customer_id) ANTI JOIN older ON rows.rowid = older.row
"""


GOOD = "COPY (SELECT {columns} FROM checked WHERE good) TO '{file}'"

CREATE = """
CREATE TABLE orders (order_id bigint PRIMARY KEY, customer_id bigint, segment text, ordered_on date, sku text,
    quantity bigint, unit_price numeric(18,2), amount numeric(18,2), currency text, status text, email text,
    updated_at timestamptz)
"""
"""The same types and key as those that a pipeline makes."""


def run(job: dict[str, Any]) -> dict[str, Any]:
    folder = Path(job["folder"])
    good, bad = folder / "valid.parquet", folder / "quarantine.parquet"
    with duckdb.connect() as engine:
        engine.execute(f"SET memory_limit = '{MEMORY}'; SET threads = 2; SET temp_directory = '{folder / 'spill'}'")
        engine.execute("SET enable_progress_bar = false")
        engine.execute("CREATE TABLE customers AS SELECT customer_id, segment FROM read_csv(?)", [job["customers"]])
        engine.execute(ROWS.format(orders=job["orders"]))
        engine.execute(NEWEST)
        engine.execute(SPLIT.format(statuses=STATUSES))
        engine.execute(GOOD.format(columns=", ".join(TARGET), file=good))
        engine.execute(f"COPY (FROM checked WHERE NOT good) TO '{bad}'")
    with psycopg.connect(job["database"]) as connection:
        connection.execute(CREATE)
        copy(connection, good)
    return {"quarantined": parquet.ParquetFile(bad).metadata.num_rows}


def copy(connection: Any, file: Path) -> None:
    """Binary, in one stream."""
    with parquet.ParquetFile(file) as rows, connection.cursor() as cursor:
        encoder = pgpq.ArrowToPostgresBinaryEncoder(rows.schema_arrow)
        with cursor.copy("COPY orders FROM STDIN WITH (FORMAT binary)") as copy:
            copy.write(encoder.write_header())
            for batch in rows.iter_batches(BATCH_ROWS):
                copy.write(encoder.write_batch(batch))
            copy.write(encoder.finish())


if __name__ == "__main__":
    serve(run)
