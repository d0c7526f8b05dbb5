"""Secrets beside the data: taken out of a config and put back, and told apart from data that looks like them."""

from typing import Any

import pytest

from towpath.engine.checks.loading import digest
from towpath.engine.expression.template import joined, secret_named
from towpath.engine.run.evaluation import StepError
from towpath.engine.run.references import attach, attach_old, config_digest, detach

TOKEN = secret_named("TOKEN")
BEARER = joined(["Bearer ", TOKEN])
CONFIG: dict[str, Any] = {"headers": {"A": BEARER}, "body": [{"t": TOKEN}, {"$secret": "TOKEN"}], "url": "u"}
KEPT: dict[str, Any] = {
    "headers": {"A": {"$text": ["Bearer ", {"$secret": "TOKEN"}]}},
    "body": [{"t": {"$secret": "TOKEN"}}, {"$secret": "TOKEN"}],
    "url": "u",
}
"""The same as an earlier version kept it."""


def test_a_config_comes_back() -> None:
    """What was taken apart is put together again, and data that looks like a secret is data."""
    data, places = detach(CONFIG)

    assert [place.path for place in places] == [("headers", "A"), ("body", 0, "t")]
    assert attach(data, places) == CONFIG


def test_only_named_secrets_are_sent() -> None:
    """A secret that the step does not name, as a computed name could bring in, is refused before anything is sent."""
    with pytest.raises(StepError, match="'TOKEN', which the step does not name"):
        detach(CONFIG, ("OTHER",))
    assert detach({"a": 1}, ()) == ({"a": 1}, ())


def test_an_older_worker_refuses_a_request_with_secrets() -> None:
    """It looks for secrets in the data, and finds at their places names that the request does not allow."""
    data, _ = detach({"a": TOKEN, "b": joined(["x", TOKEN])})

    assert data == {"a": {"$secret": "TOKEN"}, "b": {"$secret": "TOKEN"}}


def test_what_an_earlier_version_kept_is_read() -> None:
    """A secret is where the config as it is made now has it, and nowhere else."""
    assert attach_old(KEPT, CONFIG) == CONFIG
    changed = {**CONFIG, "headers": {"A": TOKEN}, "body": "text"}
    assert attach_old(KEPT, changed) == KEPT


def test_digests_tell_data_from_secrets() -> None:
    """A digest is as it was in earlier versions, but for data that looks like a secret."""
    plain: dict[str, Any] = {"a": [1, {"b": None}]}
    assert config_digest(plain) == digest(dict(plain))
    assert config_digest({"a": TOKEN}) == digest({"a": {"$secret": "TOKEN"}})
    assert config_digest({"a": BEARER}) == digest({"a": {"$text": ["Bearer ", {"$secret": "TOKEN"}]}})
    looks: list[dict[str, Any]] = [{"a": {"$secret": "TOKEN"}}, {"a": {"$data": {"$secret": "TOKEN"}}}, {"a": TOKEN}]
    assert len({config_digest(config) for config in looks}) == 3
    assert config_digest(None) == digest(None)
