"""Risk, claims and kit: tables of cases, and properties that hold for all inputs."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from tests.unit.cpu import least_cpu_seconds
from towpath.contracts.core.delivery import Language
from towpath.contracts.core.text import clean
from towpath.contracts.onboarding.customer import RISK_THRESHOLD, Customer, CustomerPlan, KitFacts, WelcomeKitDraft
from towpath.policy.core.claims import MAX_TEXT, unsupported_claims
from towpath.policy.onboarding import risk
from towpath.policy.onboarding.kit import kit_problems, template_kit
from towpath.policy.onboarding.plans import kit_facts
from towpath.policy.onboarding.risk import SCRUTINISED_COUNTRIES, SIGNALS, RiskUnavailableError, assess_customer_risk


def customer(**fields: object) -> Customer:
    return Customer.model_validate({"email": "kim@hanbit.example", "company": "Hanbit", "plan": "business"} | fields)


customers = st.builds(
    customer,
    email=st.sampled_from(["kim@hanbit.example", "a1234@gmail.com", "x@mailinator.com", "1234@yopmail.com"]),
    company=st.sampled_from(["Hanbit", "test", "https://x.example", "한빛", "12345"]),
    plan=st.sampled_from(list(CustomerPlan)),
    country=st.sampled_from([None, "KR", "NG", "KP"]),
    employees=st.sampled_from([None, 1, 49, 50, 5000]),
    website=st.sampled_from([None, "https://hanbit.example", "https://www.other.example/x"]),
    language=st.sampled_from(list(Language)),
    contact_name=st.sampled_from([None, "Sam", "김지우", "{{7*7}}"]),
)
names = (
    st.one_of(
        st.text(min_size=1, max_size=200),
        st.text('가이5만천.1,%:/@w한 aeo\t\n"\\-', min_size=1, max_size=200),
        st.sampled_from(
            ["https://", "www.a,", "x\tfoo.com", "b\n1. c", "5%", "12", "한빛.kr", "https://한빛.kr", "가" * 200]
        ),
    )
    .filter(lambda name: bool(clean(name).strip()))
    .filter(lambda name: name.strip() != "")
)


@pytest.mark.parametrize(
    ("fields", "score"),
    [
        pytest.param({}, 0.05, id="ordinary"),
        pytest.param({"employees": 80}, 0.0, id="facts-given"),
        pytest.param({"email": "kim@gmail.com"}, 0.2, id="free-mail"),
        pytest.param({"email": "kim@mailinator.com", "plan": "enterprise", "employees": 5}, 0.7, id="exactly-0.7"),
        pytest.param({"email": "kim@mailinator.com", "country": "NG"}, 0.9, id="above"),
        pytest.param({"country": "KP", "employees": 900}, 0.75, id="sanctions-alone"),
        pytest.param({"country": "KP", "email": "k1234@yopmail.com"}, 1.0, id="capped"),
        pytest.param({"website": "https://www.hanbit.example/kr"}, 0.0, id="own-site"),
        pytest.param({"website": "https://HANBIT.example?from=mail"}, 0.0, id="own-site-with-query"),
        pytest.param({"website": "https://hanbit.example@other.example"}, 0.2, id="site-behind-user-name"),
        pytest.param({"website": "https://other.example"}, 0.2, id="other-site"),
        pytest.param({"company": "win at evil.com/now", "employees": 80}, 0.3, id="url-as-name"),
    ],
)
def test_risk_of_known_customers(fields: dict[str, object], score: float) -> None:
    """The score of each case, and 0.7 is not above the threshold."""
    found = assess_customer_risk(customer(**fields))

    assert found.score == score
    assert (found.score > RISK_THRESHOLD) == (score > 0.7)


def test_country_that_does_not_exist_cannot_be_judged() -> None:
    """No score is better than a made-up one."""
    with pytest.raises(RiskUnavailableError, match="ISO 3166"):
        assess_customer_risk(customer(country="XX"))


@settings(deadline=None)
@given(customers)
def test_risk_is_the_capped_sum_of_its_reasons(given_customer: Customer) -> None:
    """Score and reasons always agree, within 0 to 1, and the same customer gets the same answer."""
    found = assess_customer_risk(given_customer)

    assert 0 <= found.score <= 1
    assert found.score == min(1.0, round(sum(reason.weight for reason in found.reasons), 2))
    assert found == assess_customer_risk(given_customer)
    assert {reason.signal for reason in found.reasons} <= {signal.name for signal in SIGNALS}


@settings(deadline=None)
@given(customers, st.sampled_from(sorted(SCRUTINISED_COUNTRIES)))
def test_one_more_signal_never_lowers_the_risk(given_customer: Customer, country: str) -> None:
    """A customer with a signal more, and all else the same, scores at least as high."""
    before = given_customer.model_copy(update={"country": None})
    after = given_customer.model_copy(update={"country": country})

    assert assess_customer_risk(after).score >= assess_customer_risk(before).score
    assert set(assess_customer_risk(after).reasons) > set(assess_customer_risk(before).reasons)


def test_table_of_signals_is_the_documented_one() -> None:
    """Names and weights in the module's text are those that count."""
    rows = [line.split("|") for line in (risk.__doc__ or "").splitlines() if line.startswith("| ")][1:]

    assert [(name.strip(), float(weight)) for _, name, weight, *_ in rows] == [(s.name, s.weight) for s in SIGNALS]


