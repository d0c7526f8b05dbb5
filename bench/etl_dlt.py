"""The peer: dlt end to end. DuckDB cleans each file, dlt merges by key into PostgreSQL, and keeps the newest of a load.

It runs in an environment of its own and imports nothing of ours but the gate. `python -m bench.etl_dlt` waits for its
job.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.etl_gate import serve

dlt: Any = importlib.import_module("dlt")
duckdb: Any = importlib.import_module("duckdb")

BATCH_ROWS = 100_000
THREADS = 2

ROWS = """
SELECT * FROM (
    SELECT order_id, customer_id, segment, ordered_on, sku, quantity, unit_price,
        CAST(unit_price * quantity AS DECIMAL(18,2)) AS amount, currency, status, email, updated_at
    FROM (
        SELECT
            TRY_CAST(order_id AS BIGINT) AS order_id,
            TRY_CAST(customer_id AS BIGINT) AS customer_id,
            CAST(coalesce(try_strptime(ordered_on, '%Y-%m-%d'), try_strptime(ordered_on, '%d.%m.%Y')) AS DATE)
                AS ordered_on,
            sku,
            TRY_CAST(quantity AS BIGINT) AS quantity,
            TRY_CAST(CASE WHEN contains(unit_price, '€') THEN replace(translate(unit_price, '.€ ', ''), ',', '.')
                ELSE translate(unit_price, '$, ', '') END AS DECIMAL(18,2)) AS unit_price,
            currency,
            lower(trim(status)) AS status,
            lower(trim(email)) AS email,
            TRY_CAST(updated_at AS TIMESTAMP) AS updated_at
        FROM read_csv(?, header = true, all_varchar = true, delim = ',', quote = '"'))
    LEFT JOIN customers USING (customer_id))
WHERE order_id IS NOT NULL AND updated_at IS NOT NULL AND segment IS NOT NULL AND ordered_on IS NOT NULL
    AND quantity >= 1 AND amount >= 0 AND status IN ('new', 'paid', 'shipped', 'returned')
    AND regexp_full_match(email, '[a-z0-9._+-]+@[a-z0-9.-]+')
"""


def run(job: dict[str, Any]) -> dict[str, Any]:
    pipeline = dlt.pipeline(
        pipeline_name="peer",
        pipelines_dir=job["folder"],
        destination=dlt.destinations.postgres(job["database"]),
        dataset_name="peer",
    )
    resource = dlt.resource(
        _batches(job["orders"], job["customers"]),
        name="orders",
        primary_key="order_id",
        write_disposition={"disposition": "merge", "strategy": "delete-insert"},
        columns={"updated_at": {"dedup_sort": "desc"}},
    )
    pipeline.run(resource, loader_file_format="csv").raise_on_failed_jobs()
    return {}


def _batches(orders: str, customers: str) -> Iterator[Any]:
    with duckdb.connect() as engine:
        engine.execute(f"SET threads = {THREADS}; SET memory_limit = '1500MB'; SET enable_progress_bar = false")
        engine.execute("CREATE TABLE customers AS SELECT customer_id, segment FROM read_csv(?)", [customers])
        for file in sorted(Path(orders).parent.glob(Path(orders).name)):
            yield from engine.execute(ROWS, [str(file)]).to_arrow_reader(BATCH_ROWS)


if __name__ == "__main__":
    serve(run)
