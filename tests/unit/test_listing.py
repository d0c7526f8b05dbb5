"""Texts in queries of Temporal's lists: what a list is asked for is quoted, what is to be found is askable."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towpath.contracts.core.listing import UnlistableError, as_listed, in_query, is_askable
from towpath.contracts.core.wire import JsonObject
from towpath.engine.checks.loading import digest, load_plan
from towpath.engine.language.plan import Plan
from towpath.engine.run.awaited import awaited_events, awaited_names, started_names, starting_names
from towpath.engine.run.evaluation import Evaluation, RunFacts

TEXTS = st.text(alphabet=st.sampled_from("ab'\"\\\n\té한. |,%~_"), min_size=1, max_size=8)


def plan_of(event: str, **more: str) -> Plan:
    """A definition that an event starts, and that waits for it."""
    document: JsonObject = {
        "id": "tried",
        "version": "1.0.0",
        "triggers": [{"type": "event", "source": event}],
        "steps": [{"id": "w", "type": "wait", "config": {"event": event, **more}}],
    }
    return load_plan(digest(document), document)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(event=TEXTS, subject=st.one_of(st.none(), TEXTS))
def test_every_event_is_found_by_the_names_that_it_is_waited_for(event: str, subject: str | None) -> None:
    """Whatever is in a type or a subject: one name is what is shown, and a query can be made of all of them."""
    about = None if subject is None else subject.encode().hex()
    plan = plan_of(event) if about is None else plan_of(event, correlate=f"{{{{ '{about}' }}}}")
    evaluation = Evaluation(RunFacts("tried/1", datetime(2026, 1, 1, tzinfo=UTC)), {}, {}, {}, lambda: "")
    asked = awaited_names(event, about or "")
    assert set(awaited_events(plan, evaluation)) & set(asked)
    assert set(starting_names(plan.definition)) & set(started_names(event))
    for name in (*asked, *started_names(event)):
        assert in_query(name) == f"""'{name.replace("'", "''")}'"""


@settings(max_examples=300, derandomize=True, deadline=None)
@given(TEXTS, TEXTS)
def test_two_texts_are_never_listed_as_one(one: str, other: str) -> None:
    """What is shown of a text can be asked for, differs for different texts, and is the text itself for nearly all."""
    shown = as_listed(one)
    assert (is_askable(shown) and as_listed(other) != shown) or one == other
    assert shown == one or any(character in one for character in "'\"\\\n\t")


@pytest.mark.parametrize("text", ['say "x"', "a\\b", "'led", "ends'", "a\nb"])
def test_what_no_list_finds_is_said(text: str) -> None:
    """The server compares such a text with its escapes in it: an empty list would be no answer."""
    with pytest.raises(UnlistableError, match="list all of them"):
        in_query(text)
