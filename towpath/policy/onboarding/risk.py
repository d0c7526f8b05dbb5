"""The risk of a new customer: documented signals with weights, added up and capped at 1.

| signal | weight | found when |
|---|---|---|
| disposable-address | 0.50 | the e-mail domain belongs to a throw-away service |
| free-mail-address | 0.15 | the e-mail domain is a free mail provider |
| sanctioned-country | 0.75 | the country is under comprehensive sanctions: alone above the threshold |
| scrutinised-country | 0.35 | the country is under increased monitoring |
| lookalike-domain | 0.75 | a label of e-mail domain or site mixes scripts or reads as another one: alone above it |
| foreign-domain | 0.20 | the e-mail domain is not the website's |
| enterprise-too-small | 0.20 | an enterprise plan for fewer than 50 employees |
| odd-company-name | 0.30 | the company name holds a URL, or only digits, or reads like a test |
| random-address | 0.15 | four or more digits in the local part |
| no-facts | 0.05 | neither website nor head count was given |

The lists are short samples, made for this rule version; an installation replaces them by its own.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from towpath.contracts.core.text import clean
from towpath.contracts.onboarding.customer import Customer, CustomerPlan, RiskAssessment, RiskReason
from towpath.policy.core.lookalikes import doubts_of, reads_as

RULE_VERSION = "2026-12"
FIRST_VERSION = "2026-11"
"""What runs that began before are judged by: without the signal `lookalike-domain`."""

DISPOSABLE_DOMAINS = frozenset(
    {"mailinator.com", "guerrillamail.com", "10minutemail.com", "tempmail.example", "yopmail.com", "trashmail.com"}
)
FREE_MAIL_DOMAINS = frozenset(
    {"gmail.com", "naver.com", "daum.net", "outlook.com", "hotmail.com", "yahoo.com", "proton.me", "qq.com"}
)
SANCTIONED_COUNTRIES = frozenset({"CU", "IR", "KP", "SY"})
SCRUTINISED_COUNTRIES = frozenset({"BG", "DZ", "HT", "KE", "LA", "LB", "MC", "MM", "NA", "NG", "VE", "VN", "YE", "ZA"})
_ISO_COUNTRIES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY
BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK
FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR
IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK
ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM
PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF
TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
ISO_COUNTRIES = frozenset(_ISO_COUNTRIES.split())

MOST_TOLD = 3
"""Labels of a customer's domains that a reason tells."""
_ODD_NAME = re.compile(
    r"https?:|www\.|[a-z0-9-]\.[a-z]{2,24}/|^\W*\d+\W*$|^(test|asdf|qwerty|n/a|none|xxx)\b", re.IGNORECASE
)


class RiskUnavailableError(Exception):
    """The facts cannot be judged. The text names the fact, not its value."""


@dataclass(frozen=True, slots=True)
class _Signal:
    name: str
    weight: float
    text: str
    found: Callable[[Customer], bool]
    since: str = FIRST_VERSION
    detail: Callable[[Customer], str] | None = None
    """What the text says beyond what all customers with the signal have."""

    def reason(self, customer: Customer) -> RiskReason:
        more = "" if self.detail is None else f": {self.detail(customer)}"
        return RiskReason(signal=self.name, weight=self.weight, text=f"{self.text}{more}")


def _domain(customer: Customer) -> str:
    return customer.email.rpartition("@")[2].lower().rstrip(".")


def _website_host(customer: Customer) -> str:
    if customer.website is None:
        return ""
    authority = re.split(r"[/?#\\]", customer.website.partition("//")[2], maxsplit=1)[0]
    return authority.rpartition("@")[2].partition(":")[0].lower().rstrip(".").removeprefix("www.")


def _lookalikes(customer: Customer) -> tuple[str, ...]:
    """A sentence for each label of the two domains that reads as another one."""
    domain, host = _domain(customer), unquote(_website_host(customer))
    found = [f"e-mail domain: {doubt}" for doubt in doubts_of(domain)]
    found += [f"website: {doubt}" for doubt in doubts_of(host) if domain != host]
    if not found:
        others = sorted(FREE_MAIL_DOMAINS | DISPOSABLE_DOMAINS | ({host} - {""}))
        taken_for = [other for other in others if other != domain and reads_as(other) == reads_as(domain)]
        found += [f"e-mail domain: {domain!r} is taken for {other!r}" for other in taken_for]
    return tuple(map(clean, found))


def _foreign_domain(customer: Customer) -> bool:
    host, domain = _website_host(customer), _domain(customer)
    if not host or domain in FREE_MAIL_DOMAINS or domain in DISPOSABLE_DOMAINS:
        return False
    return not (host == domain or host.endswith(f".{domain}") or domain.endswith(f".{host}"))


def _too_small(customer: Customer) -> bool:
    return customer.plan is CustomerPlan.ENTERPRISE and customer.employees is not None and customer.employees < 50


def _random_address(customer: Customer) -> bool:
    return sum(letter.isdigit() for letter in customer.email.partition("@")[0]) >= 4


SIGNALS = (
    _Signal(
        "disposable-address",
        0.50,
        "the e-mail address belongs to a throw-away service",
        lambda customer: _domain(customer) in DISPOSABLE_DOMAINS,
    ),
    _Signal(
        "free-mail-address",
        0.15,
        "the e-mail address is at a free mail provider",
        lambda customer: _domain(customer) in FREE_MAIL_DOMAINS,
    ),
    _Signal(
        "sanctioned-country",
        0.75,
        "the country is under comprehensive sanctions",
        lambda customer: customer.country in SANCTIONED_COUNTRIES,
    ),
    _Signal(
        "scrutinised-country",
        0.35,
        "the country is under increased monitoring",
        lambda customer: customer.country in SCRUTINISED_COUNTRIES,
    ),
    _Signal(
        "lookalike-domain",
        0.75,
        "a domain reads as another one",
        lambda customer: bool(_lookalikes(customer)),
        since=RULE_VERSION,
        detail=lambda customer: "; ".join(_lookalikes(customer)[:MOST_TOLD]),
    ),
    _Signal("foreign-domain", 0.20, "the e-mail domain is not the website's", _foreign_domain),
    _Signal("enterprise-too-small", 0.20, "an enterprise plan for fewer than 50 employees", _too_small),
    _Signal(
        "odd-company-name",
        0.30,
        "the company name does not read like one",
        lambda customer: _ODD_NAME.search(customer.company) is not None,
    ),
    _Signal("random-address", 0.15, "the e-mail address is full of digits", _random_address),
    _Signal(
        "no-facts",
        0.05,
        "neither website nor head count was given",
        lambda customer: customer.website is None and customer.employees is None,
    ),
)


def assess_customer_risk(customer: Customer, rules: str = RULE_VERSION) -> RiskAssessment:
    """The score and its reasons, in the order of the table, by the rules of a version. Raises RiskUnavailableError."""
    if customer.country is not None and customer.country not in ISO_COUNTRIES:
        raise RiskUnavailableError("the country is not an ISO 3166 code")
    signals = (signal for signal in SIGNALS if signal.since <= rules)
    reasons = tuple(signal.reason(customer) for signal in signals if signal.found(customer))
    score = min(1.0, round(sum(reason.weight for reason in reasons), 2))
    return RiskAssessment(score=score, reasons=reasons, rule_version=rules)
