"""SQL functions of ours: exact division of decimals, amounts of money as people write them, and trimming."""

import duckdb

from towpath.dataplane.core.columns import literal

NANO = "CREATE TEMP MACRO nano(x) AS CAST(CAST(x AS DECIMAL(38, 9)) * 1000000000 AS HUGEINT)"
"""A number in billionths, as an integer."""

EXACT_DIVIDE = """
CREATE TEMP MACRO exact_divide(dividend, divisor, places) AS
CAST(CAST(
    sign(nano(dividend)) * sign(nano(divisor))
    * ((2 * abs(nano(dividend)) * CAST(pow(10, places) AS HUGEINT) + abs(nano(divisor)))
       // (2 * abs(nano(divisor))))
    * CAST(pow(10, 9 - places) AS HUGEINT)
AS DECIMAL(38, 0)) * 0.000000001 AS DECIMAL(38, 9))
"""
"""Integer division, rounded half away from zero at `places` (0 to 9); raises for a divisor of zero.

Exact for operands of at most nine decimals whose quotient has at most 29 - `places` digits before the point.
"""

PLAIN_NUMBER = r"""
CREATE TEMP MACRO plain_number(x) AS CASE
WHEN regexp_full_match(x, '-?[0-9]+(\.[0-9]+)?') THEN x
WHEN regexp_full_match(x, '-?[0-9]{1,3}(\.[0-9]{3})*,[0-9]{1,2}( ?€)?')
    THEN replace(replace(replace(replace(x, '.', ''), ' ', ''), '€', ''), ',', '.')
WHEN regexp_full_match(x, '\$?-?[0-9]{1,3}(,[0-9]{3})*(\.[0-9]+)?') THEN replace(replace(x, '$', ''), ',', '')
WHEN regexp_full_match(x, ' *[$€£¥₩]? *-?[0-9]{1,3}(,[0-9]{3})*(\.[0-9]+)? *') THEN translate(x, '$€£¥₩, ', '')
WHEN NOT regexp_full_match(x,
    '\s*(?:[(+-]?\s*(?:[A-Z]{3}|[$€£¥₩])?|(?:[A-Z]{3}|[$€£¥₩])\s*[+-])\s*[0-9][0-9., ''\x{a0}\x{202f}]*'
    '\s*(?:[A-Z]{3}|[$€£¥₩원])?\s*[)-]?\s*') THEN x
ELSE CASE WHEN regexp_matches(x, '[(-]') THEN '-' ELSE '' END || CASE
    WHEN NOT contains(x, ',') OR regexp_matches(x, ',[0-9]*\.[0-9]*[^0-9.,]*$')
        THEN regexp_replace(x, '[^0-9.]', '', 'g')
    WHEN contains(x, '.') AND regexp_matches(x, '\.[0-9]*,[0-9]*[^0-9.,]*$')
        THEN replace(regexp_replace(x, '[^0-9,]', '', 'g'), ',', '.')
    WHEN regexp_full_match(regexp_replace(x, '[^0-9,]', '', 'g'), '[0-9]{1,3}(,[0-9]{3})+')
        THEN regexp_replace(x, '[^0-9]', '', 'g')
    WHEN regexp_matches(x, ',[^,]*,') THEN x
    ELSE replace(regexp_replace(x, '[^0-9,]', '', 'g'), ',', '.') END
END
"""
"""`$1,234.50`, `1.234,50 €`, `(12)`, `USD 12-`: the same number with a point and nothing else.

Of two marks the last one is the decimal one; a single comma before three digits parts thousands, and a single point is
the decimal mark. What is no amount stays as it is, and no cast will take it. The ways of writing that are
seen most come first, each with the cheapest functions that do it.
"""

WITHOUT_EXPONENT = r"""
CREATE TEMP MACRO pointed(sign, digits, point) AS sign || CASE
WHEN point <= 0 THEN '0.' || repeat('0', -point) || digits
WHEN point >= length(digits) THEN digits || repeat('0', point - length(digits))
ELSE left(digits, point) || '.' || substring(digits, point + 1) END;
CREATE TEMP MACRO without_exponent(x) AS pointed(
    CASE WHEN starts_with(trim(x, e' \t\r\n'), '-') THEN '-' ELSE '' END,
    regexp_replace(regexp_extract(x, '^[^eE]*'), '[^0-9]', '', 'g'),
    length(regexp_extract(x, '^[^0-9.]*([0-9]*)', 1))
        + coalesce(TRY_CAST(regexp_extract(x, '[eE](.*)$', 1) AS INTEGER), 0)
)
"""
"""`1.5e3` as `1500`: the same number in digits alone, whatever their number."""

