"""The allow-list: what expressions may call, how it is printed, and what its arguments have to be."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from towpath.dataplane.core.columns import literal
from towpath.dataplane.specification import texts

Kind = Literal["text", "mark", "pattern", "options", "format", "unit", "path", "width", "index", "scale"]
Printing = Callable[[list[str]], str]
"""From the arguments, printed, to the call."""

MAX_PATTERN, MAX_REPEAT, MAX_WIDTH, MANY, CHAIN = 200, 100, 200, 20, 1_000
PARTS: Final = {
    *{"microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "isodow"},
    *{"dow", "doy", "isoyear", "epoch", "decade", "century"},
}
_REPEAT = re.compile(r"\{(\d*)(?:,(\d*))?\}")
_FORMAT = re.compile(r"(?:%[-]?[YymdHIMSfpjbBaAzTF%]|[^%])+")
_PATH = re.compile(r"\$(?:\.\w{1,60}|\[\d{1,9}\])*")

NAMES: Final = {
    **dict.fromkeys(("len", "char_length", "character_length"), "length"),
    "substr": "substring",
    "lcase": "lower",
    "ucase": "upper",
    **dict.fromkeys(("position", "instr"), "strpos"),
    "datediff": "date_diff",
    "datetrunc": "date_trunc",
    "datepart": "date_part",
    "datesub": "date_sub",
    "ceiling": "ceil",
    **dict.fromkeys(("power", "**", "^"), "pow"),
    "mod": "%",
    "->>": "json_extract_string",
    "editdist3": "levenshtein",
    "dayofmonth": "day",
    "weekofyear": "week",
}
"""Functions that go by several names, and the one that is printed."""


@dataclass(frozen=True, slots=True)
class SqlSignature:
    """How many arguments there are, and by position which of them are literals of a kind."""

    prints: Printing
    least: int = 1
    most: int = 1
    literals: Mapping[int, Kind] = field(default_factory=dict[int, Kind])


def _called(name: str) -> Printing:
    return lambda arguments: f"{name}({', '.join(arguments)})"


def _between_each(operator: str) -> Printing:
    return lambda arguments: f"({f' {operator} '.join(arguments)})"


def _filled(template: str) -> Printing:
    return lambda arguments: template.format(*arguments)


def _minus(arguments: list[str]) -> str:
    return f"(- {arguments[0]})" if len(arguments) == 1 else f"({' - '.join(arguments)})"


_SINGLE = re.compile(r'"(?:[^"]|"")*"|[0-9.]+')


def once(value: str, of: Callable[[str], str]) -> str:
    """SQL that reads a value several times. What is more than a column or a number is computed once all the same."""
    return of(value) if _SINGLE.fullmatch(value) else f"list_transform([{value}], lambda v__: {of('v__')})[1]"


def _divided(arguments: list[str]) -> str:
    """DuckDB gives infinity for 1 / 0, and raises for 1 // 0 and 1 % 0."""
    divisor = once(arguments[1], lambda value: f"CASE WHEN {value} = 0 THEN 1 % 0 ELSE {value} END")
    return f"({arguments[0]} / {divisor})"


def _computed_once(name: str) -> Printing:
    return lambda arguments: once(arguments[0], lambda value: f"{name}({value})")


def _json_text(arguments: list[str]) -> str:
    """Numbers keep their digits."""
    return once(
        arguments[0], lambda value: f"plain_json(json_extract_string(digits_as_texts({value}), {arguments[1]}))"
    )


def _parsed(function: str) -> Printing:
    """A text that is in the format, and no word that the engine takes for a time."""

    def printing(arguments: list[str]) -> str:
        form = arguments[1][1:-1].replace("''", "'")
        value = f"regexp_extract({arguments[0]}, {literal('^(?:' + texts.of_format(form) + ')$')})"
        if "%z" in form:
            value = f"regexp_replace({value}, {literal(texts.UTC_SIGN)}, {literal(texts.UTC_OFFSET)})"
        return f"{function}({value}, {arguments[1]})"

    return printing


