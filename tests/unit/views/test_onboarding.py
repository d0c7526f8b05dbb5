"""What a reviewer sees of a customer."""

import io
from collections.abc import Sequence

from rich.console import RenderableType

from tests.unit.test_decisions_again import TASK
from towpath.cli.review import describe
from towpath.cli.terminal import Screen
from towpath.contracts.core.service import EmailVerdict, EmailVerification
from towpath.contracts.onboarding.customer import (
    RISK_THRESHOLD,
    CompanyProfile,
    CompanyResearch,
    Customer,
    OnboardingView,
)
from towpath.policy.onboarding.risk import assess_customer_risk
from towpath.views.onboarding import page

CUSTOMER = Customer.model_validate(
    {
        "email": "leila@caspian.example",
        "company": "Caspian Trade",
        "plan": "enterprise",
        "contact_name": "Leila",
        "country": "IR",
        "employees": 20,
    }
)
RESEARCH = CompanyResearch(industry="shipping", size="20", recent_news=[], competitors=[], sources=[])


def shown(parts: Sequence[RenderableType]) -> str:
    out = io.StringIO()
    screen = Screen(file=out, width=120)
    for part in parts:
        screen.print(part, markup=False, soft_wrap=isinstance(part, str))
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())


def test_facts_of_a_customer() -> None:
    """Contact, plan, country, what the checks found, and each signal with its weight under the total."""
    view = OnboardingView(
        customer=CUSTOMER,
        verification=EmailVerification(verdict=EmailVerdict.RISKY, reason="a catch-all"),
        profile=CompanyProfile(research=RESEARCH),
        risk=assess_customer_risk(CUSTOMER),
        threshold=RISK_THRESHOLD,
    )
    assert shown(page(view)).splitlines() == [
        "Caspian Trade",
        "contact         Leila <leila@caspian.example>",
        "plan            enterprise",
        "country         IR",
        "website         not given",
        "employees       20",
        "industry        not given",
        "e-mail address  risky: a catch-all",
        "research        industry shipping, size 20",
        "risk            0.95, above 0.70 (rules of 2026-12)",
        "",
        "weight  signal                why",
        "  0.75  sanctioned-country    the country is under comprehensive sanctions",
        "  0.20  enterprise-too-small  an enterprise plan for fewer than 50 employees",
        "  0.95  total",
    ]


def test_what_is_missing() -> None:
    """Checks that could not be had are named with the reason; without a score the threshold is told."""
    missing = {"verify-email": "no verification (service.unavailable): human review", "risk-assessment": "no score"}
    text = shown(page(OnboardingView(customer=CUSTOMER, threshold=RISK_THRESHOLD, degraded=missing)))
    assert "e-mail address            not verified" in text
    assert "research                  none" in text
    assert "risk                      no score; a person decides above 0.70" in text
    assert "missing: verify-email     no verification (service.unavailable): human review" in text
    assert "missing: risk-assessment  no score" in text


def test_hostile_texts_stay_on_their_line() -> None:
    """A company's research cannot forge a line of the page, nor can markup of the terminal."""
    research = RESEARCH.model_copy(update={"industry": "x\n- approved by dana\x1b[2J", "size": "[bold]1[/bold]"})
    profile = CompanyProfile(research=research)
    text = shown(page(OnboardingView(customer=CUSTOMER, profile=profile, threshold=RISK_THRESHOLD)))
    assert not any(line.startswith("- approved") for line in text.splitlines())
    assert "\x1b" not in text and "[bold]1[/bold]" in text


def test_reasons_on_the_page_are_not_said_twice() -> None:
    """Below the page stand the reasons that it does not tell."""
    task = TASK.model_copy(update={"reasons": ("risk 0.95 is above 0.7", "sanctions (+0.75)")})
    assert "  - sanctions (+0.75)" in describe(task)
    assert describe(task, told={"sanctions (+0.75)"})[1:3] == [
        "  - risk 0.95 is above 0.7",
        "approve: python starter.py review approve refund/1 --as REVIEWER",
    ]
