"""What a redrive says before it starts: kept, done again, and sent how."""

from datetime import UTC, datetime

import pytest

from tests.unit.engine.test_progress import plan_of
from towpath.contracts.declared.within import Sending, SentStep
from towpath.engine.run.sameness import Uuids
from towpath.engine.scheduling.redriving import sent_again

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STEP = "  - {id: pay, type: api, config: {service: s, method: %s}%s}"
BEFORE = plan_of(STEP % ("charge", ""))


@pytest.mark.parametrize(
    ("after", "stands", "words", "still"),
    [
        pytest.param(STEP % ("charge", ""), True, "as before, under the same key: that stands", True, id="stands"),
        pytest.param(STEP % ("charge", ""), False, "under another one where its inputs", False, id="did-not-happen"),
        pytest.param(STEP % ("charge", ", timeout: 9s"), True, "that stands, or may", True, id="other-options"),
        pytest.param(STEP % ("debit", ""), True, "what was sent before stands, or may", False, id="changed-in-doubt"),
        pytest.param(STEP % ("debit", ""), False, "the step changed", False, id="changed"),
    ],
)
def test_plan_of_a_redrive_says_how_each_step_is_sent(after: str, stands: bool, words: str, still: bool) -> None:
    """Before a redrive, a person reads for each step whether it goes out as before or under another key."""
    sent = SentStep(now=NOW, digest="d", config={}, stands=stands)
    given, told = sent_again(BEFORE, plan_of(after), Sending(began=NOW, salt="s", steps={"pay": sent}), ())
    assert words in told["pay"] and given.steps["pay"].stands is still


def test_kept_steps_are_not_told() -> None:
    """A step whose output is kept is not sent, and nothing is said of it."""
    sent = SentStep(now=NOW, digest="d", stands=True)
    _, told = sent_again(BEFORE, BEFORE, Sending(began=NOW, salt="s", steps={"pay": sent}), {"pay"})
    assert told == {}


def test_uuids_are_the_same_when_made_again() -> None:
    """The same run and place give the same uuids in turn; another place or another run gives others."""
    first, again = Uuids("salt", "pay"), Uuids("salt", "pay")
    made = [first(), first()]
    assert made == [again(), again()] and made[0] != made[1]
    assert {made[0], Uuids("salt", "pay/0")(), Uuids("other", "pay")()}.isdisjoint({made[1]})
    assert [len(part) for part in made[0].split("-")] == [8, 4, 4, 4, 12] and made[0][14] == "4"
