"""Answers derived from the request's own input, by the title of the output schema. Nothing is invented.

Customer-facing texts begin with a mark that says they are an offline draft.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any, cast

from jsonschema import Draft202012Validator

Json = dict[str, Any]

MARKS = {"en": "[offline draft]", "ko": "[오프라인 초안]"}
_INPUT = re.compile(r"<input>\s*(.*?)\s*</input>", re.DOTALL)

INDUSTRIES = {
    "logistics": ("logistic", "freight", "shipping", "cargo", "물류", "운송", "택배"),
    "finance": ("bank", "capital", "finance", "insurance", "은행", "금융", "보험"),
    "healthcare": ("clinic", "health", "medical", "pharma", "병원", "의료", "제약"),
    "retail": ("retail", "shop", "store", "mart", "유통", "마트", "쇼핑"),
    "software": ("software", "cloud", "data", "tech", "소프트", "클라우드", "데이터"),
    "manufacturing": ("factory", "manufactur", "steel", "motor", "제조", "공업", "중공업"),
    "education": ("school", "academy", "university", "education", "학교", "학원", "교육"),
    "food": ("food", "bakery", "coffee", "restaurant", "식품", "베이커리", "커피"),
    "construction": ("construction", "builder", "건설", "건축"),
    "media": ("media", "studio", "press", "미디어", "방송", "출판"),
}
PRACTICES = {
    "logistics": (
        ("Give each depot its own owner in the workspace", "거점마다 담당자를 지정합니다"),
        ("Record exceptions on the day they happen", "예외 상황은 발생한 날 기록합니다"),
    ),
    "finance": (
        ("Separate who enters data from who approves it", "입력하는 사람과 승인하는 사람을 나눕니다"),
        ("Keep the reasons of every decision", "모든 결정의 근거를 남깁니다"),
    ),
    "healthcare": (
        ("Keep patient data out of free text", "자유 입력란에 환자 정보를 적지 않습니다"),
        ("Review access rights with every change of staff", "인력이 바뀔 때마다 접근 권한을 점검합니다"),
    ),
    "retail": (
        ("Start with the products that sell most", "가장 많이 팔리는 품목부터 시작합니다"),
        ("Compare shops by the same figures", "매장을 같은 지표로 비교합니다"),
    ),
    "software": (
        ("Connect a test system before the live one", "운영 환경보다 테스트 환경을 먼저 연결합니다"),
        ("Automate what you do twice", "두 번 하는 일은 자동화합니다"),
    ),
    "manufacturing": (
        ("Begin with one production line", "한 개 라인부터 시작합니다"),
        ("Write down why a line stopped", "라인이 멈춘 이유를 기록합니다"),
    ),
    "education": (
        ("Plan the rollout outside of exam time", "시험 기간을 피해 도입합니다"),
        ("Name one contact in every department", "부서마다 연락 담당자를 둡니다"),
    ),
    "food": (
        ("Record origin and batch from the first day", "첫날부터 원산지와 제조 단위를 기록합니다"),
        ("Let each shop see only its own stock", "매장은 자기 재고만 보게 합니다"),
    ),
}
GENERAL = (
    ("Name one person who is responsible for the workspace", "작업 공간을 책임질 담당자를 한 명 정합니다"),
    ("Start with one process and measure it before the next", "한 가지 업무부터 시작하고 결과를 확인합니다"),
    ("Review who has access at regular times", "접근 권한을 정기적으로 점검합니다"),
)


def given_input(text: str) -> Json:
    """The JSON object in the `<input>` tags, or an empty one."""
    found = _INPUT.search(text)
    if found is None:
        return {}
    try:
        value = json.loads(found.group(1))
    except ValueError:
        return {}
    return cast("Json", value) if isinstance(value, dict) else {}


def answer(schema: Json, given: Json) -> str:
    """The answer as JSON that keeps the schema. Raises ValueError when the schema cannot be kept from this input."""
    title = str(schema.get("title", ""))
    handler = HANDLERS.get(title)
    value = handler(given) if handler is not None else _fill(schema, schema.get("$defs", {}), given)
    error = next(_validator(json.dumps(schema, sort_keys=True)).iter_errors(value), None)
    if error is not None:
        raise ValueError(f"{title}: {error.json_path} {error.validator}")
    return json.dumps(value, ensure_ascii=False)


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema))


def research(given: Json) -> Json:
    text = f"{given.get('company', '')} {given.get('website') or ''}".lower()
    found = next((name for name, words in INDUSTRIES.items() if any(word in text for word in words)), "unknown")
    employees = given.get("employees")
    return {
        "industry": given.get("industry") or found,
        "size": f"{employees} employees" if employees else "unknown",
        "recent_news": [],
        "competitors": [],
        "sources": [],
    }


def welcome_kit(given: Json) -> Json:
    korean = given.get("language") == "ko"
    mark = MARKS["ko" if korean else "en"]
    pairs = (*PRACTICES.get(str(given.get("industry")), ()), *GENERAL)
    return {
        "email_subject": f"{mark} {'환영합니다' if korean else 'Welcome aboard'}",
        "email_body": f"{mark}\n\n{_letter_ko(given) if korean else _letter_en(given)}",
        "getting_started": [f"{step}." for step in given.get("first_steps", [])],
        "best_practices": [f"{pair[korean]}." for pair in pairs],
    }


def _letter_en(given: Json) -> str:
    features = ", ".join(given.get("features", []))
    return (
        f"Dear {given.get('contact_name') or given.get('company')},\n\n"
        f"welcome. Your {given.get('plan')} plan for {given.get('company')} is ready: {features}.\n"
        f"Start here: {', '.join(given.get('links', []))}\nWe are glad to help: {given.get('support_email')}\n"
    )


def _letter_ko(given: Json) -> str:
    features = ", ".join(given.get("features", []))
    return (
        f"{given.get('contact_name') or given.get('company')}님, 안녕하세요.\n\n"
        f"{given.get('company')}의 {given.get('plan')} 플랜이 준비되었습니다. 제공되는 기능: {features}.\n"
        f"시작 안내: {', '.join(given.get('links', []))}\n"
        f"도움이 필요하시면 연락해 주세요: {given.get('support_email')}\n"
    )


HANDLERS: dict[str, Callable[[Json], Json]] = {"CompanyResearch": research, "WelcomeKitDraft": welcome_kit}


def _fill(node: Json, definitions: Json, given: Any) -> Any:
    """A value for a schema without a handler: fields of the same name are copied, the rest is marked as unknown."""
    if "$ref" in node:
        return _fill(definitions[node["$ref"].rpartition("/")[2]], definitions, given)
    choices = node.get("enum") or ([node["const"]] if "const" in node else [])
    if choices:
        return given if given in choices else choices[0]
    if "anyOf" in node:
        return _fill(node["anyOf"][0], definitions, given)
    kind = node.get("type")
    if kind == "object":
        known = cast("Json", given) if isinstance(given, dict) else {}
        return {name: _fill(child, definitions, known.get(name)) for name, child in node.get("properties", {}).items()}
    if kind == "array":
        items = cast("list[Any]", given) if isinstance(given, list) else []
        return [_fill(node.get("items", {}), definitions, item) for item in items]
    return _scalar(kind, given)


def _scalar(kind: object, given: Any) -> Any:
    if kind == "boolean":
        return given if isinstance(given, bool) else False
    if kind in {"integer", "number"}:
        return given if isinstance(given, (int, float)) and not isinstance(given, bool) else 0
    if kind == "null":
        return None
    return given if isinstance(given, str) else "unknown"
