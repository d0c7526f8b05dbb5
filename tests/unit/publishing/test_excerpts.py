"""What Claude is given of a long content."""

import pytest

from tests.unit.cpu import least_cpu_seconds
from towpath.policy.publishing.excerpts import EXCERPT_CHARACTERS, GAP, excerpt

SECTIONS = "".join(f"# Part {number}\n\n" + f"Sentence of part {number}. " * 400 + "\n\n" for number in range(30))


def test_a_content_that_fits_is_given_whole() -> None:
    """Nothing is left out of a short content."""
    assert excerpt("# A\n\nText.") == "# A\n\nText."


def test_a_long_content_is_covered_to_its_end() -> None:
    """Each section of a long content is there with its beginning, word for word."""
    given = excerpt(SECTIONS)

    assert len(SECTIONS) > 10 * EXCERPT_CHARACTERS
    assert len(given) <= EXCERPT_CHARACTERS
    assert all(f"# Part {number}\n" in given for number in range(30))
    assert all(piece in SECTIONS for piece in given.split(GAP))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("word " * 200_000, id="no-headings"),
        pytest.param("x" * 1_000_000, id="one-word"),
        pytest.param("# a\n" * 250_000, id="headings-only"),
        pytest.param("\n" * 1_000_000, id="empty-lines"),
    ],
)
def test_any_content_gives_an_excerpt_quickly(content: str) -> None:
    """A megabyte of anything is cut to size in well under a second."""
    assert len(excerpt(content)) <= EXCERPT_CHARACTERS
    assert least_cpu_seconds(lambda: excerpt(content), 1) < 1
