"""What a model finds wrong with a file, a body or an option, in words for people, with the mend.

No value is repeated: it may be secret or personal.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from towpath.engine.expression.suggestions import did_you_mean

KEY = "[key]"
"""What pydantic appends to the place of a name that is wrong itself."""

WORDS: Mapping[str, str] = {
    "missing": "is missing: add it",
    "string_type": "must be a text: put it in quotes",
    "string_unicode": "must be text in UTF-8",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "may have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "may have at most {max_length} entries",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "finite_number": "must be a finite number",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "union_tag_invalid": "must have as {discriminator} one of {expected_tags}",
    "union_tag_not_found": "lacks its {discriminator}: add it",
    "timezone_aware": "lacks its offset from UTC: write it as in 2026-11-25T12:00:00Z",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false, without quotes"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "must be a list: write […]"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "must be an object: write {{…}}"),
    **dict.fromkeys(
        ("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "datetime_object_invalid"),
        "must be a time, as in 2026-11-25T12:00:00Z",
    ),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), "must be a day, as in 2026-11-25"),
    **dict.fromkeys(("time_delta_type", "time_delta_parsing"), "must be a length of time, as in PT30M"),
    **dict.fromkeys(("url_type", "url_parsing", "url_scheme"), "must be an address, like https://api.example.com"),
}
"""By pydantic's kind of error, filled in from its limits and never from what was given."""

SYNTAX: Mapping[str, str] = {
    "EOF": "it ends too early; close every text, list and object",
    "trailing comma": "a comma stands after the last entry; remove it",
    "trailing characters": "something stands after the end; keep one value",
    "key must be a string": "a name stands without double quotes; quote it",
    "expected `:`": "a colon is missing after a name",
    "expected `,`": "a comma is missing between two entries, or a bracket at the end",
    "expected": "there is no value of JSON; a text needs double quotes",
    "control character": "a text has a line break or a tab in it; write \\n or \\t",
    "invalid unicode": "the text is not UTF-8; save it in that encoding",
    "invalid number": "a number is written as JSON does not allow; leave out zeros before it and a point after it",
    "invalid escape": "a backslash stands before a letter that needs none; write two",
    "recursion limit": "it is nested too deeply; flatten it",
}
"""By the beginning of what the parser of JSON says."""


def doubled(text: str | bytes) -> list[str]:
    """A line for each name that one object of a JSON text has more than once: what reads it would take the last in
    silence. Of what is no JSON nothing is said.
    """
    found: dict[str, None] = {}

    def noted(pairs: list[tuple[str, object]]) -> None:
        found.update(dict.fromkeys(name for name, times in Counter(name for name, _ in pairs).items() if times > 1))

    try:
        json.loads(text, object_pairs_hook=noted)
    except (ValueError, RecursionError):
        return []
    return [f"{name[:100]!r} stands more than once in one object: leave one of them out" for name in found]


def mistakes(error: ValidationError, known: Iterable[str] = (), *, inside: str = "") -> list[str]:
    """A line for each thing that is wrong, `place: what: mend`; `known` are the fields that a wrong name may mean."""
    found = error.errors(include_url=False, include_input=False)
    told = [problem for problem in found if not _follows(problem, found)]
    return [": ".join(filter(None, (place_of(problem, inside), words_of(problem, known)))) for problem in told]


def _follows(problem: ErrorDetails, found: Iterable[ErrorDetails]) -> bool:
    """A list is too short for pydantic, too, when its entries are wrong."""
    size = len(problem["loc"])
    inner = (other["loc"] for other in found if len(other["loc"]) > size)
    return problem["type"] == "too_short" and any(loc[:size] == problem["loc"] for loc in inner)


def place_of(problem: ErrorDetails, inside: str = "") -> str:
    """The place as people write it, `alerts.0.startsAt`; empty for the whole."""
    within = (str(part) for part in problem["loc"] if part != KEY)
    return ".".join(filter(None, (inside, *within)))


def words_of(problem: ErrorDetails, known: Iterable[str] = ()) -> str:
    """What is wrong, and the mend."""
    kind, limits = problem["type"], problem.get("ctx", {})
    if kind == "json_invalid":
        return _syntax(str(limits.get("error", "")))
    if kind in {"value_error", "assertion_error"}:
        return problem["msg"].partition(", ")[2]
    if kind == "extra_forbidden":
        return f"is not a known field{did_you_mean(str(problem['loc'][-1]), known) or ': leave it out'}"
    if limits.get("min_length") == 1:
        return "must not be empty"
    return WORDS[kind].format_map(limits) if kind in WORDS else "does not have the right form"


def _syntax(said: str) -> str:
    place = re.search(r"at line (\d+) column (\d+)$", said)
    where = "" if place is None else f" at line {place[1]}, column {place[2]}"
    what = next((words for beginning, words in SYNTAX.items() if said.startswith(beginning)), "")
    return f"is not JSON{where}" + (f": {what}" if what else "")
