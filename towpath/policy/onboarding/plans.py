"""What each plan holds: the only facts about the product that a welcome kit may state."""

from dataclasses import dataclass

from towpath.contracts.core.delivery import Language
from towpath.contracts.onboarding.customer import Customer, CustomerPlan, KitFacts

SUPPORT_EMAIL = "support@towpath.example"
DOCS_LINK = "https://docs.towpath.example/start"


@dataclass(frozen=True, slots=True)
class _PlanTexts:
    features: tuple[str, ...]
    first_steps: tuple[str, ...]


_STEPS_EN = ("Sign in with the address this mail went to", "Invite your team", "Connect your first data source")
_STEPS_KO = ("이 메일을 받은 주소로 로그인합니다", "팀원을 초대합니다", "첫 데이터 소스를 연결합니다")

_TEXTS: dict[tuple[CustomerPlan, Language], _PlanTexts] = {
    (CustomerPlan.STARTER, Language.EN): _PlanTexts(("Shared workspace", "E-mail support"), _STEPS_EN),
    (CustomerPlan.STARTER, Language.KO): _PlanTexts(("공유 작업 공간", "이메일 지원"), _STEPS_KO),
    (CustomerPlan.BUSINESS, Language.EN): _PlanTexts(
        ("Shared workspace", "Role-based access", "Weekly reports", "Support on working days"),
        (*_STEPS_EN, "Give each colleague a role"),
    ),
    (CustomerPlan.BUSINESS, Language.KO): _PlanTexts(
        ("공유 작업 공간", "역할 기반 접근 제어", "주간 보고서", "평일 지원"),
        (*_STEPS_KO, "팀원마다 역할을 지정합니다"),
    ),
    (CustomerPlan.ENTERPRISE, Language.EN): _PlanTexts(
        ("Role-based access", "Single sign-on", "Audit log", "A named contact", "Support around the clock"),
        (*_STEPS_EN, "Set up single sign-on", "Meet your contact for the rollout plan"),
    ),
    (CustomerPlan.ENTERPRISE, Language.KO): _PlanTexts(
        ("역할 기반 접근 제어", "싱글 사인온", "감사 로그", "전담 담당자", "상시 지원"),
        (*_STEPS_KO, "싱글 사인온을 설정합니다", "담당자와 도입 계획을 세웁니다"),
    ),
}


def kit_facts(customer: Customer, industry: str) -> KitFacts:
    texts = _TEXTS[customer.plan, customer.language]
    return KitFacts(
        company=customer.company,
        contact_name=customer.contact_name,
        industry=industry,
        plan=customer.plan,
        features=texts.features,
        first_steps=texts.first_steps,
        links=(DOCS_LINK,),
        support_email=SUPPORT_EMAIL,
        language=customer.language,
    )
