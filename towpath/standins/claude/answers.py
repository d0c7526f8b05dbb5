"""Answers derived from the request's own input, by the title of the output schema. Nothing is invented.

Customer-facing texts begin with a mark that says they are an offline draft.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import cast

from towpath.standins.claude import incident, pipeline, publishing, samples
from towpath.standins.claude.errors import invalid
from towpath.standins.claude.filling import filled
from towpath.standins.claude.given import MARKS, JsonObject, block, lines, sentence, text, texts
from towpath.standins.claude.industries import INDUSTRIES, UNKNOWN, industry_of, practices
from towpath.standins.claude.schema import StrictSchema

__all__ = ["INDUSTRIES", "MARKS", "answer", "excerpt", "given_input", "research", "welcome_kit"]

Handler = Callable[[JsonObject], JsonObject]

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


def answer(schema: StrictSchema, given: JsonObject) -> str:
    """The answer as JSON that keeps the schema. Raises RefusedError when this input gives none that does."""
    handler = HANDLERS.get(schema.title)
    value = filled(schema.body, given) if handler is None else handler(given)
    violation = schema.violation(value)
    if violation is not None and handler is not None:
        value = filled(schema.body, given)
        violation = schema.violation(value)
    if violation is not None:
        raise invalid(f"no answer for {schema.title!r} can be derived offline: {violation}")
    return _sendable(json.dumps(value, ensure_ascii=False))


def excerpt(question: str) -> str:
    """The answer where no schema is asked for: the beginning of the question, marked."""
    mark = MARKS["ko" if _HANGUL.search(question) else "en"]
    return _sendable(f"{mark} {' '.join(question.split())[:EXCERPT]}")


def research(given: JsonObject) -> JsonObject:
    told = " ".join(texts(given, "company", "website", "notes"))
    employees = given.get("employees")
    is_count = isinstance(employees, int) and not isinstance(employees, bool)
    return {
        "industry": text(given, "industry") or (industry_of(told) if told else UNKNOWN),
        "size": f"{employees} employees" if is_count else UNKNOWN,
        "recent_news": [],
        "competitors": [],
        "sources": [],
    }


def welcome_kit(given: JsonObject) -> JsonObject:
    korean = given.get("language") == "ko"
    mark = MARKS["ko" if korean else "en"]
    letter = _letter_ko(given) if korean else _letter_en(given)
    return {
        "email_subject": f"{mark} {'환영합니다' if korean else 'Welcome aboard'}",
        "email_body": "\n".join((mark, "", *letter)),
        "getting_started": [sentence(step) for step in lines(given, "first_steps")],
        "best_practices": [sentence(pair[korean]) for pair in practices(text(given, "industry"))],
    }


def _letter_en(given: JsonObject) -> Iterable[str]:
    """Lines without a fact to state are left out."""
    company, plan = text(given, "company"), text(given, "plan")
    yield f"Dear {text(given, 'contact_name') or company or 'customer'},"
    yield ""
    yield f"welcome. Your {plan} plan{f' for {company}' if company else ''} is ready." if plan else "welcome."
    yield from block("It holds:", lines(given, "features"))
    yield from block("Start here:", lines(given, "links"))
    if text(given, "support_email"):
        yield from ("", f"We are glad to help: {text(given, 'support_email')}")


def _letter_ko(given: JsonObject) -> Iterable[str]:
    company, plan = text(given, "company"), text(given, "plan")
    yield f"{text(given, 'contact_name') or company or '고객'} 님, 안녕하세요."
    yield ""
    yield f"{f'{company} 고객님의 ' if company else ''}{plan} 플랜이 준비되었습니다." if plan else "환영합니다."
    yield from block("이용하실 수 있는 기능은 다음과 같습니다.", lines(given, "features"))
    yield from block("시작 안내는 다음에서 확인하실 수 있습니다.", lines(given, "links"))
    if text(given, "support_email"):
        yield from ("", f"궁금한 점은 언제든지 문의해 주세요: {text(given, 'support_email')}")


def _sendable(words: str) -> str:
    """Half a surrogate pair can be escaped in JSON, but not sent."""
    return words.encode("utf-8", "replace").decode()


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


HANDLERS: dict[str, Handler] = {
    "CompanyResearch": research,
    "WelcomeKitDraft": welcome_kit,
    **publishing.HANDLERS,
    **incident.HANDLERS,
    **pipeline.HANDLERS,
    **samples.HANDLERS,
}
