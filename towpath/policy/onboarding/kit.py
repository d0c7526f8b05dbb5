"""The rules a welcome kit must keep, and the template that replaces one that cannot be had."""

from towpath.contracts.core.delivery import Language
from towpath.contracts.onboarding.customer import KitFacts, WelcomeKitDraft
from towpath.policy.core.claims import MAX_TEXT, unsupported_claims

MAX_SUBJECT = 120
MAX_BODY = 2500
STEPS = range(3, 9)
PRACTICES = range(3, 7)
MAX_LINE = 400


def kit_problems(draft: WelcomeKitDraft, facts: KitFacts) -> tuple[str, ...]:
    """What is wrong with a draft, in sentences that can be sent back to its writer. Empty: it may be used."""
    return (*_limits(draft), *_language(draft, facts), *_claims(draft, facts))


def template_kit(facts: KitFacts) -> WelcomeKitDraft:
    """A plain kit made of the facts alone. It keeps every rule of `kit_problems`."""
    return _korean(facts) if facts.language is Language.KO else _english(facts)


def _limits(draft: WelcomeKitDraft) -> list[str]:
    problems: list[str] = []
    subject = draft.email_subject
    if not subject.strip() or len(subject) > MAX_SUBJECT or subject.splitlines() != [subject]:
        problems.append(f"email_subject must be one line of 1 to {MAX_SUBJECT} characters")
    if not draft.email_body.strip() or len(draft.email_body) > MAX_BODY:
        problems.append(f"email_body must have 1 to {MAX_BODY} characters, it has {len(draft.email_body)}")
    for name, lines, wanted in (
        ("getting_started", draft.getting_started, STEPS),
        ("best_practices", draft.best_practices, PRACTICES),
    ):
        if len(lines) not in wanted:
            problems.append(f"{name} must have {wanted.start} to {wanted.stop - 1} entries, it has {len(lines)}")
        if any(not line.strip() or len(line) > MAX_LINE for line in lines):
            problems.append(f"each entry of {name} must have 1 to {MAX_LINE} characters")
    return problems


def _language(draft: WelcomeKitDraft, facts: KitFacts) -> list[str]:
    wanted = facts.language is Language.KO
    parts = (draft.email_body, "\n".join(draft.getting_started), "\n".join(draft.best_practices))
    if all(_is_korean(part, facts) is wanted for part in parts):
        return []
    return [f"the kit must be written in {'Korean' if wanted else 'English'}"]


def _is_korean(text: str, facts: KitFacts) -> bool:
    """By its letters, names left out: a Korean company gets an English kit, too."""
    for name in sorted({facts.company, facts.contact_name or facts.company}, key=len, reverse=True):
        text = text.replace(name, "")
    letters = [letter for letter in text[:MAX_TEXT] if letter.isalpha()]
    return sum("가" <= letter <= "힣" for letter in letters) > len(letters) * 0.3


def _claims(draft: WelcomeKitDraft, facts: KitFacts) -> list[str]:
    texts = (draft.email_subject, draft.email_body, *draft.getting_started, *draft.best_practices)
    claims = unsupported_claims(texts, facts.model_dump(mode="json"))
    return [f"{claim!r} is not among the given facts: leave it out" for claim in claims]


def _english(facts: KitFacts) -> WelcomeKitDraft:
    features = "\n".join(f"- {feature}" for feature in facts.features)
    return WelcomeKitDraft(
        email_subject="Welcome: your account is ready",
        email_body=(
            f"Hello {facts.contact_name or 'and welcome'},\n\n"
            f"the {facts.plan} plan of {facts.company} is ready. It holds:\n{features}\n\n"
            f"Where to start: {', '.join(facts.links)}\nQuestions: {facts.support_email}\n"
        ),
        getting_started=list(facts.first_steps),
        best_practices=[
            "Name one person who is responsible for the workspace",
            "Start with one process and measure it before the next",
            "Review who has access at regular times",
        ],
    )


def _korean(facts: KitFacts) -> WelcomeKitDraft:
    features = "\n".join(f"- {feature}" for feature in facts.features)
    return WelcomeKitDraft(
        email_subject="환영합니다: 계정이 준비되었습니다",
        email_body=(
            f"{facts.contact_name or '담당자'} 님, 안녕하세요.\n\n"
            f"{facts.company} 고객님의 {facts.plan} 플랜이 준비되었습니다. "
            f"이용하실 수 있는 기능은 다음과 같습니다.\n{features}\n\n"
            f"시작 안내는 다음에서 확인하실 수 있습니다: {', '.join(facts.links)}\n"
            f"궁금한 점은 언제든지 문의해 주세요: {facts.support_email}\n"
        ),
        getting_started=list(facts.first_steps),
        best_practices=[
            "작업 공간을 책임질 담당자를 한 명 정합니다",
            "한 가지 업무부터 시작하고 결과를 확인한 뒤에 넓혀 갑니다",
            "접근 권한을 정기적으로 점검합니다",
        ],
    )
