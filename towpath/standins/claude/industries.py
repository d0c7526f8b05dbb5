"""Which words name an industry, and what is good practice in it. English and Korean; no numbers, no links."""

import re

Pair = tuple[str, str]
"""A sentence in English and in Korean, without its full stop."""

UNKNOWN = "unknown"

INDUSTRIES = {
    "logistics": r"\blogisti|\bfreight|\bshipping|\bcargo|\bcourier|물류|운송|택배|해운",
    "finance": r"\bbank|\bcapital\b|\bfinanc|\binsur|\bsecurities\b|은행|금융|보험|증권|캐피탈",
    "healthcare": r"\bclinic|\bhealth|\bmedic|\bpharma|\bhospital|병원|의료|제약|헬스케어",
    "retail": r"\bretail|\bshops?\b|\bstores?\b|\bmart\b|유통|백화점|(?<!스)마트|쇼핑",
    "software": r"\bsoftware|\bcloud|\bdata\b|\btech(?:nolog|\b)|\bsaas\b|소프트|클라우드|데이터|테크",
    "manufacturing": r"\bfactor(?:y|ies)\b|\bmanufactur|\bsteel|\bmotors?\b|제조|공업|철강|기계",
    "education": r"\bschool|\bacadem|\buniversit|\beducat|학교|학원|교육",
    "food": r"\bfoods?\b|\bbaker|\bcoffee|\brestaurant|\bkitchen|식품|베이커리|커피|외식",
    "construction": r"\bconstruct|\bbuilders?\b|\barchitect|건설|건축",
    "media": r"\bmedia\b|\bstudios?\b|\bpress\b|\bpublish|미디어|방송|출판",
    "energy": r"\benergy\b|\bsolar\b|\bpower\b|에너지|발전소|태양광",
    "travel": r"\btravel|\bhotel|\btours?\b|\bairline|여행|호텔|관광|항공",
}
"""Patterns by industry, most telling first: the first that is found counts."""

PRACTICES: dict[str, tuple[Pair, ...]] = {
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
        ("Automate what you do again and again", "반복하는 일은 자동화합니다"),
    ),
    "manufacturing": (
        ("Begin with a single production line", "생산 라인 하나부터 시작합니다"),
        ("Write down why a line stopped", "라인이 멈춘 이유를 기록합니다"),
    ),
    "education": (
        ("Plan the rollout outside of exam time", "시험 기간을 피해 도입합니다"),
        ("Name a contact in every department", "부서마다 연락 담당자를 둡니다"),
    ),
    "food": (
        ("Record origin and batch from the beginning", "처음부터 원산지와 제조 단위를 기록합니다"),
        ("Let each shop see only its own stock", "매장은 자기 재고만 보게 합니다"),
    ),
    "construction": (
        ("Keep a workspace for each site", "현장마다 작업 공간을 나눕니다"),
        ("Record changes of plan where everybody sees them", "계획 변경은 모두가 보는 곳에 기록합니다"),
    ),
    "media": (
        ("Settle who signs a text off before it is written", "글을 쓰기 전에 최종 승인자를 정합니다"),
        ("Keep sources next to the text", "출처를 원고와 함께 보관합니다"),
    ),
    "energy": (
        ("Keep the people who watch apart from those who switch", "감시하는 사람과 조작하는 사람을 나눕니다"),
        ("Rehearse the outage before it comes", "장애가 오기 전에 대응을 연습합니다"),
    ),
    "travel": (
        ("Prepare the season's changes before it begins", "성수기가 오기 전에 변경 사항을 준비합니다"),
        ("Keep guest data out of free text", "자유 입력란에 고객 정보를 적지 않습니다"),
    ),
}
GENERAL: tuple[Pair, ...] = (
    ("Name the person who is responsible for the workspace", "작업 공간을 책임질 담당자를 정합니다"),
    ("Start with a single process and measure it before the next", "한 가지 업무부터 시작하고 결과를 확인합니다"),
    ("Review who has access at regular times", "접근 권한을 정기적으로 점검합니다"),
)

_PATTERNS = {name: re.compile(pattern) for name, pattern in INDUSTRIES.items()}


def industry_of(text: str) -> str:
    """The industry that a name or description tells, or "unknown"."""
    lowered = text.lower()
    if lowered in INDUSTRIES:
        return lowered
    return next((name for name, pattern in _PATTERNS.items() if pattern.search(lowered)), UNKNOWN)


def practices(industry: str) -> tuple[Pair, ...]:
    """What is good practice there, and everywhere. `industry` may be any text that tells one."""
    return (*PRACTICES.get(industry_of(industry), ()), *GENERAL)
