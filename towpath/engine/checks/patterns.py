"""Regular expressions in schemas that could take for ever: a repetition of something that itself repeats.

Python's matcher tries every way to share the text among the two, which doubles with each character: `(a+)+$`. One form
is safe, and often wanted: each round begins with a character that the rest of it cannot hold, as in `(\\.[^.]+)+`.
"""

import re
from collections.abc import Iterator

LONGEST = 1_000
_TOKEN = re.compile(
    r"(?P<quantifier>(?:[*+?]|\{(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\})[?+]?)"
    r"|(?P<open>\((?:\?(?:[:=!>]|<[=!]|P?<\w+>|[aiLmsux-]+:))?)|(?P<close>\))|(?P<bar>\|)"
    r"|(?P<one>\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)|\[\^?\]?(?:\\.|[^\]\\])*\]|.)",
    re.DOTALL,
)
_SEPARATED = re.compile(
    r"(?:\\(?P<escaped>[^\w\s])|(?P<plain>[^\\\[.()^$*+?{|]))"
    r"(?P<rest>\[\^?\]?(?:\\.|[^\]\\])*\]|\\[wds])(?:[*+]|\{\d*,\d*\})"
)
"""A single character, then one kind of characters that repeats."""
FEW = 2
"""Ways to repeat that do no harm: once or not at all."""


def is_endless(pattern: str) -> bool:
    """Whether matching could take longer than anybody waits. What is too long to be looked at counts as endless."""
    if len(pattern) > LONGEST:
        return True
    groups: list[_Group] = [_Group(0)]
    closed: _Group | None = None
    for match in _TOKEN.finditer(pattern):
        if match["open"] is not None:
            groups.append(_Group(match.end()))
            closed = None
        elif match["close"] is not None and len(groups) > 1:
            closed = groups.pop()
            closed.text = pattern[closed.start : match.start()]
            groups[-1].repeats = groups[-1].repeats or closed.repeats
        elif match["quantifier"] is not None:
            if _most(match) > FEW:
                if closed is not None and closed.is_ambiguous():
                    return True
                groups[-1].repeats = groups[-1].repeats or _varies(match)
            closed = None
        else:
            closed = None
    return False


class _Group:
    """What stands between brackets, and whether anything in it repeats a varying number of times."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.text = ""
        self.repeats = False

    def is_ambiguous(self) -> bool:
        firsts = list(_firsts(self.text))
        if len(firsts) != len(set(firsts)):
            return True
        return self.repeats and not self._is_separated()

    def _is_separated(self) -> bool:
        found = _SEPARATED.fullmatch(self.text)
        return found is not None and re.fullmatch(found["rest"], found["escaped"] or found["plain"]) is None


def _firsts(text: str) -> Iterator[str]:
    """How each alternative of a group begins."""
    depth, begins = 0, True
    for match in _TOKEN.finditer(text):
        depth += 1 if match["open"] is not None else -1 if match["close"] is not None else 0
        if begins:
            yield match.group()
        begins = match["bar"] is not None and depth == 0


def _most(match: re.Match[str]) -> float:
    text = match.group()
    if text[0] in "*+":
        return float("inf")
    if text[0] == "?":
        return 1
    most = match["most"] if match["comma"] else match["least"]
    return float(most) if most else float("inf")


def _varies(match: re.Match[str]) -> bool:
    return match.group()[0] in "*+" or bool(match["comma"] and match["least"] != match["most"])
