"""The answer to a request: the template beside its prompt, filled from the request's own input. Nothing is invented.

A schema that no template is for gets the fields of the input that have the same name.
"""

import json
import re
from collections.abc import Mapping
from typing import cast

from jinja2 import TemplateError
from pydantic import JsonValue

from towpath.standins.claude.errors import invalid
from towpath.standins.claude.filling import filled
from towpath.standins.claude.schema import StrictSchema
from towpath.standins.claude.templates import templates

JsonObject = dict[str, JsonValue]

MARKS = {"en": "[offline draft]", "ko": "[오프라인 초안]"}
"""What texts for customers and readers begin with, by language."""
EXCERPT = 400
"""Characters of the question that an answer without a schema repeats."""
_OPENING = re.compile(r"<input>\s*")
_HANGUL = re.compile("[가-힣]")


def given_input(question: str) -> JsonObject:
    """The JSON object that follows an `<input>` tag, or an empty one. What it says cannot end it early."""
    found = _OPENING.search(question)
    if found is None:
        return {}
    try:
        value, _ = json.JSONDecoder(parse_constant=_no_constant).raw_decode(question, found.end())
    except (ValueError, RecursionError):
        return {}
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def drafted(title: str, given: Mapping[str, JsonValue]) -> JsonObject:
    """The answer to a schema of this title. Raises for a title without a template, and for input that does not fit."""
    language = "ko" if given.get("language") == "ko" else "en"
    template = next((one for one in templates().values() if one.schema == title), None)
    if template is None:
        raise LookupError(title)
    return template.fill({**given, "input": given, "spoken": language, "mark": MARKS[language]})


def answer_to(schema: StrictSchema, given: JsonObject) -> str:
    """The answer as JSON that keeps the schema. Raises RefusedError when this input gives none that does."""
    for draft in (_drafted_if_it_fits(schema.title, given), filled(schema.body, given)):
        violation = schema.violation(draft)
        if violation is None:
            return _sendable(json.dumps(draft, ensure_ascii=False))
    raise invalid(f"no answer for {schema.title!r} can be derived offline: {violation}")


def excerpt(question: str) -> str:
    """The answer where no schema is asked for: the beginning of the question, marked."""
    mark = MARKS["ko" if _HANGUL.search(question) else "en"]
    return _sendable(f"{mark} {' '.join(question.split())[:EXCERPT]}")


def _drafted_if_it_fits(title: str, given: JsonObject) -> JsonValue:
    try:
        return drafted(title, given)
    except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None


def _sendable(words: str) -> str:
    """Half a surrogate pair can be escaped in JSON, but not sent."""
    return words.encode("utf-8", "replace").decode()


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
