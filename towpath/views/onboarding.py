"""A customer on a terminal: what a reviewer has to know, and how an onboarding ended."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text
from temporalio.client import Client

from towpath.contracts.core.text import clean
from towpath.contracts.onboarding.customer import (
    CompanyProfile,
    Customer,
    OnboardingResult,
    OnboardingView,
    RiskAssessment,
)
from towpath.control.again import ANSWER_WITHIN
from towpath.views.processes import Subject, Views

NOT_GIVEN = "not given"


async def task_subject(client: Client, workflow_id: str, width: int) -> Subject:
    """Who the customer is, what the checks found, and what is missing; `width` is the terminal's, which wraps it."""
    del width
    view: OnboardingView = await client.get_workflow_handle(workflow_id).query(
        "onboarding", result_type=OnboardingView, rpc_timeout=ANSWER_WITHIN
    )
    reasons = () if view.risk is None else view.risk.reasons
    return Subject(view, page(view), frozenset(f"{reason.text} (+{reason.weight:.2f})" for reason in reasons))


def page(view: OnboardingView) -> Sequence[RenderableType]:
    """The facts of a customer, the signals with their weights, and what could not be found out."""
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in (*_customer_rows(view.customer), *_check_rows(view)):
        facts.add_row(Text(name, style="dim"), Text(clean(value)))
    return [Text(view.customer.company, style="bold"), facts, *_signals(view.risk), ""]


def _customer_rows(customer: Customer) -> list[tuple[str, str]]:
    contact = f"{customer.contact_name} <{customer.email}>" if customer.contact_name else customer.email
    employees = NOT_GIVEN if customer.employees is None else f"{customer.employees:,}"
    return [
        ("contact", contact),
        ("plan", customer.plan),
        ("country", customer.country or NOT_GIVEN),
        ("website", customer.website or NOT_GIVEN),
        ("employees", employees),
        ("industry", customer.industry or NOT_GIVEN),
    ]


def _check_rows(view: OnboardingView) -> list[tuple[str, str]]:
    verified, risk = view.verification, view.risk
    address = "not verified" if verified is None else f"{verified.verdict}{verified.reason and f': {verified.reason}'}"
    score = f"no score; a person decides above {view.threshold:.2f}"
    if risk is not None:
        side = "above" if risk.score > view.threshold else "not above"
        score = f"{risk.score:.2f}, {side} {view.threshold:.2f} (rules of {risk.rule_version})"
    rows = [("e-mail address", address), ("research", _research(view.profile)), ("risk", score)]
    return rows + [(f"missing: {step}", note) for step, note in view.degraded.items()]


def _research(profile: CompanyProfile | None) -> str:
    if profile is None or profile.empty:
        return "none"
    found = profile.research
    news = f"; latest news: {found.recent_news[0].headline}" if found.recent_news else ""
    return f"industry {found.industry}, size {found.size}{news}"


def _signals(risk: RiskAssessment | None) -> list[RenderableType]:
    if risk is None or not risk.reasons:
        return []
    table = Table(Column("weight", justify="right"), "signal", Column("why", overflow="fold"), box=None, pad_edge=False)
    for reason in risk.reasons:
        table.add_row(f"{reason.weight:.2f}", reason.signal, Text(clean(reason.text)))
    table.add_row(f"{risk.score:.2f}", "total", "1 at most" if risk.score == 1 else "")
    return ["", table]


def result_lines(ended: OnboardingResult) -> list[str]:
    """A result in lines for people."""
    lines = [f"outcome: {ended.outcome}"]
    if ended.decision is not None:
        by = "automatically"
        if ended.decision.review is not None:
            by = f"by {ended.decision.review.reviewer} ({ended.decision.review.reason or 'no reason given'})"
        lines.append(f"{'approved' if ended.decision.approved else 'not approved'} {by}, risk {ended.decision.score}")
    if ended.account is not None and ended.subscription is not None:
        lines.append(f"account {ended.account.account_id}, subscription {ended.subscription.subscription_id}")
    told = [f"{delivery.channel} {delivery.state}" for delivery in ended.deliveries]
    lines += [f"told: {', '.join(told)}"] if told else []
    lines += [f"without {step}: {note}" for step, note in ended.degraded.items()]
    return [*lines, f"cost: {ended.cost.in_words}"]


VIEWS = Views(result=result_lines, task=task_subject)
