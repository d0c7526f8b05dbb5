"""Every time that is printed is in the zone that it names: one function writes them, in all rooms."""

import ast
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.house.moments import found, misleading
from towpath.contracts.core.moments import clock_in_utc, in_utc

ROOT = Path(__file__).resolve().parents[2]
AT = datetime(2027, 3, 28, 9, 0, 5, tzinfo=timezone(timedelta(hours=1)))


def test_moments_are_written_by_one_function() -> None:
    """`in_utc` converts; an f-string of one's own prints the clock of whatever offset came in."""
    assert found(ROOT) == []


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        pytest.param('f"{at:%Y-%m-%d %H:%M} UTC"', [1], id="zone-behind-it"),
        pytest.param('f"at {at:%H:%M:%S %Z}, then"', [1], id="zone-in-the-format"),
        pytest.param('f"{x.at:%H:%M UTC}"', [1], id="zone-as-text-in-the-format"),
        pytest.param('f"{at.astimezone(UTC):%H:%M} UTC"', [], id="brought-into-it"),
        pytest.param('f"{at:%H:%M} in {zone}"', [], id="names-no-zone"),
        pytest.param('f"{in_utc(at)}, {n} UTC"', [], id="by-the-function"),
    ],
)
def test_the_rule_finds_what_it_should(code: str, lines: list[int]) -> None:
    """Planted cases."""
    assert list(misleading(ast.parse(code))) == lines


def test_a_moment_is_written_in_utc() -> None:
    """Nine o'clock in Paris is eight in UTC."""
    assert in_utc(AT) == "2027-03-28 08:00 UTC"
    assert in_utc(AT, seconds=True) == "2027-03-28 08:00:05 UTC"
    assert clock_in_utc(AT) == "08:00 UTC"
    assert in_utc(AT.astimezone(UTC).replace(tzinfo=None)) == in_utc(AT)
