"""Whose turn it is at a place with limits, as a value: limits, order, fair groups, what was lost, and tokens."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towpath.contracts.core.quota import LineRecord, TurnEnded, TurnRequest
from towpath.policy.core.turns import MINUTE, MOST, WaitingLine

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def ask(call: str, group: str = "", **fields: int) -> TurnRequest:
    return TurnRequest(call=call, workflow_id="run/1", run_id="1", group=group, **fields)


def line() -> WaitingLine:
    return WaitingLine(LineRecord(place="service/orders"))


def granted(found: Sequence[TurnRequest]) -> list[str]:
    return [turn.call for turn in found]


def test_turns_are_given_in_order() -> None:
    """Two at once: the third has its turn when one of them ends, and who asks twice stands once."""
    kept = line()
    for call in ("a", "b", "c", "c", "d"):
        kept.join(ask(call, concurrent=2), NOW)
    assert granted(kept.settle(NOW)) == ["a", "b"]
    assert (kept.ahead("c"), kept.ahead("d"), kept.ahead("new")) == (0, 1, 2)

    kept.leave(TurnEnded(call="a"), NOW)
    assert granted(kept.settle(NOW)) == ["c"]


def test_groups_take_turns() -> None:
    """Of a hundred calls of one group, two of another are among the next four."""
    kept = line()
    for number in range(100):
        kept.join(ask(f"large-{number}", "large", concurrent=1), NOW)
    kept.settle(NOW)
    for number in range(2):
        kept.join(ask(f"small-{number}", "small", concurrent=1), NOW)
    order: list[str] = []
    for _ in range(6):
        kept.leave(TurnEnded(call=kept.record.held[0].call), NOW)
        order += granted(kept.settle(NOW))

    assert [call.partition("-")[0] for call in order][:4].count("small") == 2
    assert order.index("small-0") < order.index("small-1")


def test_a_lost_turn_ends_with_its_time() -> None:
    """A call whose run and worker are gone keeps its turn for its time, and no longer."""
    kept = line()
    kept.join(ask("lost", concurrent=1), NOW)
    kept.join(ask("next", concurrent=1), NOW)
    assert granted(kept.settle(NOW)) == ["lost"]

    assert kept.next_change(NOW) == MINUTE
    assert granted(kept.settle(NOW + timedelta(seconds=59))) == []
    assert granted(kept.settle(NOW + MINUTE)) == ["next"]


def test_a_call_is_sent_in_its_turn_only() -> None:
    """Where others wait or hold all turns, a call without its own is not sent; where nobody is, it needs no line."""
    kept = line()
    assert kept.take(ask("first", concurrent=1, attempt=1), NOW)
    assert kept.take(ask("first", concurrent=1, attempt=2), NOW)
    assert not kept.take(ask("second", concurrent=1), NOW)
    kept.join(ask("third", concurrent=1), NOW)
    kept.leave(TurnEnded(call="first", attempt=1), NOW)
    assert kept.is_held("first"), "an attempt that was given up for dead ends only its own turn"
    kept.leave(TurnEnded(call="first", attempt=2), NOW)
    assert not kept.take(ask("second", concurrent=1), NOW), "somebody waits before it"


def test_tokens_of_a_minute() -> None:
    """What a call may use counts while it is under way, and what it used for a minute after it."""
    kept = line()
    for call, tokens in (("a", 600), ("b", 500), ("large", 5_000)):
        kept.join(ask(call, tokens=tokens, tokens_per_min=1_000), NOW)
    assert granted(kept.settle(NOW)) == ["a"]

    kept.leave(TurnEnded(call="a", tokens=300), NOW)
    assert granted(kept.settle(NOW)) == ["b"]
    kept.leave(TurnEnded(call="b"), NOW + timedelta(seconds=5))
    assert granted(kept.settle(NOW + MINUTE)) == []
    assert granted(kept.settle(NOW + MINUTE + timedelta(seconds=5))) == ["large"], "it goes when nothing else counts"


def test_a_full_line_keeps_no_more() -> None:
    """What comes to a full line asks again later; the record stays small."""
    kept = line()
    for number in range(MOST + 1):
        kept.join(ask(f"c{number}", concurrent=1), NOW)

    assert len(kept.record.waiting) == MOST
    assert kept.ahead(f"c{MOST}") == MOST


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["join", "take", "leave", "wait"]), st.integers(0, 8), st.sampled_from("ab"), st.booleans()
        ),
        max_size=60,
    )
)
def test_no_order_of_events_passes_a_limit(events: Sequence[tuple[str, int, str, bool]]) -> None:
    """Whatever is asked, and whenever: three hold turns at most, tokens fit, and nobody waits for nothing."""
    kept, now = line(), NOW
    for verb, number, group, slow in events:
        request = ask(f"c{number}", group, concurrent=3, tokens=10 * number, tokens_per_min=200)
        match verb:
            case "join":
                kept.join(request, now)
            case "take":
                kept.take(request, now)
            case "leave":
                kept.leave(TurnEnded(call=request.call), now)
            case _:
                now += timedelta(seconds=45 if slow else 1)
        kept.settle(now)
        held, spent = kept.record.held, kept.record.spent
        used = sum(turn.tokens for turn in held) + sum(entry.tokens for entry in spent)
        assert len(held) <= 3 and used <= 200
        assert len({turn.call for turn in held} | {ticket.request.call for ticket in kept.record.waiting}) == len(
            held
        ) + len(kept.record.waiting)
        assert not kept.record.waiting or len(held) == 3 or used > 0


@pytest.mark.parametrize("concurrent", [1, 3])
def test_everybody_has_a_turn_at_last(concurrent: int) -> None:
    """As long as calls end, the line becomes empty."""
    kept = line()
    for number in range(50):
        kept.join(ask(f"c{number}", str(number % 7), concurrent=concurrent), NOW)
    kept.settle(NOW)
    ended: list[str] = []
    while kept.record.held:
        ended.append(kept.record.held[0].call)
        kept.leave(TurnEnded(call=ended[-1]), NOW)
        kept.settle(NOW)

    assert len(set(ended)) == len(ended) == 50 and not kept.record.waiting
