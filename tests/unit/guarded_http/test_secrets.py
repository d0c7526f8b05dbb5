"""Secrets by name: where they are put, what is refused, and in which forms they are masked."""

import base64
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from towpath.config.secrets import Secrets, secret_names
from towpath.contracts.core.failure import FailureCode, HouseError

VALUE = 'k/y+1 "é"&='
SECRETS = Secrets({"TOKEN": VALUE, "USER": "kim"})


@pytest.mark.parametrize(
    ("template", "value"),
    [
        pytest.param({"$secret": "TOKEN"}, VALUE, id="secret"),
        pytest.param({"$text": ["Bearer ", {"$secret": "TOKEN"}]}, f"Bearer {VALUE}", id="text"),
        pytest.param({"$text": ["v", 1, "-", 2.5, {"$secret": "USER"}]}, "v1-2.5kim", id="numbers"),
        pytest.param({"$text": []}, "", id="empty"),
        pytest.param([{"a": [{"$secret": "USER"}]}, 1, None], [{"a": ["kim"]}, 1, None], id="deep"),
        pytest.param({"$secret": "TOKEN", "b": 1}, {"$secret": "TOKEN", "b": 1}, id="more-keys"),
        pytest.param({"$secret": 5}, {"$secret": 5}, id="no-name"),
        pytest.param({"$text": "x"}, {"$text": "x"}, id="no-list"),
        pytest.param("$secret", "$secret", id="plain"),
    ],
)
def test_templates_are_resolved(template: JsonValue, value: JsonValue) -> None:
    """Objects of exactly the two shapes are replaced, anywhere inside, and nothing else is touched."""
    assert SECRETS.resolve(template) == value


@pytest.mark.parametrize(
    ("template", "told"),
    [
        pytest.param({"a": {"$secret": "NONE"}}, "secret 'NONE' is not set", id="unknown"),
        pytest.param({"$text": [{"$secret": "NONE"}]}, "secret 'NONE' is not set", id="unknown-in-text"),
        pytest.param({"$text": ["a", {"b": 1}]}, "$text joins texts, numbers and secrets only", id="object"),
        pytest.param({"$text": [True]}, "$text joins texts, numbers and secrets only", id="boolean"),
    ],
)
def test_what_cannot_be_resolved(template: JsonValue, told: str) -> None:
    """An unknown name is a permanent failure that tells the name."""
    with pytest.raises(HouseError) as caught:
        SECRETS.resolve(template)

    assert (caught.value.code, caught.value.message) == (FailureCode.SERVICE_BAD_REQUEST, told)
    assert not caught.value.retryable


def test_names_are_found_anywhere() -> None:
    """The names that a template asks for are known before it is resolved."""
    template: JsonValue = [{"a": {"$secret": "A"}}, {"$text": ["x", {"$secret": "B"}]}, {"$secret": "C", "d": 1}]

    assert secret_names(template) == {"A", "B"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(VALUE, id="plain"),
        pytest.param(quote(VALUE, safe=""), id="percent"),
        pytest.param(quote(VALUE, safe="").lower(), id="percent-lower"),
        pytest.param(quote(VALUE), id="percent-path"),
        pytest.param(quote_plus(VALUE), id="form"),
        pytest.param(urlencode({"token": VALUE}), id="query"),
        pytest.param(json.dumps({"token": VALUE}), id="json"),
        pytest.param(json.dumps({"token": VALUE}, ensure_ascii=False), id="json-utf8"),
        pytest.param(base64.b64encode(VALUE.encode()).decode(), id="base64"),
        pytest.param(base64.urlsafe_b64encode(VALUE.encode()).decode().rstrip("="), id="base64url"),
        pytest.param("Basic " + base64.b64encode(f"user:{VALUE}".encode()).decode(), id="basic"),
        pytest.param("Basic " + base64.b64encode(f"a:{VALUE}:b".encode()).decode(), id="basic-inside"),
    ],
)
def test_masks(text: str) -> None:
    """A secret is masked in each form in which it may come back."""
    masked = SECRETS.mask(f"before {text} after")

    assert "***" in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    forms = [VALUE, quote(VALUE, safe=""), quote_plus(VALUE), base64.b64encode(VALUE.encode()).decode()[4:-4]]
    assert not [form for form in forms if form in masked]


@given(st.text(min_size=8), st.binary(max_size=5), st.binary(max_size=5))
def test_no_alignment_hides_a_secret(value: str, before: bytes, after: bytes) -> None:
    """Whatever stands around a secret in base64, its middle is masked."""
    raw = value.encode("utf-8", "surrogatepass")
    text = base64.b64encode(before + raw + after).decode()

    assert "***" in Secrets({"X": value}).mask(text)


def test_masked_values_keep_their_shape() -> None:
    """Texts and keys inside a value are masked; an empty secret masks nothing."""
    value: JsonValue = {"kim": ["kim!", 1, None, True, {"a": "no"}]}

    assert SECRETS.masked(value) == {"***": ["***!", 1, None, True, {"a": "no"}]}
    assert Secrets({"EMPTY": ""}).mask("text") == "text"
    assert Secrets({}).mask("text") == "text"


def test_the_longer_secret_is_masked_first() -> None:
    """A secret that begins another leaves no rest of it."""
    assert Secrets({"A": "abc", "B": "abcdef"}).mask("abcdef abc") == "*** ***"


def test_no_repr_shows_a_value() -> None:
    """Printing the secrets prints none."""
    assert VALUE not in repr(SECRETS)
