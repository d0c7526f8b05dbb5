"""Orders with planted dirt, as CSV files, and the truth about them.

Every row is computed from its number. The truth comes from those numbers and never reads what was written: which rows
are bad, and which version of an order is the newest, is known because it was planted.
"""

import hashlib
import importlib
import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.etl_truth import Truth, find_truth
from towpath.dataplane.core.columns import statement
from towpath.local.stack import ROOT

duckdb: Any = importlib.import_module("duckdb")

FOLDER = Path(".towpath/bench/etl")
SEED = 5
MEMORY = "3GB"
MAKERS = ("etl_data.py", "etl_truth.py")
"""What is made depends on the text of these modules."""
Say = Callable[[str], None]


def pick(salt: int, *values: str, number: str = "seed") -> str:
    """One of the texts for each row. Ten times as fast as a list with an index."""
    cases = " ".join(f"WHEN {index} THEN '{value}'" for index, value in enumerate(values[1:], 1))
    return f"CASE mix({number}, {salt}) % {len(values)} {cases} ELSE '{values[0]}' END"


MACROS = (
    "CREATE MACRO mix(number, salt) AS hash(number * 64 + salt + {seed} * 1000000000000)",
    # A row that has a key and is no duplicate itself: never one of the first 24 of a thousand, nor one without a key.
    "CREATE MACRO origin(number) AS"
    " CAST(mix(number, 1) % {rows} AS BIGINT) // 1000 * 1000 + 24 + CAST(mix(number, 2) % 700 AS BIGINT)",
    "CREATE MACRO written(number) AS TIMESTAMP '2025-06-01' + to_seconds(CAST(number * 7919 % 31536000 AS BIGINT))",
)

KINDS = """
SELECT number, CASE
    WHEN number % 10000 = 777 THEN 'keyless'
    WHEN number >= {rows} THEN CASE
        WHEN number % 20 < 10 THEN 'newer' WHEN number % 20 = 10 THEN 'stale' ELSE 'base' END
    WHEN number % 1000 < 8 THEN 'newer'
    WHEN number % 1000 < 16 THEN 'stale'
    WHEN number % 1000 < 24 THEN 'repeat'
    ELSE 'base' END AS kind
FROM range({first}, {last}) AS numbers(number)
"""
"""0.8 % of the rows are newer versions of other orders, as many stale ones, as many exact repeats; 0.01 % lack a key.

Half of the late rows, which are numbered on, are newer versions, and one in twenty is stale.
"""

ROWS = statement(
    """
WITH kinds AS ({kinds}),
placed AS (
    SELECT number, kind, CASE WHEN kind IN ('newer', 'stale', 'repeat') THEN origin(number) ELSE number END AS place
    FROM kinds),
seeded AS (SELECT *, CASE kind WHEN 'repeat' THEN place ELSE number END AS seed FROM placed)
SELECT
    number, kind, place, seed,
    CAST(mix(seed, 3) % 10000 AS INTEGER) AS defect,
    1 + place AS order_id,
    1 + CAST(mix(seed, 4) % {{customers}} AS BIGINT) AS customer_id,
    DATE '2025-01-01' + CAST(mix(place, 5) % 600 AS INTEGER) AS ordered_on,
    'SKU-' || lpad(CAST(mix(seed, 6) % 10000 AS VARCHAR), 4, '0') AS sku,
    1 + CAST(mix(seed, 7) % 20 AS BIGINT) AS quantity,
    CAST((99 + CAST(mix(seed, 8) % 499900 AS INTEGER)) * 0.01 AS DECIMAL(18,2)) AS price,
    {currency} AS currency,
    {status} AS status,
    'u' || CAST(mix(seed, 4) % {{customers}} AS VARCHAR)
        || {host} AS email,
    written(place) + to_seconds(CASE kind WHEN 'newer' THEN 1 + number WHEN 'stale' THEN -1 - number ELSE 0 END)
        AS updated_at
FROM seeded
""",
    kinds=KINDS,
    currency=pick(9, "USD", "EUR", "KRW"),
    status=pick(10, "new", "paid", "shipped", "returned"),
    host=pick(11, "@mail.example", "@shop.example", "@post.example"),
)
"""Clean values of every row. A version is as much newer or older as its number says, so no two versions tie."""

