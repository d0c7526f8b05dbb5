"""The texts that are values of a type: one grammar in RE2 for every door that texts come through.

A text that is not in it is no value, whatever the engine would make of it: no `1_000`, no `epoch`, no year 10000, no
time below a microsecond. A text that is in it is read to its last digit.
"""

import re

from towpath.contracts.pipeline.dataset import Column
from towpath.dataplane.core.columns import literal

BLANK = r"[ \t\r\n]*"
SIGN = "[+-]?"
YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
"""0001 to 9999: what every library and database that rows go through can hold."""
DAY = f"{YEAR}-(?:0?[1-9]|1[0-2])-(?:0?[1-9]|[12][0-9]|3[01])"
MINUTE = "(?:[0-5]?[0-9])"
HOUR = "(?:[01]?[0-9]|2[0-3])"
OFFSET = "[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?"
"""Up to 15:59, as in PostgreSQL."""
MIDNIGHT = "0?0:0?0(?::0?0(?:[.]0+)?)?Z?"
CLOCK = f"{HOUR}:{MINUTE}(?::{MINUTE}(?:[.][0-9]{{1,6}}0*)?)?"
LOCAL = f" *{DAY}(?:[T ]{CLOCK})? *"
WITH_ZONE = f" *{DAY}[T ]{CLOCK}(?:Z| UTC|{OFFSET}) *"
DATE = f" *{DAY}(?:[T ]{MIDNIGHT})? *"
"""A day, or its first moment: any other time of the day would be lost."""
INTEGER = f"{BLANK}{SIGN}(?:[0-9]+(?:[.]0*)?|[.]0+){BLANK}"
"""Also with zeros after a point."""
FLOAT = f"{BLANK}{SIGN}(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:[eE][+-]?[0-9]{{1,3}})?{BLANK}"
EXPONENT = f"{BLANK}{SIGN}(?:[0-9]+[.]?[0-9]*|[.][0-9]+)[eE][+-]?[0-9]{{1,3}}{BLANK}"
JSON_STRING = r'"(?:[^"\\]|\\.)*"'
JSON_WORDS = r'(?:[\[\]{},: \t\r\n]|""|true|false|null|-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][+-]?[0-9]{1,4})?)*'
"""What a JSON text is made of, its strings being empty. The engine takes more: `NaN`, numbers of any size."""
LAST_COMMA = r",[ \t\r\n]*[\]}]"
NUL = r"(?:^|[^\\])(?:\\\\)*\\u0000"
"""A text with it cannot be kept by PostgreSQL."""

UTC_SIGN, UTC_OFFSET = "([0-9]) *Z", r"\1+00:00"
"""The engine's own `%z` does not know `Z`."""
_DIRECTIVES = {
    "Y": YEAR,
    "y": "[0-9]{2}",
    "m": "(?:0?[1-9]|1[0-2])",
    "d": "(?:0?[1-9]|[12][0-9]|3[01])",
    "H": HOUR,
    "I": "(?:0?[1-9]|1[0-2])",
    "M": MINUTE,
    "S": MINUTE,
    "f": "[0-9]{1,6}",
    "p": "[AaPp][Mm]",
    "j": "[0-9]{1,3}",
    **dict.fromkeys("bBaA", "[A-Za-z]+"),
    "z": f"(?:Z|{OFFSET})",
    "T": f"{HOUR}:{MINUTE}:{MINUTE}",
    "F": DAY,
    "%": "%",
}
_DIRECTIVE = re.compile(r"%-?(.)|(\s+)|([^%\s]+)", re.DOTALL)
_OF_THE_DAY = re.compile(r"%-?[HIMSfpzT]")


def decimal(column: Column) -> str:
    """Numbers with no digit but zeros beyond the column's precision and scale."""
    whole, scale = column.precision - column.scale, column.scale
    before = f"0*[0-9]{{1,{whole}}}" if whole else "0+"
    after = f"[0-9]{{0,{scale}}}0*" if scale else "0*"
    bare = f"|[.][0-9]{{1,{scale}}}0*" if scale else "|[.]0+"
    return f"{BLANK}{SIGN}(?:{before}(?:[.]{after})?{bare}){BLANK}"


def of_format(text: str) -> str:
    """Texts in a format of strptime's, whose directives `functions` has checked. Blanks may stand around them."""
    parts = (
        _DIRECTIVES[directive] if directive else r"\s+" if blank else re.escape(plain)
        for directive, blank, plain in _DIRECTIVE.findall(text)
    )
    return f"{BLANK}{''.join(parts)}{BLANK}"


def has_time_of_day(form: str) -> bool:
    return bool(_OF_THE_DAY.search(form))


def matches(value: str, pattern: str) -> str:
    """SQL that is true where the whole text is in a grammar."""
    return f"regexp_full_match({value}, {literal(pattern)})"


def is_json(value: str) -> str:
    """SQL that is true for JSON that every reader takes."""
    words = f"regexp_replace({value}, {literal(JSON_STRING)}, '\"\"', 'g')"
    return (
        f"json_valid({value}) AND {matches(words, JSON_WORDS)}"
        f" AND NOT regexp_matches({words}, {literal(LAST_COMMA)}) AND NOT regexp_matches({value}, {literal(NUL)})"
        f" AND NOT names_twice({value})"
    )