@pytest.mark.parametrize(
    ("text", "given_facts", "claims"),
    [
        pytest.param("No claims at all.", "", (), id="none"),
        pytest.param("Save 40 % now", "", ("40 %",), id="percent"),
        pytest.param("20% less", "20 people", ("20%",), id="percent-of-a-count"),
        pytest.param("20 퍼센트, 20 percent", "20%", (), id="percent-in-words"),
        pytest.param("20%", {"rate": 20}, (), id="percent-of-a-bare-number"),
        pytest.param("5천만 원", "5000", ("5천만",), id="korean-double-scale"),
        pytest.param("1억 2,000만 원", {"price": [120_000_000]}, (), id="korean-compound"),
        pytest.param("3천5백만", "35000000", (), id="korean-small-scales"),
        pytest.param("1만 5개", "1만과 5개", (), id="two-numbers-side-by-side"),
        pytest.param("10k users", "10", ("10k",), id="k"),
        pytest.param("2 million", "2000000", (), id="million"),
        pytest.param("１２３ ⑤", "123", ("5",), id="other-digits"),
        pytest.param("① 하나\n② 둘", "", (), id="circled-list-marks"),
        pytest.param("on 2026-11-23, the 1st", "2026-11-23", ("1",), id="date-and-ordinal"),
        pytest.param("1" * 32, "1" * 31 + "2", ("1" * 32,), id="many-digits"),
        pytest.param("1,000 users", "1000 users", (), id="same-value"),
        pytest.param("10만 명", "100000", (), id="korean-scale"),
        pytest.param("10만 명", "10", ("10만",), id="korean-scale-other-value"),
        pytest.param("1. First\n2) Second", "", (), id="list-marks"),
        pytest.param("See https://a.example/x.", "https://a.example/x", (), id="given-link"),
        pytest.param("See https://evil.example", "https://a.example", ("https://evil.example",), id="other-link"),
        pytest.param("Mail sales@evil.example", "", ("sales@evil.example",), id="address"),
        pytest.param("Go to evil.com", "", ("evil.com",), id="bare-domain"),
        pytest.param("자세한 내용은 evil.com에서", "", ("evil.com",), id="domain-before-a-particle"),
        pytest.param("help@a.example로 문의", "help@a.example", (), id="address-before-a-particle"),
        pytest.param("evil.zone/offer", "", ("evil.zone/offer",), id="any-domain-with-a-path"),
        pytest.param("https://a.example/x에서", "https://a.example/x", (), id="link-before-a-particle"),
        pytest.param("문의help@a.example", "help@a.example", (), id="address-after-a-word"),
        pytest.param("https://한빛.kr", "", ("https://한빛.kr",), id="korean-link"),
        pytest.param("**https://a.example/x**", "https://a.example/x", (), id="link-in-markup"),
        pytest.param("on a.example", "https://a.example/x", (), id="host-of-a-given-link"),
        pytest.param("Node.js, e.g. this", "", (), id="dots-in-prose"),
        pytest.param("24.0 hours", "24", (), id="decimal"),
    ],
)
def test_claims(text: str, given_facts: JsonValue, claims: tuple[str, ...]) -> None:
    """Numbers and addresses that were not given are found; those that were are not."""
    assert unsupported_claims([text], given_facts) == claims


