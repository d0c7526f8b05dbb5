"""What must be in the target, found from clean values."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from towpath.dataplane.core.columns import statement

TARGET = {
    "order_id": "BIGINT",
    "customer_id": "BIGINT",
    "segment": "VARCHAR",
    "ordered_on": "DATE",
    "sku": "VARCHAR",
    "quantity": "BIGINT",
    "unit_price": "DECIMAL(18,2)",
    "amount": "DECIMAL(18,2)",
    "currency": "VARCHAR",
    "status": "VARCHAR",
    "email": "VARCHAR",
    "updated_at": "TIMESTAMP",
}
"""The table that every lane must end with."""

SEVERAL = """
CREATE TABLE several_{name} AS
WITH again AS (SELECT DISTINCT place FROM given_{name} WHERE kind NOT IN ('base', 'keyless'))
SELECT place, max_by(number, (updated_at, number)) AS newest FROM given_{name} SEMI JOIN again USING (place)
GROUP BY place
"""
"""Only orders that have more than one version need a comparison."""

NEWEST = """
CREATE TABLE newest_{name} AS
SELECT given_{name}.* FROM given_{name} LEFT JOIN several_{name} USING (place)
WHERE kind <> 'keyless' AND (newest IS NULL OR newest = number)
"""

GOOD = """
CREATE TABLE {name} AS
SELECT * REPLACE (CAST(amount AS DECIMAL(18,2)) AS amount) FROM (
    SELECT order_id, customer_id, segment, ordered_on, sku, quantity, price AS unit_price, price * quantity AS amount,
        currency, status, email, updated_at
    FROM newest_{name} JOIN ({customers}) USING (customer_id) WHERE {good})
"""

AFTER = """
CREATE TABLE after AS
WITH newer AS (
    SELECT late.* FROM late LEFT JOIN base ON base.order_id = late.order_id
    WHERE base.order_id IS NULL OR late.updated_at > base.updated_at)
FROM base ANTI JOIN newer USING (order_id) UNION ALL FROM newer
"""


@dataclass(frozen=True, slots=True)
class Truth:
    """Counts of rows. `late` is what the increment leads to: the target after it, and what is quarantined of it."""

    valid: int
    quarantined: int
    late_valid: int
    late_quarantined: int


def find_truth(engine: Any, given: Sequence[str], customers: str, good: str, folder: Path) -> Truth:
    """From clean values: the newest version of each order where it is good, and then the late rows on top of them.

    `given` is SQL of all rows and of the late ones. The tables are written to `folder`, in the order of their key.
    """
    quarantined: list[int] = []
    for name, rows in zip(("base", "late"), given, strict=True):
        engine.execute(statement("CREATE VIEW given_{name} AS {rows}", name=name, rows=rows))
        engine.execute(statement(SEVERAL, name=name))
        engine.execute(statement(NEWEST, name=name))
        engine.execute(statement(GOOD, name=name, customers=customers, good=good))
        bad = count(engine, f"newest_{name} WHERE NOT ({good})") + count(engine, f"given_{name} WHERE kind = 'keyless'")
        quarantined.append(bad)
    engine.execute(AFTER)
    for table, file in (("base", "truth.parquet"), ("after", "truth-late.parquet")):
        engine.execute(f"COPY (FROM {table} ORDER BY order_id) TO '{folder / file}'")
    return Truth(count(engine, "base"), quarantined[0], count(engine, "after"), quarantined[1])


def count(engine: Any, rows: str) -> int:
    return engine.execute(statement("SELECT count(*) FROM {rows}", rows=rows)).fetchone()[0]