CUSTOMERS = statement(
    """
SELECT 1 + n AS customer_id, {segment} AS segment, {country} AS country
FROM range({{customers}}) AS numbers(n)
""",
    segment=pick(20, "business", "retail", "public", number="n"),
    country=pick(21, "KR", "US", "DE", "GB", number="n"),
)

DEFECTS = (
    ("quantity", 10, "'two'"),
    ("ordered_on", 20, "'2025-02-30'"),
    ("unit_price", 30, "'free'"),
    ("email", 60, "replace(email, '@', ' at ')"),
    ("status", 70, "'lost?'"),
    ("customer_id", 90, "NULL"),
    ("customer_id", 110, "CAST(customer_id + {customers} AS VARCHAR)"),
    ("quantity", 120, "CAST(-quantity AS VARCHAR)"),
    ("customer_id", 130, "'C-' || customer_id"),
)
"""Column, where its share of ten thousand ends, and what stands there: 1.3 % of the rows are bad, each in one way."""
BAD = DEFECTS[-1][1]

NOTES = (
    "",
    "leave it at the door, please",
    "a gift: no invoice in the parcel",
    "call an hour before the delivery",
    "fragile, this side up",
)

PRICES = """CASE mix(seed, 12) % 10
    WHEN 6 THEN '$' || format('{:,}', price_whole) || '.' || price_cents
    WHEN 7 THEN ' ' || price || '  '
    WHEN 8 THEN format('{:,}', price_whole) || '.' || price_cents
    WHEN 9 THEN replace(format('{:,}', price_whole), ',', '.') || ',' || price_cents || ' €'
    ELSE CAST(price AS VARCHAR) END"""

DIRTY = {
    "order_id": "CASE WHEN kind = 'keyless' THEN NULL ELSE CAST(order_id AS VARCHAR) END",
    "customer_id": "CAST(customer_id AS VARCHAR)",
    "ordered_on": "CASE WHEN mix(seed, 13) % 10 < 3 THEN strftime(ordered_on, '%d.%m.%Y')"
    " ELSE CAST(ordered_on AS VARCHAR) END",
    "sku": "sku",
    "quantity": "CAST(quantity AS VARCHAR)",
    "unit_price": PRICES,
    "currency": "currency",
    "channel": pick(14, "web", "app", "store", "phone"),
    "status": "CASE mix(seed, 15) % 10 WHEN 0 THEN upper(status) WHEN 1 THEN ' ' || status"
    " WHEN 2 THEN upper(status[1]) || status[2:] || ' ' ELSE status END",
    "email": "CASE mix(seed, 16) % 10 WHEN 0 THEN upper(email) WHEN 1 THEN ' ' || email ELSE email END",
    "updated_at": "strftime(updated_at, '%Y-%m-%d %H:%M:%S')",
    "note": pick(17, *NOTES),
}
"""How each column is written where it is not bad: two formats of dates, five of money, mixed case and blanks."""


@dataclass(frozen=True, slots=True)
class Data:
    """Where the files are. `folder` has orders, late orders, customers, and the target's true rows before and after."""

    folder: Path
    rows: int
    files: int
    late_rows: int
    size_bytes: int
    truth: Truth

    @property
    def orders(self) -> str:
        return str(self.folder / "orders-*.csv")

    @property
    def late(self) -> str:
        return str(self.folder / "late-*.csv")

    @property
    def customers(self) -> str:
        return str(self.folder / "customers.csv")

    @property
    def expected(self) -> Path:
        return self.folder / "truth.parquet"

    @property
    def expected_late(self) -> Path:
        return self.folder / "truth-late.parquet"


