"""Domains that read as other ones are doubted, whatever letter it is; names as their scripts write them are not."""

import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from towpath.contracts.onboarding.customer import RISK_THRESHOLD, Customer, RiskReason
from towpath.policy.core.lookalikes import doubts_of, reads_as
from towpath.policy.onboarding.risk import FIRST_VERSION, assess_customer_risk

CYRILLIC = dict(zip("aceopxyijshkmtbdqwnlruv", "асеорхуіјѕһкмтвԁԛԝпӏгцѵ", strict=True))
GREEK = dict(zip("aovptuikxynwehzb", "αονρτυικχγηωεηζβ", strict=True))
WIDE = {letter: chr(ord(letter) + 0xFEE0) for letter in "abcdefghijklmnopqrstuvwxyz0123456789"}
STYLED = {letter: chr(0x1D41A + ord(letter) - ord("a")) for letter in "abcdefghijklmnopqrstuvwxyz"}
LABELS = st.from_regex(r"[a-z](?:[a-z0-9-]{0,16}[a-z0-9])?", fullmatch=True).filter(lambda label: label[2:4] != "--")
OWN = [
    "münchen.de",
    "xn--mnchen-3ya.de",
    "mu\u0308nchen.de",
    "서울.kr",
    "한글abc.kr",
    "삼성.한국",
    "日本.jp",
    "日本のカタカナ.jp",
    "ひらがなABC.jp",
    "コーヒー・ショップ.jp",
    "中国.中国",
    "台灣.tw",
    "ελλάδα.gr",
    "ναι.gr",
    "пример.рф",
    "сорос.рф",
    "сорос.ru",
    "орг.рус",
    "ışık.com.tr",
    "españa.es",
    "straße.de",
    "łódź.pl",
    "l·l.cat",
    "ไทย.ไทย",
    "भारत.भारत",
    "ثالث٣.مصر",
    "xn--fiqs8s.xn--fiqs8s",
    "i❤.ws",
    "hanbit.example",
    "localhost",
    "203.0.113.7",
]
FOREIGN = [
    pytest.param("pаypal.com", "Cyrillic and Latin", "paypal", id="one letter"),
    pytest.param("аррӏе.com", "wholly in Cyrillic", "apple", id="whole label"),
    pytest.param("xn--80ak6aa92e.com", "wholly in Cyrillic", "apple", id="in punycode"),
    pytest.param("mail.раураӏ.example", "wholly in Cyrillic", "paypal", id="label in the middle"),
    pytest.param("ο.com", "wholly in Greek", "o", id="one Greek letter"),
    pytest.param("paypal.сом", "ends no domain", "com", id="ending"),
    pytest.param("ｐａｙｐａｌ.com", "stand for others", "paypal", id="full width"),
    pytest.param("ɡoogle.com", "phonetics", "google", id="phonetics"),
    pytest.param("paypal.com∕login.evil.example", "stands in no domain", "'∕'", id="slash"),
    pytest.param("xn--abc.com", "in no form", "xn--abc", id="no punycode"),
    pytest.param("abc١.com", "Arabic and Latin", "abc", id="digit of another script"),
]


def reason(**fields: object) -> RiskReason | None:
    """Why the customer's domains are doubted."""
    customer = Customer.model_validate({"email": "kim@hanbit.example", "company": "c", "plan": "business"} | fields)
    found = {reason.signal: reason for reason in assess_customer_risk(customer).reasons}
    return found.get("lookalike-domain")


@settings(deadline=None)
@given(label=LABELS, data=st.data(), swaps=st.sampled_from([CYRILLIC, GREEK, WIDE, STYLED]), in_punycode=st.booleans())
def test_one_letter_swapped(label: str, data: st.DataObject, swaps: dict[str, str], in_punycode: bool) -> None:
    """A letter of a Latin label replaced by one of another script that looks like it: always a signal, in any form."""
    places = [place for place, letter in enumerate(label) if letter in swaps]
    assume(places)
    place = data.draw(st.sampled_from(places))
    swapped = label[:place] + swaps[label[place]] + label[place + 1 :]
    assume(swaps in (WIDE, STYLED) or any(letter.isascii() and letter.isalpha() for letter in swapped))
    if in_punycode and swaps in (CYRILLIC, GREEK):
        swapped = "xn--" + swapped.encode("punycode").decode()
        assume(len(swapped) <= 63)
    for fields in ({"email": f"kim@{swapped}.com"}, {"website": f"https://www.{swapped}.com:8443/x"}):
        found = reason(**fields)
        assert found is not None and found.weight > RISK_THRESHOLD
    assert reason(email=f"kim@{label}.com") is None


@settings(deadline=None)
@given(word=st.text(sorted("асеорхуіјѕһԁԛԝӏ"), min_size=1, max_size=12))
def test_a_whole_label_of_lookalikes(word: str) -> None:
    """All letters are Cyrillic and all look like Latin ones: doubted below `.com`, expected below their own endings."""
    assert doubts_of(f"{word}.com")
    assert doubts_of(f"{word}.рф") == doubts_of(f"{word}.ua") == ()
    assert reads_as(word).isascii()


@settings(deadline=None)
@given(st.text(max_size=80) | st.text("аα.a-xn1ｘ日한\u0301", max_size=80))
def test_any_domain_is_judged(domain: str) -> None:
    """Whatever was given, there is an answer, and it is one line."""
    assert all("\n" not in doubt for doubt in doubts_of(domain))
    assert doubts_of(domain) == doubts_of(domain)
    assert isinstance(reads_as(domain), str)


@pytest.mark.parametrize("domain", OWN)
def test_names_as_they_are_written(domain: str) -> None:
    """A name in its own script, or Latin with those of Japan, China and Korea, gives no signal."""
    assert doubts_of(domain) == ()
    assert doubts_of(unicodedata.normalize("NFC", domain).upper().lower()) == ()


@pytest.mark.parametrize(("domain", "why", "looks"), FOREIGN)
def test_what_is_said_of_a_label(domain: str, why: str, looks: str) -> None:
    """Which label, which scripts, and what it looks like."""
    (doubt,) = doubts_of(domain)
    assert why in doubt and looks in doubt and "the label" in doubt


@pytest.mark.parametrize(
    ("email", "website", "told"),
    [
        pytest.param("a@gmai1.com", None, "gmail.com", id="provider with a digit"),
        pytest.param("a@gmaıl.com", None, None, id="provider with a letter of Turkish"),
        pytest.param("a@rnailinator.com", None, "mailinator.com", id="two letters for one"),
        pytest.param("a@hanbit-l0gistics.example", "https://hanbit-logistics.example", "hanbit-log", id="own site"),
        pytest.param("a@gmail.com", "https://www.hanbit.example", None, id="provider itself"),
    ],
)
def test_domains_that_are_taken_for_each_other(email: str, website: str | None, told: str | None) -> None:
    """The address is at a name that reads as a known provider's, or as the site's."""
    found = reason(email=email, website=website)
    if told is None:
        assert found is None or "gmail.com" in found.text
    else:
        assert found is not None and told in found.text


def test_rules_of_before() -> None:
    """Runs and definitions that began with the rules of 2026-11 are judged by them."""
    customer = Customer.model_validate({"email": "kim@аррӏе.com", "company": "c", "plan": "business", "employees": 9})
    before, now = assess_customer_risk(customer, FIRST_VERSION), assess_customer_risk(customer)
    assert (before.score, before.rule_version) == (0.0, "2026-11")
    assert (now.score, now.rule_version) == (0.75, "2026-12")