@settings(deadline=None)
@given(st.one_of(st.text(max_size=3000), st.text("1,.만 천%a-@/k\n)", max_size=300)), st.text(max_size=300))
def test_claims_end_on_any_text(text: str, given_facts: str) -> None:
    """Whatever the text, the check ends, and a text claims nothing beyond itself."""
    assert isinstance(unsupported_claims([text], given_facts), tuple)
    assert unsupported_claims([text], text) == ()


@pytest.mark.parametrize(
    "unit", [" \n", "\n", "1", "1,", "1.1.", "1만", "a.", "a-", "a@", "a@가", "www.", "\u0301\u0323"]
)
def test_claims_take_linear_time(unit: str) -> None:
    """The check runs in workflow code, which may not compute for two seconds: no text makes it."""
    text = (unit * MAX_TEXT)[:MAX_TEXT]

    assert least_cpu_seconds(lambda: unsupported_claims([text], text), 1.5) < 1.5


def test_text_that_is_not_read_is_a_claim() -> None:
    """What lies beyond the limit is not taken on trust."""
    assert unsupported_claims(["x" * (MAX_TEXT + 1)], "") == ("the text after 50000 characters",)


@settings(deadline=None)
@given(customers, names, st.one_of(st.none(), names), st.sampled_from(["unknown", "logistics", "물류"]))
def test_template_keeps_every_rule(given_customer: Customer, company: str, contact: str | None, industry: str) -> None:
    """The fallback kit is always usable, in both languages, whatever the names hold."""
    named = customer(**(given_customer.model_dump() | {"company": company, "contact_name": contact}))
    facts = kit_facts(named, industry)

    assert kit_problems(template_kit(facts), facts) == ()


def test_template_of_a_name_within_a_name() -> None:
    """A company's name that stands in the contact's does not hide the contact's from the language check."""
    facts = kit_facts(customer(company="e", contact_name="김e" + "수" * 190), "unknown")

    assert kit_problems(template_kit(facts), facts) == ()


def draft(facts: KitFacts, **fields: object) -> WelcomeKitDraft:
    return template_kit(facts).model_copy(update=fields)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        pytest.param({"email_subject": "a\nb"}, "email_subject", id="two-lines"),
        pytest.param({"email_subject": "a\u2028b"}, "email_subject", id="two-lines-by-separator"),
        pytest.param({"email_subject": "a\r"}, "email_subject", id="carriage-return"),
        pytest.param({"email_subject": "x" * 121}, "email_subject", id="long-subject"),
        pytest.param({"email_body": "x" * 2501}, "email_body", id="long-body"),
        pytest.param({"getting_started": ["one"]}, "getting_started", id="few-steps"),
        pytest.param({"best_practices": ["a", "b", ""]}, "best_practices", id="empty-practice"),
        pytest.param({"email_body": "안녕하세요 여러분 반갑습니다"}, "English", id="wrong-language"),
        pytest.param({"best_practices": ["가나다라", "마바사아", "자차카타"]}, "English", id="wrong-language-guide"),
        pytest.param({"email_body": "Only 99 dollars"}, "'99' is not among the given facts", id="claim"),
    ],
)
def test_kit_problems(fields: dict[str, object], problem: str) -> None:
    """Each broken rule is said in a sentence that can be sent back."""
    facts = kit_facts(customer(), "unknown")

    assert any(problem in found for found in kit_problems(draft(facts, **fields), facts))


def test_korean_kit_must_be_korean() -> None:
    """An English letter is no Korean kit."""
    korean = kit_facts(customer(language="ko"), "unknown")
    english = kit_facts(customer(), "unknown")

    assert kit_problems(template_kit(korean), korean) == ()
    assert "the kit must be written in Korean" in kit_problems(template_kit(english), korean)


def test_kit_facts_hold_no_address_of_the_customer() -> None:
    """What Claude is told about the customer does not include the e-mail address."""
    facts = kit_facts(customer(email="private@hanbit.example"), "unknown")

    assert "private@hanbit.example" not in json.dumps(facts.model_dump(mode="json"))
