"""Names and addresses that hide something are told with their field; what writing needs is taken as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.contracts.core.text import clean, hidden_in
from towpath.contracts.onboarding.customer import OnboardingRequest
from towpath.policy.onboarding.starting import start_problems

GOOD = {
    "email": "kim@hanbit.example",
    "company": "Hanbit",
    "plan": "business",
    "contact_name": "Kim",
    "industry": "logistics",
    "website": "https://hanbit.example",
}
HIDDEN = {
    "\n": "a line break (U+000A)",
    "\r": "a line break (U+000D)",
    "\u2028": "a line break (U+2028)",
    "\x85": "a line break (U+0085)",
    "\x1b": "a control character (U+001B)",
    "\x00": "a control character (U+0000)",
    "\x9b": "a control character (U+009B)",
    "\x7f": "a control character (U+007F)",
    "\u202e": "a character that turns the direction of writing (U+202E)",
    "\u2066": "a character that turns the direction of writing (U+2066)",
    "\u200f": "a character that turns the direction of writing (U+200F)",
    "\u200b": "a character that nobody sees (U+200B)",
    "\u2060": "a character that nobody sees (U+2060)",
    "\ufeff": "a character that nobody sees (U+FEFF)",
    "\u00ad": "a character that nobody sees (U+00AD)",
    "\u3164": "a character that nobody sees (U+3164)",
    "\U000e0041": "a character that nobody sees (U+E0041)",
    "\u200d": "a character that nobody sees (U+200D)",
}
CASES = [
    pytest.param(field, letter, id=f"{field} U+{ord(letter):04X}")
    for field in ("company", "contact_name", "industry", "email", "website")
    for letter in HIDDEN
    if not letter.isspace() or field not in {"email", "website"}
]
"""Spaces in an address are no form of one."""
HONEST = [
    "  Hanbit\n",
    "Hanbit\u00a0Logistics",
    "株式会社\u3000葛\U000e0100城",
    "می\u200cخواهم",
    "क्\u200dष",
    "I \u2764\ufe0f Coffee",
    "\u0661\u0662 شركة",
    "Müller & Söhne",
    "mu\u0308ller",
]


def problems(**fields: str) -> tuple[str, ...]:
    return start_problems(OnboardingRequest.model_validate({"customer": GOOD | fields}))


@pytest.mark.parametrize(("field", "letter"), CASES)
def test_it_is_told_with_its_field(field: str, letter: str) -> None:
    """Field, character and place; never the value."""
    given_text = GOOD[field]
    (problem,) = problems(**{field: given_text[:-2] + letter + given_text[-2:]})
    assert problem.startswith(f"customer.{field}: has {HIDDEN[letter]} as its character {len(given_text) - 1}: give it")
    assert given_text not in problem


@pytest.mark.parametrize("name", HONEST)
def test_honest_names(name: str) -> None:
    """Spaces around, spaces of any width, joiners and signs that the script needs."""
    assert problems(company=name) == ()


@given(st.text(max_size=60))
def test_what_is_not_told_is_changed_in_its_spaces_alone(text: str) -> None:
    """A text without hidden characters keeps all its letters when it is cleaned, but for marks of look and joining."""
    if hidden_in(text) is None:
        left = "".join(letter for letter in text.strip() if letter.isprintable() and not letter.isspace())
        assert set("".join(clean(text).split())) <= set(left)
        assert all(letter not in clean(text) for letter in "\n\r\x1b\u202e\u200b")


def test_a_request_that_was_refused_is_clean_when_it_is_read_again() -> None:
    """What a queue kept is the cleaned request: continuing it is no new start with the same fault."""
    request = OnboardingRequest.model_validate({"customer": GOOD | {"company": "Acme\n- approved by dana"}})
    again = OnboardingRequest.model_validate_json(request.model_dump_json())
    assert start_problems(request) and start_problems(again) == ()
    assert again.customer.company == "Acme - approved by dana"
    assert start_problems(request.model_copy(update={"redrive": None})) == start_problems(request)
