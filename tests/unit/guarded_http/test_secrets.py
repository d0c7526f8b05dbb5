"""Secrets by name: where they are put, what is refused, and in which forms they are masked."""

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from towpath.config.masking import Masker
from towpath.config.secrets import Secrets
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.references import SecretName, SecretPlace
from towpath.engine.expression.template import joined, secret_named
from towpath.engine.run.references import detach

VALUE = 'k/y+1 "é"&='
SECRETS = Secrets({"TOKEN": VALUE, "USER": "kim"})
TOKEN, USER = secret_named("TOKEN"), secret_named("USER")
MASKER = Masker([VALUE, "kim"])


@pytest.mark.parametrize(
    ("config", "value"),
    [
        pytest.param({"a": TOKEN}, {"a": VALUE}, id="secret"),
        pytest.param({"a": joined(["Bearer ", TOKEN])}, {"a": f"Bearer {VALUE}"}, id="text"),
        pytest.param({"a": [{"a": [USER]}, 1, None]}, {"a": [{"a": ["kim"]}, 1, None]}, id="deep"),
        pytest.param({"a": [TOKEN, USER, "c"]}, {"a": [VALUE, "kim", "c"]}, id="two"),
        pytest.param({"0": {"0": USER}, "1": 1}, {"0": {"0": "kim"}, "1": 1}, id="names-that-are-numbers"),
    ],
)
def test_places_are_filled(config: dict[str, Any], value: JsonValue) -> None:
    """A secret stands where the compiler told, and nothing else is touched."""
    assert SECRETS.fill(*detach(config)) == value


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"a": {"$secret": "TOKEN"}}, id="secret"),
        pytest.param({"a": {"$text": ["x", {"$secret": "TOKEN"}]}}, id="text"),
        pytest.param({"$secret": "TOKEN"}, id="all"),
        pytest.param({"references": [{"path": ["a"], "parts": [{"secret": "TOKEN"}]}], "a": 1}, id="references"),
    ],
)
def test_data_is_no_secret(data: JsonObject) -> None:
    """Data of whatever shape stays as it is, also beside a secret."""
    assert SECRETS.fill(*detach(data)) == data
    assert SECRETS.fill(*detach({"mine": USER, "theirs": data})) == {"mine": "kim", "theirs": data}


def test_an_earlier_version_is_not_guessed_at() -> None:
    """Its requests do not tell a secret from data that looks like one: those are refused, others are sent."""
    with pytest.raises(HouseError, match="an earlier version asked for it") as caught:
        SECRETS.fill({"a": [{"$secret": "TOKEN"}]}, (), ("TOKEN",))

    assert (caught.value.retryable, caught.value.unknown) == (False, False)
    with pytest.raises(HouseError, match="an earlier version"):
        SECRETS.fill({"a": {"$text": ["x"]}}, (), None)
    assert SECRETS.fill({"a": 1}, (), ("TOKEN",)) == {"a": 1}


@pytest.mark.parametrize(
    ("path", "name", "told"),
    [
        pytest.param(("a",), "NONE", "secret 'NONE' is not set", id="unknown"),
        pytest.param(("b", 0), "TOKEN", "there is no such place", id="no-such-name"),
        pytest.param(("a", 5), "TOKEN", "there is no such place", id="no-such-index"),
        pytest.param(("a", "b"), "TOKEN", "there is no such place", id="a-name-in-a-list"),
    ],
)
def test_what_cannot_be_filled(path: tuple[str | int, ...], name: str, told: str) -> None:
    """An unknown name is a permanent failure that tells the name; so is a place that the data has not."""
    with pytest.raises(HouseError) as caught:
        SECRETS.fill({"a": [1]}, (SecretPlace(path=path, parts=(SecretName(secret=name),)),))

    assert caught.value.code is FailureCode.SERVICE_BAD_REQUEST
    assert told in caught.value.message
    assert not caught.value.retryable


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
    masked = MASKER.mask(f"before {text} after")

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

    assert "***" in Masker([value]).mask(text)


def test_masked_values_keep_their_shape() -> None:
    """Texts, keys and numbers inside a value are masked; an empty secret masks nothing."""
    value: JsonValue = {"long-secret": ["a long-secret!", 1, None, True, {"a": "no"}, 12345678, "12345678.5"]}

    masked = Masker(["long-secret", "12345678"]).masked(value)

    assert masked == {"***": ["a ***!", 1, None, True, {"a": "no"}, "***", "***.5"]}
    assert Masker(["", " "]).mask("") == ""
    assert Masker([""]).mask("text") == "text"


def test_short_secrets_are_masked_as_a_whole() -> None:
    """A secret of fewer than eight characters is found only where it is all of a value, in any form."""
    value: JsonValue = {"n": 4711, "t": "order 4711 shipped 147110", "pin": "4711\n", "b": "NDcxMQ==", "4711": [4711.5]}

    assert Masker(["4711"]).masked(value) == {
        "n": "***",
        "t": "order 4711 shipped 147110",
        "pin": "***",
        "b": "***",
        "***": [4711.5],
    }
    assert Secrets({"PIN": "4711", "LONG": "long-secret", "EMPTY": ""}).short == ["EMPTY", "PIN"]


def test_only_what_was_sent_is_masked() -> None:
    """A secret that the request does not name leaves its answer alone, also what it has made of those that it names."""
    secrets = Secrets({"PIN": "ab", "OTHER": "unrelated"})
    _, places = detach({"header": joined(["Bearer ", secret_named("PIN")])})

    assert secrets.masker(()).masked(["ab", "unrelated"]) == ["ab", "unrelated"]
    assert secrets.masker(places).masked(["ab", "available", "Bearer ab", "unrelated"]) == [
        "***",
        "available",
        "***",
        "unrelated",
    ]


def test_the_longer_secret_is_masked_first() -> None:
    """A secret that begins another leaves no rest of it."""
    assert Masker(["long-secret", "long-secret-2"]).mask("long-secret-2 long-secret") == "*** ***"


def test_no_repr_shows_a_value() -> None:
    """Printing the secrets prints none."""
    assert VALUE not in repr(SECRETS)


NAMES = st.sampled_from(["first-secret", "second-secret", "a first-secret", "plain", "***", "***-2", "a ***", ""])


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.dictionaries(NAMES, st.integers(), max_size=8))
def test_no_entry_is_lost_by_masking(answer: dict[str, int]) -> None:
    """Fields whose names become the same have numbers; names that hold no secret stay, and so does the order."""
    masked = Masker(["first-secret", "second-secret"]).masked({**answer})
    assert isinstance(masked, dict) and list(masked.values()) == list(answer.values())
    assert not [name for name in masked if "secret" in name]
    assert [name for name in answer if "secret" not in name] == [name for name in masked if name in answer]


def test_names_that_become_one_have_numbers() -> None:
    """Two secrets as names are `***` and `***-2`."""
    assert Masker(["first-secret", "second-secret"]).masked({"second-secret": 1, "x": 2, "first-secret": 3}) == {
        "***": 1,
        "x": 2,
        "***-2": 3,
    }
