"""Risk, claims and kit: tables of cases, and properties that hold for all inputs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.contracts.onboarding import RISK_THRESHOLD, Customer, KitFacts, Language, Plan, WelcomeKitDraft
from towpath.policy.claims import unsupported_claims
from towpath.policy.kit import kit_problems, template_kit
from towpath.policy.plans import kit_facts
from towpath.policy.risk import SIGNALS, RiskUnavailableError, assess_customer_risk


def customer(**fields: object) -> Customer:
    return Customer.model_validate({"email": "kim@hanbit.example", "company": "Hanbit", "plan": "business"} | fields)


customers = st.builds(
    customer,
    email=st.sampled_from(["kim@hanbit.example", "a1234@gmail.com", "x@mailinator.com", "1234@yopmail.com"]),
    company=st.sampled_from(["Hanbit", "test", "https://x.example", "한빛", "12345"]),
    plan=st.sampled_from(list(Plan)),
    country=st.sampled_from([None, "KR", "NG", "KP"]),
    employees=st.sampled_from([None, 1, 49, 50, 5000]),
    website=st.sampled_from([None, "https://hanbit.example", "https://www.other.example/x"]),
    language=st.sampled_from(list(Language)),
    contact_name=st.sampled_from([None, "Sam", "김지우", "{{7*7}}"]),
)


@pytest.mark.parametrize(
    ("fields", "score"),
    [
        pytest.param({}, 0.0, id="ordinary"),
        pytest.param({"email": "kim@gmail.com"}, 0.15, id="free-mail"),
        pytest.param({"email": "kim@mailinator.com", "plan": "enterprise", "employees": 5}, 0.7, id="exactly-0.7"),
        pytest.param({"email": "kim@mailinator.com", "country": "NG"}, 0.85, id="above"),
        pytest.param({"country": "KP", "email": "k1234@yopmail.com"}, 1.0, id="capped"),
        pytest.param({"website": "https://www.hanbit.example/kr"}, 0.0, id="own-site"),
        pytest.param({"website": "https://other.example"}, 0.2, id="other-site"),
    ],
)
def test_risk_of_known_customers(fields: dict[str, object], score: float) -> None:
    """The score of each case, and 0.7 is not above the threshold."""
    risk = assess_customer_risk(customer(**fields))

    assert risk.score == score
    assert (risk.score > RISK_THRESHOLD) == (score > 0.7)


def test_country_that_does_not_exist_cannot_be_judged() -> None:
    """No score is better than a made-up one."""
    with pytest.raises(RiskUnavailableError, match="ISO 3166"):
        assess_customer_risk(customer(country="XX"))


@given(customers)
def test_risk_is_the_capped_sum_of_its_reasons(given_customer: Customer) -> None:
    """Score and reasons always agree, within 0 to 1, and the same customer gets the same answer."""
    risk = assess_customer_risk(given_customer)

    assert 0 <= risk.score <= 1
    assert risk.score == min(1.0, round(sum(reason.weight for reason in risk.reasons), 2))
    assert risk == assess_customer_risk(given_customer)
    assert {reason.signal for reason in risk.reasons} <= {signal.name for signal in SIGNALS}


@pytest.mark.parametrize(
    ("text", "given_facts", "claims"),
    [
        pytest.param("No claims at all.", "", (), id="none"),
        pytest.param("Save 40 % now", "", ("40",), id="percent"),
        pytest.param("1,000 users", "1000 users", (), id="same-value"),
        pytest.param("10만 명", "100000", (), id="korean-scale"),
        pytest.param("10만 명", "10", ("10만",), id="korean-scale-other-value"),
        pytest.param("1. First\n2) Second", "", (), id="list-marks"),
        pytest.param("See https://a.example/x.", "https://a.example/x", (), id="given-link"),
        pytest.param("See https://evil.example", "https://a.example", ("https://evil.example",), id="other-link"),
        pytest.param("Mail sales@evil.example", "", ("sales@evil.example",), id="address"),
        pytest.param("Go to evil.com", "", ("evil.com",), id="bare-domain"),
        pytest.param("24.0 hours", "24", (), id="decimal"),
    ],
)
def test_claims(text: str, given_facts: str, claims: tuple[str, ...]) -> None:
    """Numbers and addresses that were not given are found; those that were are not."""
    assert unsupported_claims([text], given_facts) == claims


@given(st.text(max_size=3000), st.text(max_size=300))
def test_claims_end_on_any_text(text: str, given_facts: str) -> None:
    """Whatever the text, the check ends, and a text claims nothing beyond itself."""
    assert isinstance(unsupported_claims([text], given_facts), tuple)
    assert unsupported_claims([text], text) == ()


@given(customers, st.sampled_from(["unknown", "logistics", "물류"]))
def test_template_keeps_every_rule(given_customer: Customer, industry: str) -> None:
    """The fallback kit is always usable, in both languages."""
    facts = kit_facts(given_customer, industry)

    assert kit_problems(template_kit(facts), facts) == ()


def draft(facts: KitFacts, **fields: object) -> WelcomeKitDraft:
    return template_kit(facts).model_copy(update=fields)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        pytest.param({"email_subject": "a\nb"}, "email_subject", id="two-lines"),
        pytest.param({"email_subject": "x" * 121}, "email_subject", id="long-subject"),
        pytest.param({"email_body": "x" * 2501}, "email_body", id="long-body"),
        pytest.param({"getting_started": ["one"]}, "getting_started", id="few-steps"),
        pytest.param({"best_practices": ["a", "b", ""]}, "best_practices", id="empty-practice"),
        pytest.param({"email_body": "안녕하세요 여러분 반갑습니다"}, "English", id="wrong-language"),
        pytest.param({"email_body": "Only 99 dollars"}, "'99' is not among the given facts", id="claim"),
    ],
)
def test_kit_problems(fields: dict[str, object], problem: str) -> None:
    """Each broken rule is said in a sentence that can be sent back."""
    facts = kit_facts(customer(), "unknown")

    assert any(problem in found for found in kit_problems(draft(facts, **fields), facts))


def test_kit_facts_hold_no_address_of_the_customer() -> None:
    """What Claude is told about the customer does not include the e-mail address."""
    facts = kit_facts(customer(email="private@hanbit.example"), "unknown")

    assert "private@hanbit.example" not in json.dumps(facts.model_dump(mode="json"))
