"""Tables and words for a terminal and for a pipe."""

import io
from datetime import datetime

import pytest
from rich.console import Console
from rich.table import Table

from towpath.views.tables import show_table
from towpath.views.wording import count, form_of, utc

KEY = "customer-onboarding/" + "k" * 60


@pytest.mark.parametrize("is_terminal", [False, True])
def test_keys_are_whole_in_a_pipe(is_terminal: bool) -> None:
    """A terminal's width binds its table; a pipe gets each row in one line, whatever is printed afterwards."""
    console = Console(file=io.StringIO(), width=40, force_terminal=is_terminal, color_system=None)
    table = Table("run", "key", box=None)
    table.add_row("first", KEY)
    show_table(console, table)
    assert isinstance(console.file, io.StringIO)
    assert (KEY in console.file.getvalue()) is not is_terminal
    assert console.width == 40


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1200, "1,200 rows")], ids=["0", "1", "2", "1200"]
)
def test_numbers_have_their_nouns(number: int, said: str) -> None:
    """One of a thing is not some of them."""
    assert count(number, "row") == said
    assert count(2, "query", "queries") == "2 queries"


def test_a_time_is_in_the_zone_that_is_named() -> None:
    """What somebody gave with an offset is shown in UTC, since that is what stands beside it."""
    assert utc(datetime.fromisoformat("2027-03-03T09:00+09:00")) == "2027-03-03 00:00 UTC"


def test_a_form_is_told_in_words() -> None:
    """Nobody reads a pattern."""
    assert form_of("country") == "must be two capital letters, like KR"
    assert form_of("another") == "does not have the right form"
