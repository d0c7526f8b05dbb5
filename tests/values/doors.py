"""Each door that values come through: a source of two columns, `id` and `v`, with what Python says of each value."""

import csv
import json
import random
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg
from psycopg import sql
from starlette.responses import Response

from tests.fakes.postgresql import new_database
from tests.fakes.shop_api import ShopApi
from tests.unit.pipeline.reading import Reader, source
from tests.values import drawing, reading
from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.pipeline import Source
from towpath.dataplane.core.arrow import pa, parquet
from towpath.dataplane.core.connections import HttpConnection, PostgresqlConnection

FIRST, EPOCH = datetime(1, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
Expected = list[Any]
"""What arrives of each row, or SET_ASIDE. A row's `id` is its place."""


class Filled(NamedTuple):
    source: Source
    expected: Expected


class Setting(NamedTuple):
    """What doors are made with."""

    reader: Reader
    folder: Path
    server: str
    dice: random.Random
    values: int


Door = Callable[[Setting, Column], Any]
"""A context in which the source is there."""


def _texts(setting: Setting, column: Column) -> list[str]:
    drawn = drawing.texts(setting.dice, column.type, setting.values)
    return [text for text in drawn if text.isascii()]


def _declared(column: Column) -> list[dict[str, Any]]:
    return [{"name": "id", "type": "integer"}, column.model_dump(mode="json")]


@contextmanager
def csv_door(setting: Setting, column: Column) -> Generator[Filled]:
    path, texts = setting.folder / "values.csv", _texts(setting, column)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows([("id", "v"), *enumerate(texts)])
    expected = [reading.of_text(text, column) for text in texts]
    yield Filled(source(type="csv", path=str(path), columns=_declared(column)), expected)


def _json_values(setting: Setting, column: Column) -> tuple[list[str], Expected]:
    """Texts of JSON: numbers bare where they are some, all else in quotes; a column of JSON takes them as they are."""
    written: list[str] = []
    expected: Expected = []
    for text in _texts(setting, column):
        alone = reading.is_json(text) and (column.type is ColumnType.JSON or reading.is_number(text))
        written.append(text if alone else json.dumps(text))
        if column.type is ColumnType.JSON:
            expected.append(None if written[-1] == "null" else written[-1])
        else:
            expected.append(reading.of_text(text.strip() if alone else text, column))
    return written, expected


@contextmanager
def ndjson_door(setting: Setting, column: Column) -> Generator[Filled]:
    written, expected = _json_values(setting, column)
    path = setting.folder / "values.ndjson"
    path.write_text("".join(f'{{"id": {number}, "v": {text}}}\n' for number, text in enumerate(written)))
    yield Filled(source(type="ndjson", path=str(path), columns=_declared(column)), expected)


@contextmanager
def json_door(setting: Setting, column: Column) -> Generator[Filled]:
    written, expected = _json_values(setting, column)
    path = setting.folder / "values.json"
    items = (f'{{"id": {number}, "v": {text}}}' for number, text in enumerate(written))
    path.write_text(f"[{', '.join(items)}]")
    yield Filled(source(type="json", path=str(path), columns=_declared(column)), expected)


@contextmanager
def api_door(setting: Setting, column: Column) -> Generator[Filled]:
    """Pages of twenty; the answers are written here, so that numbers keep their digits."""
    written, expected = _json_values(setting, column)
    items = [f'{{"id": {number}, "v": {text}}}' for number, text in enumerate(written)]
    pages = [items[start : start + 20] for start in range(0, len(items), 20)]
    bodies = [f'{{"data": {{"items": [{", ".join(page)}]}}}}' for page in [pages[0], *pages, []]]
    shop = ShopApi(orders=[], answers=[Response(body, media_type="application/json") for body in bodies])
    with shop.served() as url:
        setting.reader.connections = {"shop": HttpConnection.model_validate({"base_url": url})}
        paging = {"style": "page", "items": "data.items", "size": 20}
        told = {"connection": "shop", "path": "pages", "paging": paging, "requests_per_second": 1_000}
        yield Filled(source(type="http", columns=_declared(column), **told), expected)


Typed = tuple[list[Any], Expected]


def _integers(dice: random.Random, count: int, _: Column) -> Typed:
    drawn = [dice.choice((0, 2**63, 2**64 - 1, dice.randrange(2**64), dice.randrange(2**40))) for _ in range(count)]
    return drawn, [value if value < 2**63 else reading.SET_ASIDE for value in drawn]


def _decimals(dice: random.Random, count: int, column: Column) -> Typed:
    wholes = [dice.choice((1, -1)) * dice.randrange(10 ** dice.choice((1, 9, 30, 45))) for _ in range(count)]
    drawn = [Decimal(f"{whole}e-{dice.randrange(7)}") for whole in wholes]
    return drawn, [reading.of_text(f"{value:f}", column) for value in drawn]


def _floats(dice: random.Random, count: int, _: Column) -> Typed:
    drawn = [dice.choice((0.1, -0.0, 5e-324, 1.7e308, dice.random(), dice.gauss(0, 1e20))) for _ in range(count)]
    return drawn, list(drawn)


def _days(dice: random.Random, count: int, _: Column) -> Typed:
    """As days from 1970."""
    first, last = -719_162, 2_932_896
    odd = (first, last, first - 1, last + 1, 2**31 - 1)
    drawn = [dice.choice((*odd, dice.randrange(first, last))) for _ in range(count)]
    known = [EPOCH.date() + timedelta(days=day) if first <= day <= last else reading.SET_ASIDE for day in drawn]
    return drawn, known


def _moments(dice: random.Random, count: int, _: Column) -> Typed:
    """As microseconds from 1970."""
    first = (FIRST - EPOCH) // MICROSECOND
    last = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
    odd = (first, last, first - 1, last + 1, 2**62)
    drawn = [dice.choice((*odd, dice.randrange(first, last))) for _ in range(count)]
    return drawn, [_moment(one) if first <= one <= last else reading.SET_ASIDE for one in drawn]


def _moment(microseconds: int) -> datetime:
    return (EPOCH + microseconds * MICROSECOND).replace(tzinfo=None)


def _booleans(dice: random.Random, count: int, _: Column) -> Typed:
    drawn = [dice.choice((True, False)) for _ in range(count)]
    return drawn, list(drawn)


def _words(dice: random.Random, count: int, _: Column) -> Typed:
    words = ("a", "é", "\n", "", "'", '"', "\\", "\t", "1.10", "한")
    drawn = [dice.choice(words) * dice.randrange(3) for _ in range(count)]
    return drawn, list(drawn)


def _documents(dice: random.Random, count: int, column: Column) -> Typed:
    drawn = drawing.texts(dice, ColumnType.JSON, count)
    return drawn, [reading.of_text(text, column) for text in drawn]


_DRAWN: dict[ColumnType, tuple[Callable[[random.Random, int, Column], Typed], Any]] = {
    ColumnType.TEXT: (_words, pa.string()),
    ColumnType.INTEGER: (_integers, pa.uint64()),
    ColumnType.DECIMAL: (_decimals, pa.decimal256(60, 6)),
    ColumnType.FLOAT: (_floats, pa.float64()),
    ColumnType.BOOLEAN: (_booleans, pa.bool_()),
    ColumnType.DATE: (_days, pa.date32()),
    ColumnType.TIMESTAMP: (_moments, pa.timestamp("us")),
    ColumnType.JSON: (_documents, pa.string()),
}


@contextmanager
def parquet_door(setting: Setting, column: Column) -> Generator[Filled]:
    draw, kind = _DRAWN[column.type]
    drawn, expected = draw(setting.dice, setting.values, column)
    raw = {pa.date32(): pa.int32(), pa.timestamp("us"): pa.int64()}.get(kind, kind)
    path = setting.folder / "values.parquet"
    values = pa.array(drawn, raw).cast(kind)
    parquet.write_table(pa.table({"id": pa.array(range(len(drawn)), pa.int64()), "v": values}), path)
    yield Filled(source(type="parquet", path=str(path), columns=_declared(column)), expected)


_OF_POSTGRESQL = {
    ColumnType.TEXT: "text",
    ColumnType.INTEGER: "int8",
    ColumnType.DECIMAL: "numeric",
    ColumnType.FLOAT: "float8",
    ColumnType.BOOLEAN: "bool",
    ColumnType.DATE: "date",
    ColumnType.TIMESTAMP: "timestamp",
    ColumnType.JSON: "json",
}
_ODD: dict[ColumnType, tuple[str, ...]] = {
    ColumnType.DATE: ("infinity", "-infinity", "0044-01-05 BC", "10000-01-01"),
    ColumnType.TIMESTAMP: ("infinity", "-infinity", "0001-12-31 BC", "294276-12-31 23:59:59.999999"),
    ColumnType.DECIMAL: ("NaN",),
}


@contextmanager
def postgresql_door(setting: Setting, column: Column) -> Generator[Filled]:
    """A value goes in as a text that PostgreSQL itself reads."""
    draw, _ = _DRAWN[column.type]
    drawn, expected = draw(setting.dice, setting.values, column)
    kept = [
        (_literal(value, one), one)
        for value, one in zip(drawn, expected, strict=True)
        if one != reading.SET_ASIDE or column.type is ColumnType.DECIMAL
    ]
    rows = [*kept, *((text, reading.SET_ASIDE) for text in _ODD.get(column.type, ())), (None, None)]
    url = new_database(setting.server, f"values_{uuid4().hex}")
    setting.reader.connections = {"shop": PostgresqlConnection.model_validate({"url": url})}
    kind = sql.Identifier(_OF_POSTGRESQL[column.type])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE TABLE orders (id bigint, v {})").format(kind))
        told = [(number, text) for number, (text, _) in enumerate(rows)]
        with connection.cursor() as cursor:
            cursor.executemany(sql.SQL("INSERT INTO orders VALUES (%s, CAST(%s::text AS {}))").format(kind), told)
    columns = _declared(column)
    yield Filled(
        source(type="postgresql", connection="shop", table="public.orders", columns=columns), [one for _, one in rows]
    )


def _literal(value: Any, expected: Any) -> str:
    return str(expected) if isinstance(expected, date) else f"{value:f}" if isinstance(value, Decimal) else str(value)


DOORS: dict[str, Door] = {
    "csv": csv_door,
    "ndjson": ndjson_door,
    "json": json_door,
    "api": api_door,
    "parquet": parquet_door,
    "postgresql": postgresql_door,
}
