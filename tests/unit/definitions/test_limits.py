"""The limits that a definition's author reads are those that runs have."""

from datetime import timedelta
from pathlib import Path

import pytest

from towpath.engine.run.effects import READING
from workflows.kit.options import CHECK, CLAUDE, EFFECT, EMIT, FUNCTION, LOOKUP, NOTICE, UNDO, Work

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "definitions.md"
CALLS = {
    "`http` that reads (GET, HEAD, OPTIONS)": CHECK,
    "`http` that writes": EFFECT,
    "`api`": EFFECT,
    "`function` with an effect": FUNCTION,
    "`multi-channel`, each channel": EFFECT,
    "`notify`": NOTICE,
    "`claude`, each question": CLAUDE,
    "`emit`": EMIT,
    "`compensate`": UNDO,
    "`check`": CHECK,
    "`cache`, finding the definition of a `workflow` step": LOOKUP,
}


def table() -> dict[str, list[str]]:
    """The rows below the heading, by what they speak of."""
    section = DOCUMENT.read_text(encoding="utf-8").partition("### Limits")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in rows}


def words(time: timedelta | None) -> str:
    if time is None:
        return ""
    seconds = time.total_seconds()
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def waits(work: Work) -> str:
    retry = work.retry
    longest = retry.initial_interval * retry.backoff_coefficient ** (retry.maximum_attempts - 2)
    bound = retry.maximum_interval
    until = f" up to {words(bound)}" if bound is not None and longest > bound else ""
    return f"{words(retry.initial_interval)}, doubling{until}"


@pytest.mark.parametrize("call", CALLS)
def test_documented_limits_hold(call: str) -> None:
    """Attempts, waits and time limits of each call are those of the table in docs/definitions.md."""
    work, (attempts, wait, one, whole) = CALLS[call], table()[call]
    assert (attempts, wait, whole) == (str(work.retry.maximum_attempts), waits(work), words(work.schedule_to_close))
    assert one.partition(";")[0].partition(",")[0] == words(work.start_to_close)


def test_every_call_is_documented() -> None:
    """The table speaks of nothing else, and reading is what it says it is."""
    assert set(table()) == set(CALLS)
    assert {"GET", "HEAD", "OPTIONS"} == READING
