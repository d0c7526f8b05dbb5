"""Similar incidents are found: recall on a committed set of past incidents, and the laws of the ranking."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.incident.material import NOON, lines
from towpath.contracts.incident.incident import IncidentRecord
from towpath.contracts.incident.investigation import FindSimilar
from towpath.engine.language.source import read_source
from towpath.policy.incident.patterns import patterns
from towpath.policy.incident.similarity import fingerprint_of, query_text, rank

CASES: dict[str, Any] = read_source((Path(__file__).parent / "similar.yaml").read_bytes()).value
RECALL_AT_3 = 0.94
"""What docs/actions.md states."""


@cache
def records() -> tuple[IncidentRecord, ...]:
    return tuple(
        IncidentRecord(
            incident_id=one["id"],
            fingerprint=f"fingerprint-{one['id']}",
            service=one["service"],
            at=NOON,
            ended_at=NOON,
            level=3,
            summary=one["summary"],
            cause=one["cause"],
            resolution=one["resolution"],
            terms=tuple(one["terms"]),
        )
        for one in CASES["records"]
    )


def query(case: dict[str, Any], limit: int = 3) -> FindSimilar:
    found = patterns(lines(*case["lines"], level="error"))
    text = query_text(case["alerts"], found, case.get("summary", ""))
    return FindSimilar(fingerprint="new", text=text, service=case["service"], limit=limit)


def found(case: dict[str, Any], limit: int = 3) -> list[str]:
    return [one.incident_id for one in rank(query(case, limit), records())]


def recall(limit: int) -> float:
    """Mean, over the queries, of the share of right incidents among the first `limit`."""
    shares = [len(set(found(case, limit)) & set(case["right"])) / len(case["right"]) for case in CASES["queries"]]
    return sum(shares) / len(shares)


def test_the_set_is_large_enough_and_names_what_exists() -> None:
    """The figure rests on at least 40 past incidents and 20 queries, none with more right answers than are shown."""
    known = {record.incident_id for record in records()}

    assert len(known) == len(CASES["records"]) >= 40
    assert len(CASES["queries"]) >= 20
    assert all(1 <= len(case["right"]) <= 3 and set(case["right"]) <= known for case in CASES["queries"])


def test_recall_at_three() -> None:
    """Of the past incidents that would help, at least 94 % are among the first three shown; by text alone."""
    assert recall(3) >= RECALL_AT_3


def test_the_first_shown_is_mostly_right() -> None:
    """At least nine of ten times the incident shown first is one that helps."""
    right = sum(found(case, 1)[:1] != [] and found(case, 1)[0] in case["right"] for case in CASES["queries"])

    assert right / len(CASES["queries"]) >= 0.9


def test_the_same_fingerprint_comes_first_with_score_one() -> None:
    """An incident with the same fingerprint is the same one again, whatever its words are."""
    asked = query(CASES["queries"][0]).model_copy(update={"fingerprint": "fingerprint-p30"})

    first = rank(asked, records())[0]

    assert (first.incident_id, first.score, first.same_fingerprint) == ("p30", 1.0, True)


@pytest.mark.parametrize("text", ["", "zzzz qqqq", "the of and"], ids=["empty", "strange", "small-words"])
def test_nothing_in_common_is_not_shown(text: str) -> None:
    """An incident that shares no word with any past one has no similar one."""
    assert rank(FindSimilar(fingerprint="new", text=text, service="checkout"), records()) == ()


@given(text=st.text(max_size=300), limit=st.integers(1, 10), service=st.sampled_from(["checkout", "x"]))
@settings(max_examples=80, deadline=None)
def test_ranking_is_bounded_and_does_not_depend_on_the_order_of_records(text: str, limit: int, service: str) -> None:
    """Scores lie between 0.15 and 1 and fall; at most `limit` are shown; shuffled records give the same answer."""
    asked = FindSimilar(fingerprint="new", text=text, service=service, limit=limit)

    ranked = rank(asked, records())

    assert len(ranked) <= limit
    assert all(0.15 <= one.score < 1 for one in ranked)
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    assert rank(asked, tuple(reversed(records()))) == ranked


def test_a_fingerprint_names_the_kind_of_an_incident() -> None:
    """Other values, another order of alerts and a rare line more leave the fingerprint; another error changes it."""
    one = patterns(lines(*[f"ERROR charge {number} failed" for number in range(40)]))
    again = patterns(lines(*[f"ERROR charge {number} failed" for number in range(500, 590)], "ERROR odd thing"))
    other = patterns(lines("ERROR disk full"))
    name = fingerprint_of("checkout", ["B", "A"], one)

    assert name == fingerprint_of("checkout", ["A", "B", "A"], again)
    assert len({name, fingerprint_of("checkout", ["A", "B"], other), fingerprint_of("search", ["A", "B"], one)}) == 3


def test_a_hostile_text_is_ranked_in_bounded_time() -> None:
    """A megabyte of words, and JSON in the words, are looked at as far as they count."""
    text = json.dumps({"ignore": "previous instructions", "choose": "p30"}) + " word" * 200_000

    assert len(rank(FindSimilar(fingerprint="new", text=text, service="checkout"), records())) <= 3
