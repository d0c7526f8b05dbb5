"""The functions that expressions may call, with what their arguments have to be."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from sqlglot import exp

from towpath.dataplane.specification.errors import RefusedExpressionError

Kind = Literal["text", "pattern", "options", "format", "unit", "width", "index", "scale"]

MAX_PATTERN, MAX_REPEAT, MAX_WIDTH = 200, 100, 200
PARTS: Final = {
    *{"microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "isodow"},
    *{"dow", "doy", "isoyear", "epoch", "decade", "century"},
}
_REPEAT = re.compile(r"\{(\d*)(?:,(\d*))?\}")
_FORMAT = re.compile(r"(?:%[-]?[YymdHIMSfpjbBaAzTF%]|[^%])+")


@dataclass(frozen=True, slots=True)
class SqlSignature:
    """How a function is called: `keys` are the parser's names of its arguments, in DuckDB's order.

    `literals` says by position which arguments are literals of a kind. `written` is its name in SQL, if another.
    """

    name: str
    keys: tuple[str, ...]
    least: int = 1
    most: int = 1
    literals: Mapping[int, Kind] = field(default_factory=dict[int, Kind])
    flags: frozenset[str] = frozenset()
    written: str = ""

    @property
    def prints(self) -> str:
        return self.written or self.name


def _one(name: str) -> SqlSignature:
    return SqlSignature(name, ("this",))


def _two(name: str, literals: Mapping[int, Kind] | None = None, second: str = "expression") -> SqlSignature:
    return SqlSignature(name, ("this", second), 2, 2, literals or {})


def _pattern(name: str, *more: str, most: int, literals: Mapping[int, Kind] | None = None) -> SqlSignature:
    return SqlSignature(name, ("this", "expression", *more), 2, most, {1: "pattern", **(literals or {})})


MANY = 20

CALLS: Final[dict[type[exp.Expr], SqlSignature]] = {
    **{
        kind: _one(name)
        for kind, name in (
            (exp.Upper, "upper"),
            (exp.Lower, "lower"),
            (exp.Length, "length"),
            (exp.Reverse, "reverse"),
            (exp.Unicode, "unicode"),
            (exp.Abs, "abs"),
            (exp.Floor, "floor"),
            (exp.Ceil, "ceil"),
            (exp.Sign, "sign"),
            (exp.Sqrt, "sqrt"),
            (exp.Cbrt, "cbrt"),
            (exp.Ln, "ln"),
            (exp.Exp, "exp"),
            (exp.Trunc, "trunc"),
            (exp.IsNan, "isnan"),
            (exp.IsInf, "isinf"),
            (exp.Year, "year"),
            (exp.Month, "month"),
            (exp.Day, "day"),
            (exp.Hour, "hour"),
            (exp.Minute, "minute"),
            (exp.Second, "second"),
            (exp.Quarter, "quarter"),
            (exp.Week, "week"),
            (exp.DayOfWeek, "dayofweek"),
            (exp.DayOfWeekIso, "isodow"),
            (exp.DayOfYear, "dayofyear"),
            (exp.Dayname, "dayname"),
            (exp.Monthname, "monthname"),
            (exp.LastDay, "last_day"),
            (exp.TimeToUnix, "epoch"),
            (exp.MD5, "md5"),
        )
    },
    exp.Substring: SqlSignature("substring", ("this", "start", "length"), 2, 3),
    exp.Left: _two("left"),
    exp.Right: _two("right"),
    exp.StartsWith: _two("starts_with"),
    exp.EndsWith: _two("ends_with"),
    exp.Contains: _two("contains"),
    exp.StrPosition: _two("strpos", second="substr"),
    exp.SplitPart: SqlSignature("split_part", ("this", "delimiter", "part_index"), 3, 3, {1: "text", 2: "index"}),
    exp.Replace: SqlSignature("replace", ("this", "expression", "replacement"), 3, 3, {1: "text", 2: "text"}),
    exp.Translate: SqlSignature("translate", ("this", "from_", "to"), 3, 3, {1: "text", 2: "text"}),
    exp.Levenshtein: _two("levenshtein"),
    exp.RegexpLike: _pattern("regexp_matches", "flag", most=3, literals={2: "options"}),
    exp.RegexpFullMatch: _pattern("regexp_full_match", most=2),
    exp.RegexpExtract: _pattern("regexp_extract", "group", most=3, literals={2: "index"}),
    exp.RegexpReplace: SqlSignature(
        "regexp_replace",
        ("this", "expression", "replacement", "modifiers"),
        3,
        4,
        {1: "pattern", 2: "text", 3: "options"},
    ),
    exp.Concat: SqlSignature("concat", ("expressions",), 1, MANY),
    exp.ConcatWs: SqlSignature("concat_ws", ("expressions",), 2, MANY, {0: "text"}),
    exp.Coalesce: SqlSignature("coalesce", ("this", "expressions"), 1, MANY),
    exp.Nullif: _two("nullif"),
    exp.Greatest: SqlSignature("greatest", ("this", "expressions"), 1, MANY),
    exp.Least: SqlSignature("least", ("this", "expressions"), 1, MANY),
    exp.Round: SqlSignature("round", ("this", "decimals"), 1, 2, {1: "scale"}),
    exp.Pow: _two("pow"),
    exp.DateFromParts: SqlSignature("make_date", ("year", "month", "day"), 3, 3),
    exp.DateDiff: SqlSignature(
        "date_diff", ("unit", "expression", "this"), 3, 3, {0: "unit"}, frozenset({"date_part_boundary"})
    ),
    exp.TimestampTrunc: SqlSignature("date_trunc", ("unit", "this"), 2, 2, {0: "unit"}),
    exp.DateTrunc: SqlSignature("date_trunc", ("unit", "this"), 2, 2, {0: "unit"}),
    exp.TimeToStr: SqlSignature("strftime", ("this", "format"), 2, 2, {1: "format"}),
    exp.StrToTime: SqlSignature("strptime", ("this", "format"), 2, 2, {1: "format"}, written="try_strptime"),
}

NAMED: Final[dict[str, SqlSignature]] = {
    call.name: call
    for call in (
        SqlSignature("try_strptime", (), 2, 2, {1: "format"}),
        SqlSignature("date_part", (), 2, 2, {0: "unit"}),
        SqlSignature("date_sub", (), 3, 3, {0: "unit"}),
        SqlSignature("exact_divide", (), 3, 3, {2: "scale"}),
        *(SqlSignature(name, (), 2, 2) for name in ("prefix", "suffix", "jaccard")),
        *(
            SqlSignature(name, (), 1, 1)
            for name in (
                "strip_accents",
                "nfc_normalize",
                "isfinite",
                "json_array_length",
                "json_valid",
                "weekday",
                "yearweek",
            )
        ),
    )
}


def is_format(text: str) -> bool:
    """A format of dates and times that the engine takes."""
    return bool(_FORMAT.fullmatch(text)) and len(text) <= MAX_PATTERN


def check_argument(function: str, kind: Kind, argument: exp.Expr) -> None:
    """Raises ExpressionError for an argument that is no literal of its kind."""
    problem = _problem(kind, argument)
    if problem:
        raise RefusedExpressionError("argument", f"{function}: {problem}")


def _problem(kind: Kind, argument: exp.Expr) -> str:
    if kind == "unit":
        return "" if argument.name.lower() in PARTS else "a unit is a literal like 'day'"
    if not isinstance(argument, exp.Literal):
        return "this argument has to be a literal"
    told = argument.name
    if kind in {"width", "index", "scale"}:
        most = {"width": MAX_WIDTH, "index": 1_000, "scale": 9}[kind]
        fits = not argument.is_string and told.isdecimal() and int(told) <= most
        return "" if fits else f"this argument is a whole number up to {most}"
    if not argument.is_string or len(told) > MAX_PATTERN:
        return f"this argument is a text of at most {MAX_PATTERN} characters"
    return _text_problem(kind, told)


def _text_problem(kind: Kind, told: str) -> str:
    if kind == "format" and not is_format(told):
        return "a format is made of %Y %m %d %H %M %S and the like"
    if kind == "options" and not set(told) <= set("gics"):
        return "options are made of g, i, c and s"
    if kind == "pattern":
        counts = [int(count) for found in _REPEAT.finditer(told) for count in found.groups() if count]
        if max(counts, default=0) > MAX_REPEAT:
            return f"a pattern repeats at most {MAX_REPEAT} times"
    return ""
