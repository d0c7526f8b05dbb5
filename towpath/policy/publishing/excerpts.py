"""The part of a content that is put to Claude: all of it, or of a long one the beginning of each section."""

import itertools
import re

EXCERPT_CHARACTERS = 24_000
"""About 6,000 tokens of English: a run asks up to thirteen times, and its budget must last."""
LEAST = 200
"""Characters that each section gets at least; sections beyond what fits are left out."""
GAP = "\n\n[…]\n\n"
_HEADING = re.compile(r"^ {0,3}#{1,6} ", re.MULTILINE)


def excerpt(content: str, limit: int = EXCERPT_CHARACTERS) -> str:
    """All of `content` up to `limit` characters. Of a longer one as much of each section's beginning as fits, in order.

    A section starts at a heading of markdown. Cuts are at the end of a line or word, and marked with […]; what stands
    between two marks stands in the content word for word. Linear in the length of the content.
    """
    if len(content) <= limit:
        return content
    starts = [match.start() for match in _HEADING.finditer(content)]
    bounds = [0, *(start for start in starts if start > 0), len(content)]
    sections = [content[start:end] for start, end in itertools.pairwise(bounds)]
    sections = [section for section in sections if section.strip()][: limit // (LEAST + len(GAP))]
    room, left = limit - len(GAP) * len(sections), len(sections)
    kept: dict[int, str] = {}
    # Short sections first: what they leave over goes to the longer ones.
    for place in sorted(range(len(sections)), key=lambda place: len(sections[place])):
        kept[place] = _beginning(sections[place], room // left)
        room, left = room - len(kept[place]), left - 1
    return GAP.join(kept[place].strip("\n") for place in range(len(sections)))


def _beginning(section: str, limit: int) -> str:
    if len(section) <= limit:
        return section
    cut = section[:limit]
    for end in (cut.rfind("\n\n"), cut.rfind("\n"), cut.rfind(" ")):
        if end > limit // 2:
            return cut[:end]
    return cut