def _among(arguments: list[str]) -> str:
    return f"({arguments[0]} IN ({', '.join(arguments[1:])}))"


_OPERATORS: Final[dict[str, SqlSignature]] = {
    "+": SqlSignature(_between_each("+"), 2, 2),
    "-": SqlSignature(_minus, 1, 2),
    "*": SqlSignature(_between_each("*"), 2, 2),
    "||": SqlSignature(_between_each("||"), 2, 2),
    "/": SqlSignature(_divided, 2, 2),
    "//": SqlSignature(_between_each("//"), 2, 2),
    "%": SqlSignature(_between_each("%"), 2, 2),
    "COMPARE_EQUAL": SqlSignature(_between_each("="), 2, 2),
    "COMPARE_NOTEQUAL": SqlSignature(_between_each("<>"), 2, 2),
    "COMPARE_GREATERTHAN": SqlSignature(_between_each(">"), 2, 2),
    "COMPARE_GREATERTHANOREQUALTO": SqlSignature(_between_each(">="), 2, 2),
    "COMPARE_LESSTHAN": SqlSignature(_between_each("<"), 2, 2),
    "COMPARE_LESSTHANOREQUALTO": SqlSignature(_between_each("<="), 2, 2),
    "COMPARE_NOT_DISTINCT_FROM": SqlSignature(_between_each("IS NOT DISTINCT FROM"), 2, 2),
    "COMPARE_DISTINCT_FROM": SqlSignature(_between_each("IS DISTINCT FROM"), 2, 2),
    "COMPARE_BETWEEN": SqlSignature(_filled("({} BETWEEN {} AND {})"), 3, 3),
    "COMPARE_IN": SqlSignature(_among, 2, CHAIN),
    "CONJUNCTION_AND": SqlSignature(_between_each("AND"), 2, CHAIN),
    "CONJUNCTION_OR": SqlSignature(_between_each("OR"), 2, CHAIN),
    "OPERATOR_NOT": SqlSignature(_filled("(NOT {})")),
    "OPERATOR_IS_NULL": SqlSignature(_filled("({} IS NULL)")),
    "OPERATOR_IS_NOT_NULL": SqlSignature(_filled("({} IS NOT NULL)")),
    "OPERATOR_COALESCE": SqlSignature(_called("coalesce"), 1, MANY),
    "~~": SqlSignature(_between_each("LIKE"), 2, 2, {1: "text"}),
    "!~~": SqlSignature(_between_each("NOT LIKE"), 2, 2, {1: "text"}),
    "~~*": SqlSignature(_between_each("ILIKE"), 2, 2, {1: "text"}),
    "!~~*": SqlSignature(_between_each("NOT ILIKE"), 2, 2, {1: "text"}),
    "like_escape": SqlSignature(_filled("({} LIKE {} ESCAPE {})"), 3, 3, {1: "text", 2: "mark"}),
    "ilike_escape": SqlSignature(_filled("({} ILIKE {} ESCAPE {})"), 3, 3, {1: "text", 2: "mark"}),
}

