"""Any JSON as the input of any process: it fits, or is told with its place; what fits is checked without accident."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue
from temporalio.api.common.v1 import Payload
from temporalio.exceptions import ApplicationError as PayloadDoesNotFit

from tests.security.test_json_starts import GOOD
from towpath.contracts.pipeline.pipeline import PipelineRequest
from towpath.control.temporal import StrictPayloadConverter
from towpath.policy.onboarding import starting as of_customers
from towpath.policy.pipeline import starting as of_pipelines
from towpath.policy.publishing import starting as of_posts
from towpath.registry import processes


def of_pipeline(request: PipelineRequest) -> Sequence[str]:
    return of_pipelines.start_problems(request.config)


CHECKS: dict[str, Callable[[Any], Sequence[str]]] = {
    "customer-onboarding": of_customers.start_problems,
    "content-publishing": of_posts.start_problems,
    "etl-pipeline": of_pipeline,
}
Place = tuple[str | int, ...]
ODD = ["../x", "/etc/passwd", "\x00", "a\nb", "{{ inputs }}", "s3://a", "9" * 400]
TEXTS = st.text(max_size=20) | st.sampled_from(ODD)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
ANY = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)


def places(value: JsonValue, above: Place = ()) -> list[Place]:
    """Of each value in a document."""
    inner: list[tuple[str | int, JsonValue]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [above, *(place for key, one in inner for place in places(one, (*above, key)))]


def changed(value: JsonValue, place: Place, given_value: JsonValue) -> JsonValue:
    """The document with another value there."""
    if not place:
        return given_value
    key, rest = place[0], place[1:]
    if isinstance(value, dict):
        return {**value, str(key): changed(value[str(key)], rest, given_value)}
    assert isinstance(value, list) and isinstance(key, int)
    return [*value[:key], changed(value[key], rest, given_value), *value[key + 1 :]]


@pytest.mark.parametrize("name", sorted(processes()))
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_input(name: str, data: st.DataObject) -> None:
    """A good request with a value of it changed into anything, or anything at all."""
    process = processes()[name]
    good = GOOD.get(name, {})
    place = data.draw(st.sampled_from(places(good)))
    text = json.dumps(changed(good, place, data.draw(ANY)))
    payload = Payload(metadata={"encoding": b"json/plain"}, data=text.encode())
    with suppress(PayloadDoesNotFit):
        request = StrictPayloadConverter().from_payloads([payload], [process.request])[0]
        problems = CHECKS[name](request) if name in CHECKS else ()
        assert all(problem and "\n" not in problem for problem in problems)