def make_data(rows: int, files: int, say: Say, folder: Path = FOLDER) -> Data:
    """The files of so many rows, made anew unless they are there whole, by this very module.

    Raises ValueError for a number of rows that is no multiple of 10,000.
    """
    if rows <= 0 or rows % 10_000 or not 0 < files <= rows // 1000:
        raise ValueError("rows: a multiple of 10,000 is wanted, and files of 1,000 rows at least")
    target = (folder / f"{rows}-{files}").absolute()
    made = target / "made.json"
    digest = hashlib.sha256(b"".join((ROOT / "bench" / name).read_bytes() for name in MAKERS)).hexdigest()
    if not made.exists() or json.loads(made.read_text(encoding="utf-8"))["digest"] != digest:
        begun = time.perf_counter()
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        truth = _write(target, rows, files)
        made.write_text(json.dumps({"digest": digest, "truth": asdict(truth)}), encoding="utf-8")
        say(f"{rows:,} rows in {files} files made in {time.perf_counter() - begun:.0f} s")
    truth = Truth(**json.loads(made.read_text(encoding="utf-8"))["truth"])
    size = sum(file.stat().st_size for file in target.glob("orders-*.csv"))
    return Data(target, rows, files, rows // 10, size, truth)


def _write(folder: Path, rows: int, files: int) -> Truth:
    late, facts = rows // 10, {"rows": rows, "customers": max(100, rows // 20), "seed": SEED}
    with duckdb.connect() as engine:
        engine.execute(f"SET memory_limit = '{MEMORY}'; SET enable_progress_bar = false")
        engine.execute(f"SET temp_directory = '{folder / 'spill'}'")
        for macro in MACROS:
            engine.execute(macro.format(**facts))
        customers = CUSTOMERS.format(**facts)
        engine.execute(f"COPY ({customers}) TO '{folder / 'customers.csv'}' (HEADER)")
        spans = [(folder / f"orders-{part:04d}.csv", *_span(0, rows, part, files)) for part in range(files)]
        late_files = max(1, files // 4)
        spans += [(folder / f"late-{part:04d}.csv", *_span(rows, late, part, late_files)) for part in range(late_files)]

        def one(span: tuple[Path, int, int]) -> None:
            path, first, last = span
            engine.cursor().execute(f"COPY ({_dirty(facts, first, last)}) TO '{path}' (HEADER)")

        with ThreadPoolExecutor() as pool:
            list(pool.map(one, spans))
        given = [ROWS.format(**facts, first=first, last=last) for first, last in ((0, rows), (rows, rows + late))]
        truth = find_truth(engine, given, customers, f"defect >= {BAD}", folder)
    shutil.rmtree(folder / "spill", ignore_errors=True)
    return truth


def _span(first: int, count: int, part: int, parts: int) -> tuple[int, int]:
    return first + count * part // parts, first + count * (part + 1) // parts


def _dirty(facts: dict[str, int], first: int, last: int) -> str:
    """SQL of the rows as they are written."""
    columns: list[str] = []
    for name, text in DIRTY.items():
        begin, cases = 0, ""
        for column, end, instead in DEFECTS:
            if column == name:
                cases += f" WHEN defect >= {begin} AND defect < {end} THEN {instead.format(**facts)}"
            begin = end
        columns.append(f"CASE{cases} ELSE {text} END AS {name}" if cases else f"{text} AS {name}")
    given = ROWS.format(**facts, first=first, last=last)
    parts = "CAST(floor(price) AS BIGINT) AS price_whole, right(CAST(price AS VARCHAR), 2) AS price_cents"
    return statement(
        "SELECT {columns} FROM (SELECT *, {parts} FROM ({given}))", columns=", ".join(columns), parts=parts, given=given
    )