_FUNCTIONS: Final[dict[str, tuple[int, int, Mapping[int, Kind]]]] = {
    **dict.fromkeys(("upper", "lower", "length", "reverse", "unicode", "strip_accents", "nfc_normalize"), (1, 1, {})),
    **dict.fromkeys(("abs", "floor", "ceil", "sign", "sqrt", "cbrt", "ln", "exp", "trunc"), (1, 1, {})),
    **dict.fromkeys(("isnan", "isinf", "isfinite", "md5", "sha256", "json_array_length", "json_valid"), (1, 1, {})),
    **dict.fromkeys(("year", "month", "day", "hour", "minute", "second", "quarter", "week", "yearweek"), (1, 1, {})),
    **dict.fromkeys(("weekday", "dayofweek", "isodow", "dayofyear", "dayname", "monthname"), (1, 1, {})),
    **dict.fromkeys(("last_day", "epoch"), (1, 1, {})),
    **dict.fromkeys(("left", "right", "starts_with", "ends_with", "prefix", "suffix", "contains"), (2, 2, {})),
    **dict.fromkeys(("strpos", "levenshtein", "jaccard", "nullif", "pow"), (2, 2, {})),
    **dict.fromkeys(("concat", "greatest", "least"), (1, MANY, {})),
    **dict.fromkeys(("trim", "ltrim", "rtrim"), (1, 2, {1: "text"})),
    **dict.fromkeys(("lpad", "rpad"), (3, 3, {1: "width", 2: "text"})),
    **dict.fromkeys(("replace", "translate"), (3, 3, {1: "text", 2: "text"})),
    "substring": (2, 3, {}),
    "split_part": (3, 3, {1: "text", 2: "index"}),
    "concat_ws": (2, MANY, {0: "text"}),
    "regexp_matches": (2, 3, {1: "pattern", 2: "options"}),
    "regexp_full_match": (2, 2, {1: "pattern"}),
    "regexp_extract": (2, 3, {1: "pattern", 2: "index"}),
    "regexp_replace": (3, 4, {1: "pattern", 2: "text", 3: "options"}),
    "round": (1, 2, {1: "scale"}),
    "exact_divide": (3, 3, {2: "scale"}),
    "make_date": (3, 3, {}),
    "date_part": (2, 2, {0: "unit"}),
    "date_trunc": (2, 2, {0: "unit"}),
    **dict.fromkeys(("date_diff", "date_sub"), (3, 3, {0: "unit"})),
    "strftime": (2, 2, {1: "format"}),
}

CALLS: Final[dict[str, SqlSignature]] = {
    **_OPERATORS,
    **{name: SqlSignature(_called(name), *rest) for name, rest in _FUNCTIONS.items()},
    **{name: SqlSignature(_parsed(name), 2, 2, {1: "format"}) for name in ("strptime", "try_strptime")},
    **{name: SqlSignature(_computed_once(name)) for name in ("epoch_s", "epoch_ms", "epoch_us", "epoch_ns")},
    "json_extract_string": SqlSignature(_json_text, 2, 2, {1: "path"}),
}
"""By the name of the function, or by DuckDB's own name of the operator."""


def is_format(text: str) -> bool:
    """A format of dates and times that the engine takes."""
    return bool(_FORMAT.fullmatch(text)) and len(text) <= MAX_PATTERN


def argument_problem(kind: Kind, told: str, *, number: bool) -> str:
    """What is wrong with a literal as an argument of a kind."""
    most = _MOST.get(kind)
    if most is not None:
        fits = number and told.isdecimal() and int(told) <= most
        return "" if fits else f"this argument is a whole number up to {most}"
    if number or len(told) > MAX_PATTERN:
        return f"this argument is a text of at most {MAX_PATTERN} characters"
    is_right, problem = _TEXTS[kind]
    return "" if is_right(told) else problem


def _repeats_little(pattern: str) -> bool:
    counts = (int(count) for found in _REPEAT.finditer(pattern) for count in found.groups() if count)
    return max(counts, default=0) <= MAX_REPEAT


_MOST: Final[dict[Kind, int]] = {"width": MAX_WIDTH, "index": 1_000, "scale": 9}
_TEXTS: Final[dict[Kind, tuple[Callable[[str], bool], str]]] = {
    "text": (lambda _: True, ""),
    "mark": (lambda told: len(told) == 1, "one character escapes the others"),
    "pattern": (_repeats_little, f"a pattern repeats at most {MAX_REPEAT} times"),
    "options": (lambda told: set(told) <= set("gics"), "options are made of g, i, c and s"),
    "format": (is_format, "a format is made of %Y %m %d %H %M %S and the like"),
    "unit": (lambda told: told.lower() in PARTS, "a unit is a literal like 'day'"),
    "path": (lambda told: bool(_PATH.fullmatch(told)), "a JSON path is a literal like '$.items[0].name'"),
}
