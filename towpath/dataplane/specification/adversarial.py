"""Rows that are made to hurt a specification: each column in turn with the worst values of its type."""

from collections.abc import Iterator

from towpath.contracts.core.wire import JsonObject
from towpath.contracts.pipeline.dataset import Column, ColumnType

TEXTS = (
    *("", " ", "\t\n", "NULL", "null", "N/A", "NaN", "Infinity", "-inf", "-0", "1e400", "-1e-400", "0x1F", "1_000"),
    *("9" * 40, "-" + "9" * 40, "1,234.50", "1.234,50", "€ 1.234,50-", "(12)", "--5", "1.2.3", "٣٤", "½"),
    *("31/02/2024", "2024-02-30", "0000-00-00", "2024-13-45T99:99:99Z", "9999-12-31T23:59:59.999999+14:00", "epoch"),
    *("true", "yes", "2", "a" * 10_000, "é" * 1_000, "𝄞\u200b\u202e", "İıß", "a\u0301" * 50),
    *("'; DROP TABLE input; --", '" OR 1=1 --', "${jndi:x}", "{{7*7}}", "%s%n", "\\", "\\0\\1", ",;|\t", ";" * 500),
    *("[", "[" * 500, '{"a":', '["a", null, {"b": [1]}]', "[]", "{}", "<script>", "../../etc/passwd", "=1+1"),
)
_WHOLE = ("0", "-1", "9223372036854775807", "-9223372036854775808")
_FLOATS = ("0", "-0.0", "1e308", "-1e308", "1e-320", "0.1")
_DATES = ("0001-01-01", "1582-10-10", "2024-02-29", "9999-12-31")
_TIMES = (*(f"{day} 00:00:00" for day in _DATES), "2024-06-30 23:59:59.999999")


def adversarial_rows(columns: tuple[Column, ...], sample: tuple[JsonObject, ...]) -> Iterator[JsonObject]:
    """Values as texts; nulls first. Rows stay rows: no value is longer than 10,000 characters."""
    usual: JsonObject = dict(sample[0]) if sample else {}
    yield {column.name: None for column in columns}
    for column in columns:
        yield {**usual, column.name: None}
        for value in worst_values(column):
            yield {**usual, column.name: value}
    for value in TEXTS:
        yield {column.name: value for column in columns if column.type in {ColumnType.TEXT, ColumnType.JSON}}


def worst_values(column: Column) -> tuple[str, ...]:
    if column.type is ColumnType.DECIMAL:
        most = "9" * (column.precision - column.scale) + "." + "9" * column.scale
        return ("0", most, f"-{most}")
    return _WORST[column.type]


_WORST = {
    ColumnType.TEXT: TEXTS,
    ColumnType.JSON: TEXTS,
    ColumnType.INTEGER: _WHOLE,
    ColumnType.FLOAT: _FLOATS,
    ColumnType.BOOLEAN: ("true", "false"),
    ColumnType.DATE: _DATES,
    ColumnType.TIMESTAMP: _TIMES,
}