NAMES_TWICE = r"""
CREATE TEMP MACRO has_name_twice(x) AS len(json_keys(x)) > len(list_distinct(json_keys(x)));
CREATE TEMP MACRO within(parts) AS flatten(list_transform(
    parts, lambda one: list_concat(json_extract(one, '$.*'), json_extract(one, '$[*]'))
));
CREATE TEMP MACRO names_twice(x) AS CASE
    WHEN NOT json_valid(x) THEN false
    WHEN has_name_twice(x) THEN true
    WHEN regexp_matches(x, '[{\[].*[{]', 's')
    THEN list_reduce(
        list_prepend(
            {'parts': CAST([x] AS JSON[]), 'twice': false}, repeat([{'parts': CAST([] AS JSON[]), 'twice': false}], 20)
        ),
        lambda level, _: {
            'parts': within(level.parts),
            'twice': level.twice
                OR coalesce(list_bool_or(list_transform(level.parts, lambda one: has_name_twice(one))), false)
        }
    ).twice
    ELSE false
END
"""
"""Whether an object in a JSON text has a name twice: readers differ in which of the two they keep.

It is looked for 20 levels deep, level by level: all of them at once would take the memory that grows with their square.
"""

DIGITS = "\ufdd1"
"""Unicode never assigns it."""
FIRST = literal(r"\1")
MARKED, AS_TEXT = literal(r"\1%\2%".replace("%", DIGITS)), literal(r'"%\1"'.replace("%", DIGITS))
TOKENS = literal(r'("(?:[^"\\]|\\.)*")|(-?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?)')
PAIR, BARE = literal(f"{DIGITS}([^{DIGITS}]+){DIGITS}"), literal(f"^{DIGITS}")
QUOTED_DIGITS = literal(f'"{DIGITS}([^"]*)"')
EXACT_JSON = f"""
CREATE TEMP MACRO digits_as_texts(x) AS CASE WHEN regexp_matches(x, '[0-9][.eE]|[0-9]{{15}}') THEN regexp_replace(
    replace(regexp_replace(x, {TOKENS}, {MARKED}, 'g'), {literal(DIGITS * 2)}, ''), {PAIR}, {AS_TEXT}, 'g') ELSE x END;
CREATE TEMP MACRO plain_json(x) AS CASE WHEN contains(x, {literal(DIGITS)})
    THEN regexp_replace(regexp_replace(x, {QUOTED_DIGITS}, {FIRST}, 'g'), {BARE}, '') ELSE x END
"""
"""JSON whose numbers are texts with a mark before them: the engine would read binary fractions. And back."""

EPOCHS = """
CREATE TEMP MACRO of_epoch(x, unit) AS make_timestamp(CAST(CASE
    WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN CAST(round(x * unit / 1000) AS HUGEINT)
    WHEN (nano(x) * unit) % CAST(1000000000000 AS HUGEINT) = 0
        THEN (nano(x) * unit) // CAST(1000000000000 AS HUGEINT)
    WHEN x IS NOT NULL THEN CAST(1 % 0 AS HUGEINT) END AS BIGINT));
CREATE TEMP MACRO epoch_s(x) AS of_epoch(x, CAST(1000000000 AS HUGEINT));
CREATE TEMP MACRO epoch_us(x) AS of_epoch(x, CAST(1000 AS HUGEINT));
CREATE TEMP MACRO epoch_ns(x) AS of_epoch(x, CAST(1 AS HUGEINT));
CREATE TEMP MACRO epoch_ms(x) AS of_epoch(x, CAST(1000000 AS HUGEINT))
"""
"""The moment so long after 1970 in UTC. Raises where a part of a microsecond would be lost, and out of range."""

BLANKS = literal(" \t\r\n\u00a0\u202f\u3000\ufeff")
TRIM_BLANKS = f"""
CREATE TEMP MACRO trim_blanks(x) AS CASE
WHEN unicode(x) BETWEEN 33 AND 126 AND unicode(x[-1]) BETWEEN 33 AND 126 THEN x ELSE trim(x, {BLANKS}) END
"""
"""Trims what people see as blank. The engine's own function is six times as slow, so it gets what needs it only."""


def define(connection: duckdb.DuckDBPyConnection) -> None:
    for statement in (NANO, EXACT_DIVIDE, PLAIN_NUMBER, TRIM_BLANKS, WITHOUT_EXPONENT, NAMES_TWICE, EXACT_JSON, EPOCHS):
        connection.execute(statement)
